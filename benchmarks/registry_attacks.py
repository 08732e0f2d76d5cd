"""Ten kinds of misuse of a registry: memory, and the times of honest clients meanwhile.

    python benchmarks/registry_attacks.py            (two minutes; --seconds N for each attack)

Each attack runs in a process of its own, as fast as it can, against a real registry on the same
machine. Meanwhile an honest gateway sends reports and an honest reader looks up a modem, each on a
connection that it keeps; a connection that is lost is counted and opened again. The deadlines are
those of production, so half-sent heads and slow readers are seen to be closed after 10 and 20 s.

Limits, for every attack: the registry's memory grows by less than 24 MiB, the honest clients are
always answered, 99 of 100 times within 100 ms. Exit status 3 if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import json
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.registry.attacker import RawClient, head, rss_kib
from tests.registry.conftest import IMEI, Gateway, Registry

MOST_GROWTH_MIB = 24
MOST_P99_MS = 100
WRONG = "mma_" + "x" * 43

Attack = Callable[[int, dict[str, str]], None]


def forever(step: Callable[[], object]) -> None:
    """Repeat a step, with what the server does about it."""
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException, ConnectionError):
            step()


def bodies_without_token(port: int, _: dict[str, str]) -> None:
    piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"

    def step() -> None:
        with RawClient(port) as client:
            client.send(head("POST", "/api/v1/reports", WRONG, "Transfer-Encoding: chunked"))
            client.flood(piece, 1 << 30)

    forever(step)


def bytes_behind_gzip(port: int, tokens: dict[str, str]) -> None:
    bodies = [
        gzip.compress(b'{"reports": []}') + bytes(1 << 20),
        gzip.compress(bytes(8 << 20)),
        gzip.compress(os.urandom(4 << 20), 1),
    ]

    def step() -> None:
        for body in bodies:
            with RawClient(port) as client:
                length = (f"Content-Length: {len(body)}", "Content-Encoding: gzip")
                client.send(head("POST", "/api/v1/reports", tokens["gateway"], *length))
                client.flood(body, 1)
                client.response()

    forever(step)


def half_sent_heads(port: int, _: dict[str, str]) -> None:
    clients: list[RawClient] = []

    def step() -> None:
        client = RawClient(port)
        client.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Padding: " + b"a" * 8192)
        clients.append(client)
        if len(clients) > 500:
            clients.pop(0).socket.close()

    forever(step)


def guessed_numbers(port: int, tokens: dict[str, str]) -> None:
    def step() -> None:
        with RawClient(port) as client:
            for number in range(1000):
                path = f"/api/v1/lookup?id=86769899{number:07d}"
                client.send(head("GET", path, tokens["masked"]))
                client.response()

    forever(step)


def revoked_streams(port: int, tokens: dict[str, str]) -> None:
    def step() -> None:
        for _ in range(20):
            with RawClient(port) as client:
                client.send(head("GET", "/api/v1/events/stream", tokens["revoked"]))
                client.response()

    forever(step)


def streams_by_the_hundred(port: int, tokens: dict[str, str]) -> None:
    clients: list[RawClient] = []

    def step() -> None:
        client = RawClient(port)
        client.send(head("GET", "/api/v1/events/stream", tokens["masked"]))
        clients.append(client)
        if len(clients) > 300:
            clients.pop(0).socket.close()

    forever(step)


def smuggled_requests(port: int, _: dict[str, str]) -> None:
    start = b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
    requests = [
        start + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /readyz HTTP/1.1\r\n\r\n",
        start + b"Content-Length: 4\r\n\r\nabcd",
        start + b"X: a\r\n b\r\n\r\n",
        head("GET", "/healthz") * 2000,
    ]

    def step() -> None:
        for request in requests:
            with RawClient(port) as client:
                client.flood(request, 1)
                client.rest()

    forever(step)


def wrong_tokens(port: int, _: dict[str, str]) -> None:
    def step() -> None:
        with RawClient(port) as client:
            for _ in range(1000):
                client.send(head("GET", "/api/v1/modems", WRONG))
                client.response()

    forever(step)


def slow_readers(port: int, tokens: dict[str, str]) -> None:
    clients: list[RawClient] = []

    def step() -> None:
        client = RawClient(port, receive_buffer=1024)
        client.socket.settimeout(1)
        client.flood(head("GET", "/openapi.json", tokens["masked"]) * 8, 1)
        clients.append(client)
        if len(clients) > 200:
            clients.pop(0).socket.close()
        time.sleep(0.01)

    forever(step)


def open_connections(port: int, tokens: dict[str, str]) -> None:
    clients: list[socket.socket] = []

    def step() -> None:
        clients.append(socket.create_connection(("127.0.0.1", port)))
        if len(clients) > 500:
            clients.pop(0).close()

    forever(step)


ATTACKS: dict[str, Attack] = {
    "bodies without a token": bodies_without_token,
    "bytes behind gzip": bytes_behind_gzip,
    "half-sent heads": half_sent_heads,
    "guessed numbers": guessed_numbers,
    "revoked streams": revoked_streams,
    "streams by the hundred": streams_by_the_hundred,
    "smuggled requests": smuggled_requests,
    "wrong tokens": wrong_tokens,
    "slow readers": slow_readers,
    "open connections": open_connections,
}


class Honest:
    """A client on a connection that it keeps, and the times of its requests in ms."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}"}
        self._connection = self._connect()
        self.times: list[float] = []
        self.reconnected = self.failed = 0

    def request(self, method: str, path: str, body: bytes | None = None) -> None:
        started = time.perf_counter()
        try:
            status = self._send(method, path, body)
        except (OSError, http.client.HTTPException):
            self.reconnected += 1
            self._connection = self._connect()
            status = self._send(method, path, body)
        self.times.append((time.perf_counter() - started) * 1000)
        self.failed += status != 200

    def _send(self, method: str, path: str, body: bytes | None) -> int:
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        response.read()
        return response.status

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)

    def percentile(self, share: float) -> float:
        return sorted(self.times)[int(len(self.times) * share)]


