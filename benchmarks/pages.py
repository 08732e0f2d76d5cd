"""Pages of the registry with a large fleet: time of each kind, and its slowest query.

    python benchmarks/registry.py --million --keep DIR     # makes the databases, once
    python benchmarks/pages.py --kept DIR                  # or --modems 20000 for a new fleet

An administrator opens the pages over HTTP by following links, some of each kind, and each several
times. The times are those of the server with the transfer on the same machine. The queries of
PostgreSQL are read from its log: of each page the slowest one, in the fastest of three requests,
because timers of the registry query as well. The exit status is 3 if a budget is exceeded or a page
is not answered.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg
from argon2 import PasswordHasher
from registry import serving
from registry_engines import Engine, cpu_s, engine, machine
from registry_load import Fleet, arrivals, hash_of, iccid, imei, load

from modemagent.registry.calls.assets import AssetCalls
from modemagent.registry.calls.cases import CaseCalls
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.people import invitations
from modemagent.registry.store.people.people import PersonRole
from tests.registry.conftest import Registry

_PERSON = "benchmark"
_ACTOR = f"person:{_PERSON}"
_OF_A_SHAPE = 2  # pages that are opened of each shape of an address
_TRIES = 3  # of a page, while its queries are logged
_QUERY_MS = 300.0
_OTHER_MS = 60.0  # a page that has no budget of its own
_CHECKED = 1000
_KEPT = 360  # readings of one modem in a new fleet
_DURATION = re.compile(r"duration: ([0-9.]+) ms +[^:]+: (.*)")
_LINK = re.compile(r'(?:href|action)="(/[^"#]*)')
_POST_FORM = re.compile(r'<form[^>]+action="([^"]+)" method="post"')
#: Budgets in milliseconds by the first part of an address: of a list, and of one of its objects.
_BUDGETS = {
    "": (40.0, 40.0), "lookup": (30.0, 30.0), "reports": (30.0, 30.0), "modems": (50.0, 60.0),
    "sims": (50.0, 60.0), "gateways": (50.0, 60.0), "findings": (50.0, 60.0),
    "assets": (50.0, 60.0), "cases": (50.0, 60.0), "lists": (50.0, 50.0), "audit": (50.0, 50.0),
    "deadlines": (50.0, 50.0),
}  # fmt: skip
_CHECK_MS = 400.0


@dataclass
class Timed:
    """Requests for the pages of one kind: those of the page with the largest median.

    :param cpu_ms: processor time of the registry and the database for a request
    :param query_ms: of the slowest query of any page of the kind
    """

    name: str
    times_ms: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0
    query_ms: float = 0.0
    query: str = ""
    slowest: str = ""
    failed: list[str] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        return statistics.median(self.times_ms) if self.times_ms else 0.0

    @property
    def p95_ms(self) -> float:
        return statistics.quantiles(self.times_ms, n=20, method="inclusive")[18]

    @property
    def is_met(self) -> bool:
        is_quick = not self.times_ms or self.p95_ms <= budget_of(self.name)
        return is_quick and self.query_ms <= _QUERY_MS and not self.failed


class Client:
    """The browser of an administrator, without its cache and without compression."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"Cookie": f"registry={cookie}", "Sec-Fetch-Site": "same-origin"}

    def open(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str, float]:
        """Return status, text, the address that it leads to, and the time in milliseconds."""
        headers = {**self._headers, "Accept": "text/html"}
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        started = time.perf_counter()
        self._connection.request("GET" if form is None else "POST", path, body, headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        took_ms = (time.perf_counter() - started) * 1000
        return response.status, text, response.headers.get("Location") or "", took_ms


class QueryLog:
    """The log of PostgreSQL with the time of each query; of SQLite it is empty."""

    def __init__(self, one: Engine) -> None:
        self._one = one
        self._file = one.folder / "data/log"
        self._read = 0
        if not one.is_sqlite:
            self._set("ALTER SYSTEM SET log_min_duration_statement = 1")

    def close(self) -> None:
        if not self._one.is_sqlite:
            self._set("ALTER SYSTEM RESET log_min_duration_statement")

    def _set(self, statement: str) -> None:
        with psycopg.connect(self._one.url, autocommit=True) as connection:
            connection.execute(statement.encode())
            connection.execute("SELECT pg_reload_conf()")
        time.sleep(0.2)
        self.slowest()

    def slowest(self) -> tuple[float, str]:
        """Return the slowest query since the last call, with its text; 0: none took 1 ms."""
        if self._one.is_sqlite:
            return 0.0, ""
        with self._file.open(errors="replace") as file:
            file.seek(self._read)
            found = [(float(one[1]), one[2]) for one in _DURATION.finditer(file.read())]
            self._read = file.tell()
        return max(found, default=(0.0, ""))


def fill(database: Database) -> None:
    """Make a policy, work, a case, assets, an order and lists about some modems."""
    lists, policies = ListCalls(database, _ACTOR), PolicyCalls(database, _ACTOR)
    if policies.policies(1, None)["policies"]:
        return
    policies.add({"name": "one model", "mode": "observe", "covers": {"model": "EG25-G"}})
    allowed = [{"imei": imei(number), "iccid": iccid(number * 100)} for number in range(200)]
    policies.add({"name": "pairs", "mode": "learn", "pairs": allowed})
    until = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    policies.announce({"name": "crew", "to": until, "gateways": ["gw-0000001"]})
    options = {"dry_run": False, "instead": False, "force": True}
    lines = [f"A-{number},{imei(number)},Hamburg,{number}" for number in range(20_000)]
    content = "\n".join(["tag,imei,site,serial_number", *lines]).encode()
    lists.import_file(content, target="assets", **options)
    content = "\n".join(["imei,model", *(f"{imei(n)},EG25-G" for n in range(500))]).encode()
    lists.import_file(content, target="orders", order="2026-44", **options)
    things = {"imeis": [imei(0)], "iccids": [iccid(0)]}
    CaseCalls(database, _ACTOR).open_case({"kind": "stolen", "text": "benchmark", **things})
    assert AssetCalls(database, _ACTOR).orders(1, None)["orders"]


def shape_of(path: str) -> str:
    """Return the kind of a page: its address without what varies.

    >>> shape_of("/modems/7K3FQ2WX9ATC"), shape_of("/findings?severity=note&before=17")
    ('/modems/*', '/findings?before&severity=note')
    """
    plain, _, query = path.partition("?")
    parts = ["*" if re.search("[0-9]|^[A-Z]{12}$", one) else one for one in plain.split("/")]
    names = [one for one in query.split("&") if one]
    shown = sorted(one.split("=")[0] if re.search("[0-9]|^rule=", one) else one for one in names)
    return "/".join(parts) + (f"?{'&'.join(shown)}" if shown else "")


def links_of(text: str) -> list[str]:
    """Return the pages that a page leads to: no files, no streams, no acts."""
    acts = set(_POST_FORM.findall(text))
    found = (one.replace("&amp;", "&") for one in _LINK.findall(text))
    skipped = re.compile(r"^/(static|api|sign-out|live/stream)|/csv\b")
    return [one for one in dict.fromkeys(found) if one not in acts and not skipped.search(one)]


class Measurement:
    """Opens pages, and keeps their times by kind."""

    def __init__(self, one: Engine, registry: Registry, cookie: str, times: int) -> None:
        assert registry.process is not None
        self._one = one
        self._pid = registry.process.pid
        self._client = Client(registry.port, cookie)
        self._queries = QueryLog(one)
        self._times = times
        self.found: dict[str, Timed] = {}

    def close(self) -> None:
        self._queries.close()

    def crawl(self, starts: Sequence[str]) -> None:
        """Open the pages that links lead to, some of each kind."""
        waiting, seen = list(starts), set[str]()
        shapes: Counter[str] = Counter()
        while waiting:
            path = waiting.pop()
            shape = shape_of(path)
            if path in seen or shapes[shape] >= _OF_A_SHAPE:
                continue
            shapes[shape] += 1
            seen.add(path)
            waiting += links_of(self.measure(shape, path))

    def measure(self, name: str, path: str, form: dict[str, str] | None = None) -> str:
        """Open a page several times, after once that is not counted; return its text."""
        one = self.found.setdefault(name, Timed(name))
        status, text, target, _ = self._client.open(path, form)
        while status == 303 and form is None:
            path = target
            status, text, target, _ = self._client.open(path)
        if status not in (200, 303):
            one.failed.append(f"{status} {path}")
            return text
        slow = min(self._logged(path, form) for _ in range(_TRIES))
        if slow[0] > one.query_ms:
            one.query_ms, one.query = slow
        cpu = cpu_s(self._pid) + self._one.server_cpu_s()
        times = [self._client.open(path, form)[3] for _ in range(self._times)]
        cpu = cpu_s(self._pid) + self._one.server_cpu_s() - cpu
        if statistics.median(times) > one.median_ms:
            one.times_ms, one.slowest, one.cpu_ms = times, path, cpu / self._times * 1000
        return text

    def _logged(self, path: str, form: dict[str, str] | None) -> tuple[float, str]:
        self._queries.slowest()
        self._client.open(path, form)
        return self._queries.slowest()


def budget_of(name: str) -> float:
    """Return the budget of a kind of page in milliseconds."""
    if name.startswith("check of"):
        return _CHECK_MS
    parts = name.partition("?")[0].strip("/").split("/")
    first, of_one = _BUDGETS.get(parts[0].split(" ")[0], (_OTHER_MS, _OTHER_MS))
    return first if len(parts) == 1 else of_one


def forms() -> dict[str, tuple[str, dict[str, str]]]:
    """Return what is sent: numbers to find, known and unknown, and a box to check."""
    box = [imei(number * 3) for number in range(_CHECKED // 2)]
    box += [imei(5_000_000 + number) for number in range(_CHECKED // 2)]
    return {
        "lookup of an IMEI": ("/lookup", {"id": imei(17)}),
        "lookup of an ICCID": ("/lookup", {"id": iccid(1700)}),
        "lookup of an IMSI": ("/lookup", {"id": f"90128{1700:010d}"}),
        "lookup of a gateway": ("/lookup", {"id": "gw-0000003"}),
        "lookup of a place": ("/lookup", {"id": "gw-0000003/usb:1-4"}),
        "lookup of an unknown IMEI": ("/lookup", {"id": imei(5_000_000)}),
        "lookup of a word": ("/lookup", {"id": "A-17"}),
        "lists, find a number": ("/lists/prohibited/find", {"number": imei(25)}),
        "check of 1,000 numbers": ("/check", {"numbers": "\n".join(box)}),
    }


def run(one: Engine, modems: int, times: int) -> list[Timed]:
    """Measure the pages of an engine's database."""
    with contextlib.closing(one.open()) as database:
        if not one.is_filled:
            load(database, Fleet(50), range(modems // 50))
            late, recorder = Fleet(1, "late"), Recorder(database)
            for number in range(_KEPT):
                recorder.record(arrivals(late.next_round(0, change=number % 2 == 1)))
        fill(database)
        link = invitations.create_person(database, _PERSON, PersonRole.ADMIN)
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("none")
        cookie = invitations.accept(database, link, _PERSON, quick)
    with (
        serving(one) as registry,
        contextlib.closing(Measurement(one, registry, cookie, times)) as found,
    ):
        one.wait_for_rules()
        one.wait_for_rechecks()
        for name, (path, form) in forms().items():
            found.measure(name, path, form)
        starts = [f"/modems/{imei(hash_of('late'))}", "/gateways/gw-0000001", "/findings?state=all"]
        starts += ["/findings?severity=any", "/lookup", "/", f"/modems/{imei(0)}"]
        found.crawl(starts)
    return sorted(found.found.values(), key=lambda timed: timed.name)


def print_table(title: str, found: Sequence[Timed]) -> None:
    print(f"\n{title}")
    print(f"  {'milliseconds':52} least median    p95   CPU  query  budget")
    for one in found:
        for path in one.failed:
            print(f"  FAILED: {path}")
        if one.times_ms:
            times = f"{min(one.times_ms):5.0f} {one.median_ms:6.0f} {one.p95_ms:6.0f}"
            rest = f"{one.cpu_ms:5.0f} {one.query_ms:6.1f} {budget_of(one.name):7.0f}"
            verdict = "" if one.is_met else "  NOT MET"
            print(f"  {one.name:52} {times} {rest}{verdict}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kept", type=Path, help="databases that registry.py has left here")
    parser.add_argument("--modems", type=int, default=20_000, help="of a new fleet")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), help="one of them alone")
    parser.add_argument("--times", type=int, default=20, help="that each page is opened")
    parser.add_argument("--queries", action="store_true", help="print the slowest queries")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    print(machine(), file=sys.stderr)
    results: dict[str, list[Timed]] = {}
    for name in [options.engine] if options.engine else ["sqlite", "postgresql"]:
        with engine(name, None, kept=options.kept) as one:
            results[name] = run(one, options.modems, options.times)
        if options.json:
            continue
        print_table(f"{name}, each kind of page", results[name])
        if options.queries:
            for timed in sorted(results[name], key=lambda timed: -timed.query_ms)[:10]:
                print(f"  {timed.query_ms:.1f} ms, {timed.name}: {timed.query}")
    if options.json:
        print(json.dumps({name: [asdict(one) for one in rows] for name, rows in results.items()}))
    return 0 if all(one.is_met for rows in results.values() for one in rows) else 3


if __name__ == "__main__":
    sys.exit(main())
