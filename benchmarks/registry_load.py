"""A fleet's reports for the benchmarks of the registry, and a client that sends them."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from modemagent.identity.checkdigits import luhn_digit
from modemagent.registry.envelope import open_envelope
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.people.tokens import Scope, create
from modemagent.report.message import canonical_body

ROUND_MS = 3_600_000
_AGE_MS = 40 * 86_400_000  # of the boot of all gateways
_TOGETHER = 1000  # reports in a transaction of the bulk load
_FIELDS = {
    "gateway_id": "%(gateway)s", "stream_id": "%(gateway)s", "boot_id": "%(gateway)s",
    "report_id": "%(gateway)s-%(sequence)d", "observed_at": "%(observed)s",
    "reason": "%(reason)s",
}  # fmt: skip


def _template() -> bytes:
    """Return a canonical report whose varying values are conversions of ``%``."""
    read = ("imei", "manufacturer", "model", "firmware")
    body = {
        "schema": 1, **_FIELDS, "sequence": "%(sequence)d", "boot_count": 1,
        "uptime_ms": "%(uptime)d", "clock_synchronized": True, "agent_version": "0.2.0",
        "port": {"path": "/dev/ttyUSB2", "id": "usb:1-%(port)d:1.2", "usb_vid": "2c7c",
                 "usb_pid": "0125"},
        "modem": {"manufacturer": "Quectel", "model": "EG25-G", "firmware": "EG25GGBR07A08M2G",
                  "imei": "%(imei)s", "imeisv": None, "meid": None, "serial_number": None,
                  "tac": "86769804", "read": dict.fromkeys(read, "ok")},
        "sims": [{"slot": 1, "active": True, "state": "ready", "iccid": "%(iccid)s",
                  "imsi": "%(imsi)s", "eid": None, "mcc": "901", "mnc": "28",
                  "read": {"iccid": "ok", "imsi": "ok", "eid": "unsupported"}}],
        "problems": [{"code": "imsi.shared_mcc", "field": "imsi", "message": "",
                      "severity": "note"}],
        "network": {"mcc": "262", "mnc": "01", "rat": "lte", "registered": True,
                    "registration": "home"},
        "reader": "at",
    }  # fmt: skip
    text = canonical_body(body)
    for name in ("sequence", "uptime"):
        text = text.replace(b'"%%(%s)d"' % name.encode(), b"%%(%s)d" % name.encode())
    return text


_TEMPLATE = _template().decode()


@lru_cache(maxsize=100_000)
def imei(number: int) -> str:
    digits = f"{86_769_804 + number // 1_000_000}{number % 1_000_000:06d}"
    return digits + luhn_digit(digits)


@lru_cache(maxsize=100_000)
def iccid(number: int) -> str:
    digits = f"8988303{number:011d}"
    return digits + luhn_digit(digits)


class Fleet:
    """Gateways with modems that report in rounds, one hour apart in one boot.

    :param per_gateway: modems of each gateway
    """

    def __init__(self, per_gateway: int, prefix: str = "gw") -> None:
        self.per_gateway = per_gateway
        self._prefix = prefix
        self._first = hash_of(prefix)
        self.started_ms = now_ms() - _AGE_MS
        self._rounds: dict[int, int] = {}
        self._cards: dict[int, int] = {}

    def gateway_id(self, gateway: int) -> str:
        return f"{self._prefix}-{gateway:07d}"

    def next_round(self, gateway: int, *, change: bool = False) -> list[bytes]:
        """Return the next report of each modem of a gateway; ``change``: with another SIM."""
        done = self._rounds.get(gateway, 0)
        self._rounds[gateway] = done + 1
        if change:
            self._cards[gateway] = self._cards.get(gateway, 0) + 1
        card = self._cards.get(gateway, 0)
        uptime = done * ROUND_MS
        observed = _rfc3339((self.started_ms + uptime) // 1000)
        reason = "sim_changed" if change else "refresh" if done else "identified"
        reports = []
        for place in range(self.per_gateway):
            number = self._first + gateway * self.per_gateway + place
            values = {
                "gateway": self.gateway_id(gateway), "port": place + 1, "reason": reason,
                "sequence": done * self.per_gateway + place + 1, "uptime": uptime,
                "observed": observed, "imei": imei(number),
                "iccid": iccid(number * 100 + card), "imsi": f"90128{number * 100 + card:010d}",
            }  # fmt: skip
            reports.append((_TEMPLATE % values).encode())
        return reports


def hash_of(prefix: str) -> int:
    """Return the first unit number of a fleet: fleets with other prefixes have other units."""
    return {"gw": 0, "new": 2_000_000, "late": 3_000_000}.get(prefix, 4_000_000)


@lru_cache(maxsize=1000)
def _rfc3339(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def arrivals(reports: Iterable[bytes]) -> list[Arrival]:
    received_ms = now_ms()
    return [Arrival(open_envelope(one), received_ms) for one in reports]


def load(database: Database, fleet: Fleet, gateways: Iterable[int]) -> None:
    """Store the first round of gateways by the code that stores received reports."""
    recorder = Recorder(database)
    waiting: list[bytes] = []
    for gateway in gateways:
        waiting += fleet.next_round(gateway)
        if len(waiting) >= _TOGETHER:
            recorder.record(arrivals(waiting))
            waiting = []
    if waiting:
        recorder.record(arrivals(waiting))


def gateway_tokens(database: Database, fleet: Fleet, gateways: Iterable[int]) -> dict[int, str]:
    return {
        one: create(database, Scope.GATEWAY, gateway_id=fleet.gateway_id(one)) for one in gateways
    }


class Request(NamedTuple):
    """A batch to send, with the token of its gateway."""

    token: str
    reports: Sequence[bytes]


class Sent(NamedTuple):
    """What a phase has sent.

    :param times_ms: of each request
    """

    reports: int
    seconds: float
    times_ms: list[float]


def send(port: int, requests: Sequence[Request], *, connections: int = 8) -> Sent:
    """Send requests over some connections, each as soon as the one before is answered.

    Requests of one gateway must be in one list position modulo the connections, or independent.

    :raises AssertionError: a report was not accepted
    """
    times: list[float] = []
    errors: list[BaseException] = []

    def run(own: Sequence[Request]) -> None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            for one in own:
                started = time.perf_counter()
                post(connection, one)
                times.append((time.perf_counter() - started) * 1000)
            connection.close()
        except BaseException as error:  # noqa: BLE001 - shown by the main thread
            errors.append(error)

    _join([lambda n=n: run(requests[n::connections]) for n in range(connections)])  # type: ignore[misc]
    if errors:
        raise errors[0]
    return Sent(sum(len(one.reports) for one in requests), 0.0, times)


def timed_send(port: int, requests: Sequence[Request], *, connections: int = 8) -> Sent:
    """Send requests as :func:`send` does, with the time for all of them."""
    started = time.perf_counter()
    sent = send(port, requests, connections=connections)
    return sent._replace(seconds=time.perf_counter() - started)


def _join(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=one) for one in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def post(connection: http.client.HTTPConnection, request: Request) -> None:
    """Send a batch, and again after the demanded wait while the registry is busy.

    :raises AssertionError: a report was not accepted
    """
    body = b'{"reports":[' + b",".join(request.reports) + b"]}"
    headers = {"Authorization": f"Bearer {request.token}"}
    while True:
        connection.request("POST", "/api/v1/reports", body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status in (429, 503):
            time.sleep(float(response.headers.get("Retry-After", "1")))
            continue
        assert response.status == 200, content
        assert content.count(b'"accepted"') == len(request.reports), json.loads(content)
        return


def refused(connection: http.client.HTTPConnection, request: Request) -> float | None:
    """Send a batch once; return None if it was acknowledged, else the demanded wait, or 0."""
    body = b'{"reports":[' + b",".join(request.reports) + b"]}"
    headers = {"Authorization": f"Bearer {request.token}"}
    try:
        connection.request("POST", "/api/v1/reports", body, headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0.0
    if response.status >= 429:
        return float(response.headers.get("Retry-After", "0"))
    assert response.status == 200, content
    return None


def offer(port: int, requests: Sequence[Request], per_second: float) -> None:
    """Send requests at a steady rate of reports, over eight connections."""
    count = 8
    interval = sum(len(one.reports) for one in requests) / len(requests) / per_second
    started = time.monotonic()

    def run(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for index in range(number, len(requests), count):
            time.sleep(max(0.0, started + index * interval - time.monotonic()))
            post(connection, requests[index])
        connection.close()

    _join([lambda n=n: run(n) for n in range(count)])  # type: ignore[misc]
