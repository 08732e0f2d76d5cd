"""The registry over HTTP: ``POST /api/v1/reports`` with a batch, a receipt per report."""

from __future__ import annotations

import email.utils
import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modemagent import __version__
from modemagent.errors import ClockNotSet, RegistryRefused, RegistryUnreachable, SettingsError
from modemagent.http_exchange import ExchangeError, HttpClient, HttpResponse, Limits
from modemagent.report import origin
from modemagent.report.delivery.sinks.catalogue import SinkOptions
from modemagent.report.delivery.sinks.contract import ItemStatus, Receipt
from modemagent.report.delivery.sinks.lean import urllib3
from modemagent.report.delivery.uplink import LONGEST_ASKED_S, LONGEST_ASKED_UNAUTHENTICATED_S
from modemagent.report.message import BOOT_ID_HEADER, UPTIME_HEADER
from modemagent.report.outbox.outbox import QueuedReport

if TYPE_CHECKING:
    from modemagent.report.delivery.sinks.tls import TlsTrust

LIMITS = Limits(connect_s=5.0, idle_s=15.0, total_s=30.0, body_bytes=2 * 1024 * 1024)
# the smallest batch there is, a heartbeat without modems, is 419 bytes and 305 compressed
_COMPRESS_FROM = 384
_GZIP = 16 + zlib.MAX_WBITS  # zlib.h, deflateInit2: a gzip header, whose time is not told
_PROBLEM_JSON = "application/problem+json"

# These answers are about the batch as sent, so sending it again can not help; they are believed
# only from a registry (a problem document), never from a proxy or a login page in between.
ABOUT_THE_BATCH = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


class HttpSink:
    """One registry; keeps its connection open between batches."""

    def __init__(self, options: SinkOptions, *, limits: Limits = LIMITS) -> None:
        parts = urlsplit(options.url)
        if not parts.hostname or parts.username or parts.query or parts.fragment:
            raise SettingsError(
                f"{_without_secret(options.url)!r} is no registry address",
                hint="It looks like https://registry.example:8470, with no user and no query.",
            )
        self.address = options.url.rstrip("/")
        self._options = options
        self._limits = limits
        self._trust = _trust(options) if parts.scheme == "https" else None
        if (options.proxy or "").lower().startswith("https:"):
            _require_tls()
        self._client = HttpClient(
            limits, tls=self._trust.context if self._trust else None, proxy=options.proxy
        )

    def deliver(self, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
        body = b'{"reports":[' + b",".join(stored.body for stored in batch) + b"]}"
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"modemagent/{__version__}",
            BOOT_ID_HEADER: origin.boot_id(),
            UPTIME_HEADER: str(origin.uptime_ms()),
        }
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        if self._options.compress and len(body) >= _COMPRESS_FROM:
            body = zlib.compress(body, level=6, wbits=_GZIP)
            headers["Content-Encoding"] = "gzip"
        answer = self._exchange(body, headers)
        if answer.status == HTTPStatus.OK:
            return _receipts(answer.body, batch)
        raise _refusal(
            answer.status,
            answer.headers,
            answer.body,
            self.address,
            batch[0],
            # whoever can write into a connection without TLS could ask for a day's silence
            longest_wait_s=LONGEST_ASKED_S if self._trust else LONGEST_ASKED_UNAUTHENTICATED_S,
        )

    def close(self) -> None:
        self._client.close()

    def _token(self) -> str:
        file = self._options.token_file
        if file is None:
            return ""
        try:
            token = file.read_text("ascii").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no ASCII text"
            raise RegistryRefused(
                f"no token: {file} can not be read ({reason})",
                status=HTTPStatus.UNAUTHORIZED,
                hint="Put the gateway's token into that file.",
            ) from None
        if not token or not token.isprintable() or " " in token:
            raise RegistryRefused(
                f"no token: {file} must hold one token and nothing else",
                status=HTTPStatus.UNAUTHORIZED,
                hint="Put the gateway's token into that file.",
            )
        return token

    def _exchange(self, body: bytes, headers: dict[str, str]) -> HttpResponse:
        try:
            return self._client.request(
                "POST", f"{self.address}/api/v1/reports", body=body, headers=headers
            )
        except ExchangeError as error:
            raise RegistryUnreachable(
                f"{self.address}: {error}",
                hint="Check that the address is the registry's, and the network.",
            ) from None
        except urllib3.exceptions.HTTPError as error:
            if _is_about_time(error) and not origin.clock_synchronized():
                raise ClockNotSet(
                    f"{self.address}: {_in_words(error, self._limits)}",
                    hint="Waits for the clock to be set; is there a way to a time server?",
                ) from None
            if self._trust and self._trust.widen(error):  # which it does once
                return self._exchange(body, headers)
            raise RegistryUnreachable(
                f"{self.address}: {_in_words(error, self._limits)}",
                hint="Check the address, the network and that the registry runs.",
            ) from None


def open_sink(options: SinkOptions) -> HttpSink:
    return HttpSink(options)


