"""Registry over HTTP: ``POST /api/v1/reports`` with a batch, answered by a receipt per report."""

from __future__ import annotations

import email.utils
import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import urllib3

from modemagent import __version__
from modemagent.errors import ClockNotSet, RegistryRefused, RegistryUnreachable, SettingsError
from modemagent.http_exchange import ExchangeError, HttpClient, HttpResponse, Limits
from modemagent.report import origin
from modemagent.report.delivery.retry_delay import (
    MAX_RETRY_AFTER_S,
    MAX_RETRY_AFTER_UNAUTHENTICATED_S,
)
from modemagent.report.delivery.sinks.contract import (
    ABOUT_THE_BATCH,
    ItemStatus,
    Receipt,
    SinkOptions,
)
from modemagent.report.delivery.sinks.tls import TlsTrust, tls_failure
from modemagent.report.message import BOOT_ID_HEADER, FIRST_PENDING_HEADER, UPTIME_HEADER
from modemagent.report.outbox.records import QueuedReport

LIMITS = Limits(connect_s=5.0, idle_s=15.0, total_s=30.0, body_bytes=2 * 1024 * 1024)
# Compression saves bytes from this size on: the smallest batch, a heartbeat without modems, is 496
# bytes and 339 compressed.
_COMPRESS_FROM = 384
_GZIP = 16 + zlib.MAX_WBITS  # zlib.h, deflateInit2: with a gzip header, which has no time
_PROBLEM_JSON = "application/problem+json"


class HttpSink:
    """One registry; keeps its connection open between batches."""

    def __init__(self, options: SinkOptions, *, limits: Limits = LIMITS) -> None:
        parts = urlsplit(options.url)
        if not parts.hostname or parts.username or parts.query or parts.fragment:
            raise SettingsError(
                f"{_without_secret(options.url)!r} is not a registry address",
                hint="Write it as in https://registry.example:8470, without user and query.",
            )
        self.address = options.url.rstrip("/")
        self._options = options
        self._limits = limits
        self._trust = TlsTrust(options) if parts.scheme == "https" else None
        self._client = HttpClient(
            limits, tls=self._trust.context if self._trust else None, proxy=options.proxy
        )

    @property
    def max_retry_after_s(self) -> float:
        return MAX_RETRY_AFTER_S if self._trust else MAX_RETRY_AFTER_UNAUTHENTICATED_S

    def deliver(self, batch: Sequence[QueuedReport], first_pending: int) -> Sequence[Receipt]:
        body = b'{"reports":[' + b",".join(queued.body for queued in batch) + b"]}"
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"modemagent/{__version__}",
            BOOT_ID_HEADER: origin.boot_id(),
            UPTIME_HEADER: str(origin.uptime_ms()),
            FIRST_PENDING_HEADER: f"{batch[0].stream_id} {first_pending}",
        }
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        if self._options.compress and len(body) >= _COMPRESS_FROM:
            body = zlib.compress(body, level=6, wbits=_GZIP)
            headers["Content-Encoding"] = "gzip"
        answer = self._exchange(body, headers)
        if answer.status == HTTPStatus.OK:
            return _receipts(answer.body, batch)
        raise _refusal(answer, self.address, batch[0].gateway_id)

    def close(self) -> None:
        self._client.close()

    def _token(self) -> str:
        file = self._options.token_file
        if file is None:
            return ""
        try:
            token = file.read_text("ascii").strip()
            reason = "" if token.isprintable() and token and " " not in token else "not one token"
        except OSError as error:
            reason = error.strerror or str(error)
        except ValueError:
            reason = "not ASCII text"
        if reason:
            raise RegistryRefused(
                f"no token: cannot use {file} ({reason})",
                status=HTTPStatus.UNAUTHORIZED,
                hint="Write the gateway's token, and nothing else, into that file.",
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
                hint="Check the network, and that the address is the registry's.",
            ) from None
        except urllib3.exceptions.HTTPError as error:
            reason, hint = self._failure(error)
            if _is_about_time(error) and not origin.clock_synchronized():
                raise ClockNotSet(
                    f"{self.address}: {reason}",
                    hint="Delivery starts when the clock is set; check access to a time server.",
                ) from None
            if self._trust and self._trust.widen(error):  # returns True only once
                return self._exchange(body, headers)
            raise RegistryUnreachable(f"{self.address}: {reason}", hint=hint) from None

    def _failure(self, error: urllib3.exceptions.HTTPError) -> tuple[str, str]:
        """Return the reason for ``status`` if the registry did not answer, and the hint."""
        if isinstance(error, urllib3.exceptions.SSLError):
            return tls_failure(error.args[0], self._options.ca_file)
        return (
            _describe(error, self._limits),
            "Check the address, the network and that the registry is running.",
        )


