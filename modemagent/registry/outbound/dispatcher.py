"""The thread that makes the messages to webhooks and sends them, and sends mail."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby

import urllib3
from sqlalchemy.exc import SQLAlchemyError

from modemagent import __version__
from modemagent.http_exchange import AddressRefused, ExchangeError, HttpClient, Limits
from modemagent.registry.outbound import messages
from modemagent.registry.outbound.mail import Mailer, MailOptions
from modemagent.registry.outbound.messages import AttemptResult, Message
from modemagent.registry.outbound.signing import signed_headers
from modemagent.registry.outbound.targets import Network, address_rule
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.intake.batch import Contested
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.outbound import notices

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_MAIL_EVERY_S = 10.0
_SENDERS = 4  # webhooks that get messages at a time
_LIMITS = Limits(connect_s=5.0, idle_s=10.0, total_s=15.0, body_bytes=64 * 1024)


class Dispatcher:
    """Makes and sends the messages to webhooks, beside other processes that do the same.

    :param allowed: networks that are not public, whose addresses may be connected to
    :param mail: where digests of new errors are sent; None: nowhere
    :param on_events: called when cases and links are in the log of events
    """

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        allowed: Sequence[Network] = (),
        mail: MailOptions | None = None,
        on_events: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._allowed = allowed
        self._on_events = on_events
        self._mailer = None if mail is None else Mailer(recorder, mail)
        self._mail_s = 0.0  # when a digest may be due next
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="registry-dispatcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the message in progress; others are sent by the next process."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        with ThreadPoolExecutor(_SENDERS, "registry-webhook") as pool:
            while not self._stopping.wait(_LOOK_EVERY_S):
                try:
                    self._number()
                    while not self._stopping.is_set() and self._run(pool):
                        pass
                    self._mail()
                except (SQLAlchemyError, Contested) as error:
                    log.error("webhooks failed and are tried again: %s", type(error).__name__)
                except Exception as error:
                    log.error("webhooks failed and are tried again", exc_info=error)

    def _number(self) -> None:
        """Give new findings, cases and links their places in the order."""
        with self._database.reading() as connection:
            is_waiting = notices.is_waiting(connection)
        while is_waiting:
            is_waiting, changed = self._recorder.run(
                lambda batch: (notices.number_waiting(batch), batch.events_changed)
            )
            if changed:
                self._on_events()

    def _mail(self) -> None:
        if self._mailer is not None and time.monotonic() >= self._mail_s:
            self._mail_s = time.monotonic() + _MAIL_EVERY_S
            self._mailer.run()

    def _run(self, pool: ThreadPoolExecutor) -> bool:
        """Send what is due; return True if there may be more."""
        with self._database.reading() as connection:
            if not messages.is_waiting(connection, now_ms()):
                return False
        more = self._recorder.run(messages.make_messages)
        claimed = self._recorder.run(messages.claim)
        claimed.sort(key=lambda one: (one.webhook, one.id))
        groups = [list(some) for _, some in groupby(claimed, key=lambda one: one.webhook)]
        for _ in pool.map(self._send_all, groups):
            pass
        return more or bool(claimed)

    def _send_all(self, group: Sequence[Message]) -> None:
        """Send the messages of one webhook in order, over one connection."""
        url = group[0].url
        tls = ssl.create_default_context() if url.lower().startswith("https:") else None
        client = HttpClient(_LIMITS, tls=tls, is_allowed=address_rule(url, self._allowed))
        try:
            for one in group:
                if self._stopping.is_set():
                    return
                outcome = _send(client, one)
                self._recorder.run(partial(messages.finish, message=one, outcome=outcome))
        finally:
            client.close()


def _send(client: HttpClient, message: Message) -> AttemptResult:
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "User-Agent": f"modemagent-registry/{__version__}",
        **signed_headers(message.secrets, f"msg_{message.id}", int(time.time()), message.body),
    }
    try:
        response = client.request("POST", message.url, headers=headers, body=message.body)
    except AddressRefused:
        return AttemptResult(None, "the host has only addresses that may not be connected to")
    except ExchangeError as error:
        return AttemptResult(None, str(error))
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return AttemptResult(None, _reason(error))
    if 200 <= response.status < 300:
        return AttemptResult(response.status, "")
    what = "a redirect, which is not followed" if 300 <= response.status < 400 else "an error"
    retry_after = response.headers.get("Retry-After")
    return AttemptResult(response.status, f"the receiver answered with {what}", retry_after)


def _reason(error: Exception) -> str:
    """Return what happened, without the address, which a reader of the message need not see."""
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "the name of the host was not resolved"
    if isinstance(error, urllib3.exceptions.SSLError):
        return "TLS failed: the certificate is not valid, or the server has none"
    if isinstance(error, urllib3.exceptions.NewConnectionError):  # a timeout also, by its class
        return "no connection"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "no response in time"
    return "the connection was lost"
