"""E-mail about new errors and sighted cases: one digest in a quarter of an hour.

A digest has links and no number: mail is stored on other machines.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid

from modemagent.registry.outbound import digest
from modemagent.registry.outbound.digest import Digest
from modemagent.registry.store.intake.recorder import Recorder

log = logging.getLogger(__name__)

_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOptions:
    """Where mail is sent, and how.

    :param security: ``starttls``, ``tls`` from the first byte, or ``none``
    :param password: of the user; both empty: the server needs none
    :param public_url: origin of the pages, for links
    """

    host: str
    port: int
    sender: str
    recipients: Sequence[str]
    security: str = "starttls"
    user: str = ""
    password: str = ""
    public_url: str | None = None


class Mailer:
    """Sends digests, beside other processes that do the same: one of them sends each."""

    def __init__(self, recorder: Recorder, options: MailOptions) -> None:
        self._recorder = recorder
        self._options = options

    def run(self) -> None:
        """Send a digest if one is due."""
        found = self._recorder.run(digest.take)
        if found is None:
            return
        try:
            self._send(found)
        except (OSError, smtplib.SMTPException) as error:
            # addresses and what the server answered are not logged
            log.error("no mail was sent, tried again in a minute: %s", type(error).__name__)
            return
        self._recorder.run(lambda batch: digest.sent(batch, found))

    def _send(self, found: Digest) -> None:
        options = self._options
        context = ssl.create_default_context()
        if options.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                options.host, options.port, timeout=_TIMEOUT_S, context=context
            )
        else:
            server = smtplib.SMTP(options.host, options.port, timeout=_TIMEOUT_S)
        with server:
            if options.security == "starttls":
                server.starttls(context=context)
            if options.user:
                server.login(options.user, options.password)
            refused = server.send_message(self._message(found))
        if refused:
            log.error("the mail server refused %d of the recipients", len(refused))

    def _message(self, found: Digest) -> EmailMessage:
        options = self._options
        message = EmailMessage()
        message["From"], message["To"] = options.sender, ", ".join(options.recipients)
        message["Subject"] = digest.subject(found)
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = make_msgid(domain=options.sender.rpartition("@")[2] or None)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no program answers
        message.set_content(digest.text(found, options.public_url))
        return message
