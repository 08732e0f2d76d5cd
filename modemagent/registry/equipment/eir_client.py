"""Client of an outside EIR by 3GPP TS 29.511, over HTTP/1.1."""

from __future__ import annotations

import email.utils
import json
import ssl
import time
from pathlib import Path

import urllib3

from modemagent.http_exchange import ExchangeError, HttpClient, HttpResponse, Limits
from modemagent.registry.equipment.status_query import PATH

#: Answers about equipment: those of the standard, and two for the other cases.
STATUSES = ("WHITELISTED", "GREYLISTED", "BLACKLISTED", "UNKNOWN", "REFUSED")
LIMITS = Limits(connect_s=3.0, idle_s=5.0, total_s=5.0, body_bytes=64 * 1024)
_MOST_WAIT_S = 86_400.0


class EirFailure(Exception):
    """The EIR did not answer about the equipment; the message has no number.

    :param retry_after_s: how long its clients are to wait; None: it does not state it
    """

    def __init__(self, problem: str, retry_after_s: float | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.retry_after_s = retry_after_s


class EirClient:
    """An outside EIR.

    :param url: root of the API, before ``/n5g-eir-eic/v1``
    :param token_file: file with a bearer token, read for each request; None: none is sent
    """

    def __init__(self, url: str, token_file: Path | None = None, limits: Limits = LIMITS) -> None:
        self._url = f"{url.rstrip('/')}{PATH}"
        self._token_file = token_file
        https = url.lower().startswith("https:")
        self._client = HttpClient(limits, tls=ssl.create_default_context() if https else None)

    def status(self, imei: str) -> str:
        """Return the status of a modem, one of :data:`STATUSES`.

        :param imei: 15 digits
        :raises EirFailure: no usable answer
        """
        headers = {"Accept": "application/json, application/problem+json"}
        if self._token_file is not None:
            try:
                headers["Authorization"] = f"Bearer {self._token_file.read_text().strip()}"
            except (OSError, UnicodeDecodeError):
                raise EirFailure("the token file cannot be read") from None
        try:
            response = self._client.request("GET", f"{self._url}?pei=imei-{imei}", headers=headers)
        except ExchangeError:
            raise EirFailure("no complete response in time") from None
        except (urllib3.exceptions.HTTPError, ValueError):
            raise EirFailure("no connection, or no HTTP") from None
        return _status(response)


def _status(response: HttpResponse) -> str:
    status, document = response.status, _document(response.body)
    if status == 200:
        found = document.get("status")
        if found in STATUSES[:3]:
            return str(found)
        raise EirFailure("the response has no status of TS 29.511")
    cause = document.get("cause")
    if status == 404 and cause == "ERROR_EQUIPMENT_UNKNOWN":
        return "UNKNOWN"
    if status == 400 and cause == "MANDATORY_QUERY_PARAM_INCORRECT":
        return "REFUSED"
    raise EirFailure(f"HTTP status {status}", _retry_after(response.headers.get("Retry-After")))


def _document(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _retry_after(text: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``: a number, or a date.

    >>> _retry_after("120"), _retry_after("soon"), _retry_after("-1")
    (120.0, None, None)
    """
    if text is None:
        return None
    if text.isascii() and text.isdecimal():
        return min(float(text), _MOST_WAIT_S)
    try:
        at = email.utils.parsedate_to_datetime(text)
        return min(max(at.timestamp() - time.time(), 0.0), _MOST_WAIT_S)
    except (ValueError, TypeError, OverflowError):
        return None