def _without_secret(url: str) -> str:
    scheme, slashes, rest = url.partition("://")
    return scheme + slashes + rest.rpartition("@")[2]


def _describe(error: urllib3.exceptions.HTTPError, limits: Limits) -> str:
    """Return the reason for a failed exchange without a failure of TLS."""
    names = urllib3.exceptions
    match error:
        case names.NameResolutionError():
            return "its name cannot be resolved"
        case names.ReadTimeoutError():
            return f"no answer within {limits.idle_s:g} s"
        case names.NewConnectionError():
            cause = error.__cause__ or error.__context__
            return str(getattr(cause, "strerror", None) or "no connection").lower()
        # after its subclasses above
        case names.ConnectTimeoutError():
            return f"no connection within {limits.connect_s:g} s"
        case names.ProtocolError():
            return "the connection was closed before the end of the answer"
    return f"{type(error).__name__}: {error}"


def _is_about_time(error: urllib3.exceptions.HTTPError) -> bool:
    """Return True if a certificate was rejected for its dates, which a wrong clock can cause."""
    return "not yet valid" in str(error) or "has expired" in str(error)


def _receipts(answer: bytes, batch: Sequence[QueuedReport]) -> Sequence[Receipt]:
    unreadable = RegistryUnreachable(
        "the server at this address is not a modemagent registry",
        hint="Check that the address is the registry's, not that of a proxy or a login page.",
    )
    try:
        results = json.loads(answer)["results"]
        offered = {queued.report_id for queued in batch}
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
        raise unreadable from None
    if not receipts:
        raise unreadable
    return receipts


def _problem_text(problem: object) -> str:
    """Return a problem document as one line: its detail, else its title, else everything."""
    if isinstance(problem, dict):
        found = problem.get("detail") or problem.get("title")
        return str(found or (json.dumps(problem) if problem else ""))[:500]
    return str(problem)[:500] if problem else ""


def _refusal(
    answer: HttpResponse, address: str, gateway_id: str
) -> RegistryRefused | RegistryUnreachable:
    status, detail = answer.status, ""
    from_registry = (
        answer.headers.get("Content-Type", "").partition(";")[0].strip() == _PROBLEM_JSON
    )
    if from_registry:
        try:
            detail = _problem_text(json.loads(answer.body))
        except (ValueError, RecursionError):
            from_registry = False
    detail = f": {detail}" if detail else ""
    if status == HTTPStatus.UNAUTHORIZED:
        reason = f"wrong token{detail}"
        hint = (
            "Create one on the registry's machine, for token_file: modemagent registry token "
            f"create --scope gateway --gateway-id {gateway_id}"
        )
    elif status == HTTPStatus.FORBIDDEN:
        reason = f"the token does not allow this gateway to report{detail}"
        hint = "Use a token with the scope gateway, created for this gateway id."
    elif status == HTTPStatus.NOT_FOUND or 300 <= status < 400:
        reason = f"{address} does not accept reports (HTTP {status})"
        hint = "Check the registry's address."
    elif status in ABOUT_THE_BATCH and from_registry:  # not from a proxy or a login page
        reason, hint = f"HTTP {status}{detail}", ""
    else:
        retry_after_s = _retry_after_s(answer.headers)
        reason = f"{address} answers HTTP {status}{detail}"
        return RegistryUnreachable(reason, retry_after_s=retry_after_s)
    return RegistryRefused(f"refused: {reason}", status=status, hint=hint)


def _retry_after_s(headers: urllib3.HTTPHeaderDict) -> float | None:
    """Return the wait that a registry demands in seconds, None without one or if it is unknown.

    A date (RFC 9110, 10.2.3) is of the registry's clock, so it is compared with the date of the
    answer, and with this gateway's clock only if that is synchronized.
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
