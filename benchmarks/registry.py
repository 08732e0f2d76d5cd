"""The registry under load, on SQLite and PostgreSQL, beside raw writes of the same rows.

    python benchmarks/registry.py               # 20,000 modems; --quick: 2,000, less than a minute
    python benchmarks/registry.py --million     # also 1,000,000 modems; some half hour an engine

The fleet is loaded by the code that stores received reports, then reports are sent over HTTP to a
registry process by a client on the same machine. Processor time is that of the registry and of the
database server, from /proc, without the client, and with the rules for what was sent. The exit
status is 3 if a budget is exceeded.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from registry_engines import (
    Engine,
    Raw,
    cpu_s,
    engine,
    machine,
    peak_rss_mb,
    raw_writes,
    year_of_presence,
)
from registry_figures import Figure, print_figures
from registry_load import Fleet, Request, gateway_tokens, imei, load, offer, post, timed_send

from modemagent.registry.store.database import jobs
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.evaluation import evaluation
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.people.tokens import Scope, create
from tests.registry.conftest import MODEMAGENT, Registry

PER_GATEWAY = 50
OFFERED_PER_S = 5000.0
LATE_KEPT = 360  # readings of the modem that gets late reports: three years at 120 kept ones each
_STARTED = "started_ms"  # file beside a database that is kept
MORE_CPU, LESS_RATE = 1.4, 0.6  # limits of a million modems, as ratios to 20,000


@dataclass(frozen=True)
class Size:
    """How much is sent: modems loaded, and rounds of the gateways that send over HTTP."""

    modems: int
    gateways: int
    rounds: int
    new_gateways: int
    late: int


QUICK = Size(2_000, 16, 24, 32, 10)
USUAL = Size(20_000, 160, 16, 160, 30)
MILLION = Size(1_000_000, 800, 16, 160, 30)


@dataclass
class Budgets:
    """Microseconds a report in the registry and in the database server, and other limits."""

    cpu: dict[str, tuple[float, float]]
    bytes_per_modem: float
    lookup_ms: float
    rss_mb: float


BUDGETS = {
    "sqlite": Budgets(
        {"unchanged": (50, 0), "change": (250, 0), "first sight": (250, 0), "single": (350, 0)},
        1536, 5, 120,
    ),
    "postgresql": Budgets(
        {"unchanged": (45, 45), "change": (180, 180), "first sight": (180, 180),
         "single": (500, 450)},
        3072, 10, 100,
    ),
}  # fmt: skip
RATES = {"unchanged": 12_000, "first sight": 3_000}


@dataclass
class Run:
    """One engine with one size."""

    engine: Engine
    size: Size
    figures: list[Figure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budgets = BUDGETS[self.engine.name]
        self.fleet = Fleet(PER_GATEWAY)
        self.new = Fleet(PER_GATEWAY, "new")
        self.late = Fleet(1, "late")
        self.raw: dict[str, Raw] = {}

    def add(
        self, name: str, value: float, unit: str, limit: float | None = None, **more: object
    ) -> None:
        self.figures.append(Figure(name, value, unit, limit, **more))  # type: ignore[arg-type]

    def prepare(self) -> None:
        """Load the fleet, measure the raw writes, and create the tokens."""
        size = self.size
        with contextlib.closing(self.engine.open()) as database:
            gateways = range(size.modems // PER_GATEWAY)
            self._load(database, gateways)
            chosen = random.Random(1).sample(gateways, 2 * size.gateways)
            self.gateways, others = chosen[: size.gateways], chosen[size.gateways :]
            for kind in ("unchanged", "change"):
                batches = [self.fleet.next_round(one, change=kind == "change") for one in others]
                self.raw[kind] = raw_writes(self.engine, database, batches)
            first = range(size.new_gateways, 2 * size.new_gateways)
            self.raw["first sight"] = raw_writes(
                self.engine, database, [self.new.next_round(one) for one in first]
            )
            self.tokens = gateway_tokens(database, self.fleet, self.gateways)
            self.new_tokens = gateway_tokens(database, self.new, range(size.new_gateways))
            self.late_token = gateway_tokens(database, self.late, [0])[0]
            self.reader = create(database, Scope.READ, full_ids=True)

    def _load(self, database: Database, gateways: range) -> None:
        """Store the first report of each modem, unless an earlier run has left them."""
        file = self.engine.folder / _STARTED
        if self.engine.is_filled:
            self.fleet.started_ms = int(file.read_text())
            for one in gateways:
                self.fleet.next_round(one)
            file.unlink()  # further runs would not know what this one has sent
            return
        empty, started = self.engine.bytes(), time.perf_counter()
        load(database, self.fleet, gateways)
        modems, loaded_s = self.size.modems, time.perf_counter() - started
        file.write_text(str(self.fleet.started_ms))
        self.add("load, reports a second", modems / loaded_s, "1/s")
        self.add(
            "database, a modem with one report", (self.engine.bytes() - empty) / modems, "bytes",
            self.budgets.bytes_per_modem,
        )  # fmt: skip

    def load_only(self) -> None:
        """Load the fleet and evaluate the rules."""
        with contextlib.closing(self.engine.open()) as database:
            self._load(database, range(self.size.modems // PER_GATEWAY))
            recorder = Recorder(database)
            recorder.run(jobs.create)
            while recorder.run(evaluation.evaluate_waiting):
                pass

    def measure(self, registry: Registry) -> None:
        """Send to a running registry and add the figures."""
        assert registry.process is not None
        self.port, self.pid = registry.port, registry.process.pid
        rounds = range(self.size.rounds)
        self.engine.wait_for_rules()
        before = self.engine.bytes()
        kept = [one for _ in rounds for one in self._round()]
        self._phase("unchanged", kept)
        grown = self.engine.bytes() - before
        self.add("database, an unchanged reading", grown / (len(kept) * PER_GATEWAY), "bytes", 20)
        changes = max(1, self.size.rounds // 8)
        self._phase("change", [one for _ in range(changes) for one in self._round(change=True)])
        tokens = self.new_tokens.items()
        self._phase("first sight", [Request(token, self.new.next_round(g)) for g, token in tokens])
        batches = self._round()
        singles = [
            Request(one.token, [one.reports[place]])
            for place in range(PER_GATEWAY)
            for one in batches
        ]
        self._phase("single", singles)
        self._lookups()
        self._late()
        self.add("peak RSS of a registry process", peak_rss_mb(self.pid), "MB", self.budgets.rss_mb)

    def _round(self, *, change: bool = False) -> list[Request]:
        return [
            Request(self.tokens[one], self.fleet.next_round(one, change=change))
            for one in self.gateways
        ]

    def _phase(self, kind: str, requests: list[Request]) -> None:
        own, server = cpu_s(self.pid), self.engine.server_cpu_s()
        sent = timed_send(self.port, requests)
        self.engine.wait_for_rules()
        own_us = (cpu_s(self.pid) - own) / sent.reports * 1e6
        server_us = (self.engine.server_cpu_s() - server) / sent.reports * 1e6
        limits = self.budgets.cpu[kind]
        raw = self.raw.get(kind)
        self.add(f"{kind}, registry CPU a report", own_us, "us", limits[0])
        if not self.engine.is_sqlite:
            self.add(f"{kind}, database CPU a report", server_us, "us", limits[1])
        if raw is not None:
            self.add(
                f"{kind}, raw writes / all CPU", raw.cpu_us / (own_us + server_us), "", 0.2,
                at_least=True, raw=raw.cpu_us,
            )  # fmt: skip
        rate = sent.reports / sent.seconds
        self.add(f"{kind}, rate", rate, "1/s", RATES.get(kind), at_least=True)
        self.add(f"{kind}, median of a request", statistics.median(sent.times_ms), "ms")

    def measure_presence(self) -> None:
        """Store the presence of some modems on each day of a year."""
        with contextlib.closing(self.engine.open()) as database:
            size = year_of_presence(self.engine, database, 1000)
        self.add("presence, a modem and year", size, "bytes", 200)

    def _lookups(self) -> None:
        """Look up modems while unchanged readings are offered at a steady rate."""
        requests = [one for _ in range(max(4, self.size.rounds // 2)) for one in self._round()]
        context = multiprocessing.get_context("fork")
        sender = context.Process(target=offer, args=(self.port, requests, OFFERED_PER_S))
        sender.start()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.reader}"}
        chance = random.Random(2)
        times: list[float] = []
        while sender.is_alive():
            number = imei(chance.randrange(self.size.modems))
            started = time.perf_counter()
            connection.request("GET", f"/api/v1/lookup?id={number}", headers=headers)
            response = connection.getresponse()
            response.read()
            times.append((time.perf_counter() - started) * 1000)
            assert response.status == 200
            time.sleep(0.01)
        sender.join()
        p99 = statistics.quantiles(times, n=100)[98] if len(times) > 1 else times[0]
        self.add("lookup at 5,000 readings/s, p99", p99, "ms", self.budgets.lookup_ms)
        self.add("lookup at 5,000 readings/s, median", statistics.median(times), "ms")

    def _late(self) -> None:
        """Send reports that were missing, the oldest and the newest ones."""
        numbered = [
            report
            for number in range(LATE_KEPT)
            for report in self.late.next_round(0, change=number % 2 == 1)
        ]
        step = LATE_KEPT // (self.size.late + 1)
        missing = set(range(step, step * (self.size.late + 1), step))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        present = [one for number, one in enumerate(numbered) if number not in missing]
        for start in range(0, len(present), 50):
            post(connection, Request(self.late_token, present[start : start + 50]))
        times = []
        for number in sorted(missing):
            started = time.perf_counter()
            post(connection, Request(self.late_token, [numbered[number]]))
            times.append((time.perf_counter() - started) * 1000)
        self.add("late report, median of all ages", statistics.median(times), "ms", 20)
        self.add("late report, slowest", max(times), "ms")


@contextlib.contextmanager
def serving(found: Engine) -> Iterator[Registry]:
    registry = Registry(found.folder, database=found.url, command=MODEMAGENT)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


def load_kept(name: str, kept: Path) -> list[Figure]:
    """Load a million modems for later runs."""
    with engine(name, None, kept=kept) as found:
        one = Run(found, MILLION)
        one.load_only()
    return one.figures


def run(name: str, size: Size, folder: Path | None, kept: Path | None = None) -> list[Figure]:
    with engine(name, folder, kept=kept) as found:
        one = Run(found, size)
        one.prepare()
        with serving(found) as registry:
            one.measure(registry)
        one.measure_presence()
    return one.figures


def compare(small: list[Figure], large: list[Figure]) -> list[Figure]:
    """Return how much the figures of the larger fleet exceed those of the smaller."""
    found = []
    larger = {one.name: one for one in large}
    for one in small:
        other = larger.get(one.name, one)
        if "CPU a report" in one.name and one.value:
            found.append(Figure(f"{one.name}, growth", other.value / one.value, "x", MORE_CPU))
        elif one.name.endswith(", rate"):
            ratio = other.value / one.value
            found.append(Figure(f"{one.name}, kept", ratio, "x", LESS_RATE, at_least=True))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 modems, fewer reports")
    parser.add_argument("--million", action="store_true", help="also 1,000,000 modems")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), help="one of them alone")
    parser.add_argument("--folder", type=Path, help="where the databases are; default: /tmp")
    parser.add_argument("--kept", type=Path, help="a million modems that --load has left here")
    parser.add_argument("--load", type=Path, help="only load a million modems, and leave them here")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    usual = QUICK if options.quick else USUAL
    results: dict[str, list[Figure]] = {}

    def add(title: str, figures: list[Figure]) -> list[Figure]:
        results[title] = figures
        if not options.json:
            print_figures(title, figures)
        return figures

    names = [options.engine] if options.engine else ["sqlite", "postgresql"]
    print(machine(), file=sys.stderr)
    for name in names:
        if options.load:
            add(f"{name}, {MILLION.modems:,} modems", load_kept(name, options.load))
            continue
        small = add(f"{name}, {usual.modems:,} modems", run(name, usual, options.folder))
        if options.million or options.kept:
            large = run(name, MILLION, options.folder, options.kept)
            add(f"{name}, {MILLION.modems:,} modems", large)
            add(f"{name}, {MILLION.modems:,} beside {usual.modems:,}", compare(small, large))
    if options.json:
        print(json.dumps({key: [asdict(one) for one in found] for key, found in results.items()}))
    return 0 if all(one.is_met for found in results.values() for one in found) else 3


if __name__ == "__main__":
    sys.exit(main())
