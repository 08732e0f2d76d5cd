"""Options that the servers and the workers of a registry share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modemagent.cli.options import F, value_option
from modemagent.cli.registry.people import public_url_option
from modemagent.errors import UsageError

if TYPE_CHECKING:
    from modemagent.registry.outbound.mail import MailOptions

_PORTS = {"starttls": 587, "tls": 465, "none": 25}

hold_back_option = value_option(
    "--hold-back",
    "S",
    "Seconds for which an event waits for missing reports before it.",
    type=click.FloatRange(min=0),
    default=3600.0,
)
keep_bodies_option = value_option(
    "--keep-bodies",
    "DAYS",
    "Days for which the bodies of reports are kept; default: without limit.",
    type=click.IntRange(min=1),
)
webhook_option = value_option(
    "--webhook-network",
    "NET",
    "Network of private addresses that webhooks may have, such as 10.1.0.0/16; repeatable.",
    multiple=True,
)


def outbound_options(function: F) -> F:
    """Add the options of webhooks, of mail, and of the address of the pages."""
    options = [
        public_url_option,
        webhook_option,
        value_option("--mail-to", "ADDRESS", "Recipient of mail about new errors; repeatable.",
                     multiple=True),
        value_option("--mail-from", "ADDRESS", "Sender of that mail."),
        value_option("--smtp", "HOST[:PORT]", "Mail server for --mail-to."),
        value_option("--smtp-security", "HOW", "starttls, tls or none.", default="starttls",
                     type=click.Choice(tuple(_PORTS))),
        value_option("--smtp-user", "NAME", "User at the mail server."),
        value_option("--smtp-password-file", "FILE", "Its password.",
                     type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    ]  # fmt: skip
    for one in reversed(options):
        function = one(function)
    return function


def _mail_options(
    mail_to: tuple[str, ...],
    mail_from: str | None,
    smtp: str | None,
    smtp_security: str,
    smtp_user: str | None,
    smtp_password_file: Path | None,
    public_url: str | None,
) -> MailOptions | None:
    """Return where mail is sent; None: nowhere.

    :raises UsageError: an option is missing or not valid
    """
    if not mail_to:
        if smtp or mail_from:
            raise UsageError("no mail is sent without --mail-to", hint="Add --mail-to ADDRESS.")
        return None
    if not smtp or not mail_from:
        hint = "Example: --smtp mail.example --mail-from registry@example.com"
        raise UsageError("--mail-to needs --smtp and --mail-from", hint=hint)
    if not all("@" in one and one.isascii() and one.isprintable() for one in (*mail_to, mail_from)):
        raise UsageError("a mail address is not valid", hint="Example: ops@example.com")
    host, _, port = smtp.partition(":")
    if not host or (port and not port.isdecimal()):
        raise UsageError(f"--smtp {smtp!r} is not HOST:PORT", hint="Example: mail.example:587")
    from modemagent.registry.outbound.mail import MailOptions

    password = smtp_password_file.read_text(encoding="utf-8").strip() if smtp_password_file else ""
    return MailOptions(
        host=host,
        port=int(port or _PORTS[smtp_security]),
        sender=mail_from,
        recipients=mail_to,
        security=smtp_security,
        user=smtp_user or "",
        password=password,
        public_url=public_url,
    )


def mail_of(options: dict[str, Any], public_url: str | None) -> MailOptions | None:
    """Take the options of mail out of the options of a command; return where mail is sent."""
    names = ("mail_to", "mail_from", "smtp", "smtp_security", "smtp_user", "smtp_password_file")
    return _mail_options(public_url=public_url, **{name: options.pop(name) for name in names})