def _trust(options: SinkOptions) -> TlsTrust:
    _require_tls()
    from modemagent.report.delivery.sinks.tls import TlsTrust

    return TlsTrust(options)


def _require_tls() -> None:
    if getattr(urllib3.connection, "ssl", None) is None:
        # see modemagent.agent.lean; only another address at a reload comes here
        raise SettingsError(
            "the agent was started without TLS",
            hint="Restart it to use an https registry or proxy.",
        )


def _without_secret(url: str) -> str:
    scheme, slashes, rest = url.partition("://")
    return scheme + slashes + rest.rpartition("@")[2]


def _in_words(error: urllib3.exceptions.HTTPError, limits: Limits) -> str:
    """Say why no answer came, in words for the person reading ``status``."""
    names = urllib3.exceptions
    match error:
        case names.NameResolutionError():
            return "its name can not be resolved"
        case names.ReadTimeoutError():
            return f"no answer within {limits.idle_s:g} s"
        case names.NewConnectionError():
            cause = error.__cause__ or error.__context__
            said = getattr(cause, "strerror", None)
            return said.lower() if said else "the connection can not be made"
        # after the two above, which are its subclasses
        case names.ConnectTimeoutError():
            return f"no connection within {limits.connect_s:g} s"
        case names.SSLError():
            if "not yet valid" in str(error):
                now = datetime.now(UTC)
                return f"its certificate is not yet valid: this gateway's clock says {now:%Y-%m-%d}"
            if "has expired" in str(error):
                now = datetime.now(UTC)
                return f"its certificate has expired: this gateway's clock says {now:%Y-%m-%d}"
            return f"TLS failed: {error}"
        case names.ProtocolError():
            return "the connection broke off"
    return f"{type(error).__name__}: {error}"


def _is_about_time(error: urllib3.exceptions.HTTPError) -> bool:
    """Tell whether a certificate was refused for its dates, which a wrong clock may be."""
    said = str(error)
    return "not yet valid" in said or "has expired" in said


def _receipts(answer: bytes, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
    strange = RegistryUnreachable(
        "what answers is no registry: its answer can not be read",
        hint="Check that the address is the registry's and not a proxy's or a login page's.",
    )
    try:
        results = json.loads(answer)["results"]
        offered = {stored.report_id for stored in batch}
        receipts = [
            Receipt(
                str(result["report_id"]),
                ItemStatus(result["status"]),
                _problem_text(result.get("problem")),
            )
            for result in results
            if result["report_id"] in offered
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise strange from None
    if not receipts:
        raise strange
    return receipts


def _problem_text(problem: object) -> str:
    """Return a problem document as one line: its detail, else its title, else all of it."""
    if isinstance(problem, dict):
        found = problem.get("detail") or problem.get("title")
        return str(found or (json.dumps(problem) if problem else ""))[:500]
    return str(problem)[:500] if problem else ""


def _refusal(
    status: int,
    headers: urllib3.HTTPHeaderDict,
    answer: bytes,
    address: str,
    first: QueuedReport,
    *,
    longest_wait_s: float,
) -> RegistryRefused | RegistryUnreachable:
    said = ""
    of_a_registry = headers.get("Content-Type", "").partition(";")[0].strip() == _PROBLEM_JSON
    if of_a_registry:
        try:
            said = _problem_text(json.loads(answer))
        except (ValueError, RecursionError):
            of_a_registry = False
    after = f": {said}" if said else ""
    if status == HTTPStatus.UNAUTHORIZED:
        return RegistryRefused(
            f"refused: wrong token{after}",
            status=status,
            hint="Make one on the registry's machine, for token_file: modemagent registry token "
            f"create --scope gateway --gateway-id {json.loads(first.body).get('gateway_id', 'ID')}",
        )
    if status == HTTPStatus.FORBIDDEN:
        return RegistryRefused(
            f"refused: the token does not allow this gateway to report{after}",
            status=status,
            hint="The token must have the scope gateway and be made for this gateway id.",
        )
    if status == HTTPStatus.NOT_FOUND or 300 <= status < 400:
        return RegistryRefused(
            f"refused: nothing at {address} takes reports (HTTP {status})",
            status=status,
            hint="Check the registry's address.",
        )
    if status in ABOUT_THE_BATCH and of_a_registry:
        return RegistryRefused(f"refused: HTTP {status}{after}", status=status)
    asked_s = _retry_after_s(headers)
    return RegistryUnreachable(
        f"{address} answers HTTP {status}{after}",
        retry_after_s=None if asked_s is None else min(asked_s, longest_wait_s),
    )


def _retry_after_s(headers: urllib3.HTTPHeaderDict) -> float | None:
    """Return the seconds a registry asks to wait, None when it asks for none that can be known.

    A date (RFC 9110, 10.2.3) is one on the registry's clock, so it is measured against the date of
    the answer; against this gateway's clock only when that is known to be right.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    moment, now = _date(text), _date(headers.get("Date", ""))
    if now is None and origin.clock_synchronized():
        now = datetime.now(UTC)
    if moment is None or now is None:
        return None
    return max(0.0, (moment - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
