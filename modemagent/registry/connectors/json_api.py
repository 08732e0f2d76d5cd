"""Requests to the JSON API of an operator, with a rate, and patience with a busy server."""

from __future__ import annotations

import json
import random
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import urllib3

from modemagent.errors import OperatorApiError
from modemagent.http_exchange import ExchangeError, HttpClient, HttpResponse, Limits

_LIMITS = Limits(connect_s=10.0, idle_s=20.0, total_s=60.0, body_bytes=8 * 1024 * 1024)
_ATTEMPTS = 5
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 120.0
_BUSY = frozenset({429, 502, 503, 504})


class JsonResponse(NamedTuple):
    """A response with its document; None: it has none."""

    status: int
    headers: Mapping[str, str]
    document: Any


class JsonApi:
    """The JSON API of an operator.

    :param url: root of the API
    :param per_minute: most requests a minute
    :param sleep: waits for some seconds
    """

    def __init__(
        self,
        url: str,
        per_minute: int,
        *,
        sleep: Callable[[float], None] = time.sleep,
        limits: Limits = _LIMITS,
    ) -> None:
        self._url = url.rstrip("/")
        self._pause_s = 60 / per_minute
        self._sleep = sleep
        self._next_s = 0.0
        https = url.lower().startswith("https:")
        self._client = HttpClient(limits, tls=ssl.create_default_context() if https else None)

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], body: Any = None
    ) -> JsonResponse:
        """Return a response, after some attempts if the server is busy or cannot be reached.

        :raises OperatorApiError: there is none
        """
        problem = ""
        for attempt in range(_ATTEMPTS):
            self._sleep(max(0.0, self._next_s - time.monotonic()))
            self._next_s = time.monotonic() + self._pause_s
            found = self._send(method, path, headers, body)
            if isinstance(found, HttpResponse) and found.status not in _BUSY:
                return JsonResponse(found.status, dict(found.headers), _document(found.body))
            wait_s = min(_FIRST_WAIT_S * 2**attempt, _LONGEST_WAIT_S) * random.uniform(0.8, 1.2)
            if isinstance(found, HttpResponse):
                problem = f"HTTP status {found.status}"
                stated = found.headers.get("Retry-After", "")
                if stated.isascii() and stated.isdecimal():
                    wait_s = float(stated)
                    if wait_s > _LONGEST_WAIT_S:
                        raise OperatorApiError(f"{problem}, to be tried again in {stated} s")
            else:
                problem = found
            if attempt < _ATTEMPTS - 1:
                self._sleep(wait_s)
        raise OperatorApiError(f"{problem}, in {_ATTEMPTS} attempts")

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: Any
    ) -> HttpResponse | str:
        """Return the response, or what is wrong."""
        sent = {"Accept": "application/json", **headers}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        try:
            return self._client.request(
                method, f"{self._url}{path}", headers=sent, body=content
            )  # fmt: skip
        except ExchangeError:
            return "no complete response in time"
        except (urllib3.exceptions.HTTPError, ValueError):
            return "no connection, or no HTTP"


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
