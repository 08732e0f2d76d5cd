"""A fleet of gateways against registry workers: steady heartbeats, an outage, and what follows.

    python benchmarks/fleet.py --gateways 1000 --workers 2 --interval 10 --outage 20

Each gateway has one modem and a token, and queues a reading at each interval. It sends its whole
queue in one batch, and after a failure waits as the agent's courier does. During the outage the
registry is stopped. Printed are the rates before the outage, and how long it takes after the outage
until no gateway has a queue that is older than an interval.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import http.client
import random
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from registry_engines import Engine, cpu_s, engine, machine
from registry_load import Fleet, Request, gateway_tokens, refused

from modemagent.report.delivery.courier import BASE_S, CAP_S
from modemagent.report.delivery.retry_delay import MAX_RETRY_AFTER_S, retry_delay_s
from tests.registry.faults import FaultyRegistry

_CONNECTIONS = 16


class Gateways:
    """The gateways of a fleet, each with its queue and the time of its next attempt."""

    def __init__(self, fleet: Fleet, tokens: dict[int, str], port: int, interval_s: float) -> None:
        self._fleet = fleet
        self._tokens = tokens
        self._port = port
        self._interval_s = interval_s
        now = time.monotonic()
        self._queues: dict[int, list[bytes]] = {one: [] for one in tokens}
        self._failures = dict.fromkeys(tokens, 0)
        self._next_reading = {one: now + random.random() * interval_s for one in tokens}
        self._due = [(at, one) for one, at in self._next_reading.items()]
        heapq.heapify(self._due)
        self._lock = threading.Lock()
        self._stopping = False
        self.reports = self.failed = 0
        self.times_ms: list[float] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(_CONNECTIONS)]

    def start(self) -> None:
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        self._stopping = True
        for one in self._threads:
            one.join()

    @property
    def waiting(self) -> int:
        """Number of gateways whose last attempt has failed."""
        return sum(1 for count in self._failures.values() if count)

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._stopping:
            with self._lock:
                at, gateway = self._due[0] if self._due else (float("inf"), -1)
                is_due = at <= time.monotonic()
                if is_due:
                    heapq.heappop(self._due)
            if not is_due:
                time.sleep(0.002)
                continue
            following = self._attempt(connection, gateway)
            with self._lock:
                heapq.heappush(self._due, (following, gateway))
        connection.close()

    def _attempt(self, connection: http.client.HTTPConnection, gateway: int) -> float:
        """Queue the readings that are due, send the queue, and return when to try again."""
        queue = self._queues[gateway]
        while self._next_reading[gateway] <= time.monotonic():
            self._next_reading[gateway] += self._interval_s
            queue += self._fleet.next_round(gateway)
        started = time.monotonic()
        retry_after_s = refused(connection, Request(self._tokens[gateway], queue))
        if retry_after_s is None:
            with self._lock:
                self.reports += len(queue)
                self.times_ms.append((time.monotonic() - started) * 1000)
            queue.clear()
            self._failures[gateway] = 0
            return self._next_reading[gateway]
        self._failures[gateway] += 1
        self.failed += 1
        return time.monotonic() + retry_delay_s(
            self._failures[gateway],
            base_s=BASE_S,
            cap_s=CAP_S,
            retry_after_s=retry_after_s or None,
            max_retry_after_s=MAX_RETRY_AFTER_S,
            uniform=random.uniform,
        )


def measure(found: Engine, options: argparse.Namespace) -> None:
    fleet = Fleet(1)
    url = None if found.is_sqlite else found.url
    registry = FaultyRegistry(found.folder, url, "--workers", str(options.workers))
    registry.start()
    with contextlib.closing(found.open(registry.database)) as database:
        tokens = gateway_tokens(database, fleet, range(options.gateways))
    gateways = Gateways(fleet, tokens, registry.own_port, options.interval)
    gateways.start()
    try:
        time.sleep(options.interval)  # the first reading of each gateway
        assert registry.process is not None
        done, spent, started = gateways.reports, cpu_s(registry.process.pid), time.monotonic()
        gateways.times_ms.clear()
        time.sleep(options.steady)
        seconds, reports = time.monotonic() - started, gateways.reports - done
        spent = (cpu_s(registry.process.pid) - spent) / max(reports, 1) * 1e6
        print(
            f"steady: {reports / seconds:.0f} reports/s, {spent:.0f} us of registry CPU each,"
            f" median of a request {statistics.median(gateways.times_ms):.1f} ms"
        )
        registry.stop()
        time.sleep(options.outage)
        registry.start()
        failed, waiting = gateways.failed, gateways.waiting
        done, started = gateways.reports, time.monotonic()
        while gateways.waiting and time.monotonic() - started < options.limit:
            time.sleep(0.1)
        seconds = time.monotonic() - started
        print(
            f"after {options.outage:.0f} s of outage, in which {failed} requests failed:"
            f" {waiting} gateways wait; {gateways.waiting} after {seconds:.1f} s, in which"
            f" {(gateways.reports - done) / seconds:.0f} reports/s were stored and"
            f" {gateways.failed - failed} requests refused"
        )
    finally:
        gateways.stop()
        registry.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--gateways", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between readings")
    parser.add_argument("--steady", type=float, default=20.0, help="seconds before the outage")
    parser.add_argument("--outage", type=float, default=20.0, help="seconds")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds of waiting at most")
    options = parser.parse_args()
    print(machine())
    with engine(options.engine, None) as found:
        measure(found, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