def measure(registry: Registry, attack: Attack, tokens: dict[str, str], seconds: float) -> Any:
    """Run one attack; return the figures of the registry and of the honest clients."""
    assert registry.process is not None
    pid = registry.process.pid
    gateway = Gateway("gw-1", stream_id=f"stream-{time.monotonic_ns()}")
    sender = Honest(registry.port, tokens["honest gateway"])
    reader = Honest(registry.port, tokens["honest reader"])
    before = most = rss_kib(pid)
    attacker = multiprocessing.Process(target=attack, args=(registry.port, tokens), daemon=True)
    attacker.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        body = json.dumps({"reports": [gateway.report()]}).encode()
        sender.request("POST", "/api/v1/reports", body)
        reader.request("GET", f"/api/v1/lookup?id={IMEI}")
        most = max(most, rss_kib(pid))
        time.sleep(0.02)
    attacker.kill()
    attacker.join()
    return {
        "growth_mib": (most - before) / 1024,
        "report_p50_ms": sender.percentile(0.5),
        "report_p99_ms": sender.percentile(0.99),
        "lookup_p50_ms": reader.percentile(0.5),
        "lookup_p99_ms": reader.percentile(0.99),
        "reconnected": sender.reconnected + reader.reconnected,
        "failed": sender.failed + reader.failed,
    }


def nothing(_: int, __: dict[str, str]) -> None:
    time.sleep(3600)


def run(seconds: float, only: str) -> dict[str, Any]:
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder) / "state")
        registry.start()
        gateway = ("--scope", "gateway", "--gateway-id")
        tokens = {
            "honest gateway": registry.token(*gateway, "gw-1"),
            "honest reader": registry.token("--scope", "read", "--full-ids"),
            "gateway": registry.token(*gateway, "gw-2"),
            "masked": registry.token("--scope", "read"),
            "revoked": registry.token("--scope", "read", "--expires", "1h").replace("mma_", "mmb_"),
        }
        try:
            measure(registry, nothing, tokens, 5)  # warms up
            attacks = {"none": nothing, **ATTACKS}
            for name, attack in attacks.items():
                if only in name:
                    results[name] = measure(registry, attack, tokens, seconds)
                    _print(name, results[name])
        finally:
            _, errors = registry.stop()
    if errors:
        print(errors[:2000], file=sys.stderr)
    return results


def is_met(row: dict[str, Any]) -> bool:
    slowest = max(row["report_p99_ms"], row["lookup_p99_ms"])
    return row["growth_mib"] < MOST_GROWTH_MIB and slowest < MOST_P99_MS and not row["failed"]


def _print(name: str, row: dict[str, Any]) -> None:
    print(
        f"  {name:24} {row['growth_mib']:6.1f} MiB"
        f"  report {row['report_p50_ms']:6.1f} {row['report_p99_ms']:7.1f} ms"
        f"  lookup {row['lookup_p50_ms']:6.1f} {row['lookup_p99_ms']:7.1f} ms"
        f"  reconnected {row['reconnected']:3}  failed {row['failed']:3}"
        f"  {'met' if is_met(row) else 'NOT MET'}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=12, help="duration of each attack")
    parser.add_argument("--only", default="", help="attacks with this text in their name")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if not options.json:
        print("attack: growth of memory; times of honest clients, median and 99 of 100")
    results = run(options.seconds, options.only)
    if options.json:
        print(json.dumps(results, indent=1))
    return 0 if all(map(is_met, results.values())) else 3


if __name__ == "__main__":
    sys.exit(main())
