"""A registry's database without a server, and a finding of one with a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.envelope import open_envelope
from modemagent.registry.store.database import jobs
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.evaluation import evaluation, recheck, recheck_reader
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.tables import recheck_tables
from modemagent.report.message import canonical_body
from tests.registry.conftest import OTHER_ICCID, Body, Client, Gateway, sim
from tests.registry.history.wire import iccid, imei


class Store:
    """A database to which reports are added, and whose rules are evaluated on request."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.recorder = Recorder(self.database)
        self.recorder.run(jobs.create)

    def add(self, *reports: Body) -> None:
        """Store each report in a transaction of its own."""
        for one in reports:
            self.recorder.record([Arrival(open_envelope(canonical_body(one)), now_ms())])

    def evaluate(self) -> None:
        """Evaluate the rules for all jobs."""
        while self.recorder.run(evaluation.evaluate_waiting):
            pass

    def run(self, work: Any, later_s: float = 0) -> Any:
        def later(batch: Batch) -> Any:
            batch.now_ms += round(later_s * 1000)
            return work(batch)

        return self.recorder.run(later)

    def jobs(self) -> int:
        """Return the number of jobs for the rules."""
        with self.database.reading() as connection:
            query = "SELECT count(*) FROM job WHERE kind = 'evaluate'"
            return int(connection.exec_driver_sql(query).scalar_one())

    def findings(self) -> list[dict[str, Any]]:
        """Return the findings that hold now."""
        with self.database.reading() as connection:
            found: list[dict[str, Any]] = reader.findings(connection, limit=1000)["findings"]
        return found

    def finding(self, finding_id: str) -> dict[str, Any]:
        with self.database.reading() as connection:
            found: dict[str, Any] | None = reader.finding(connection, finding_id)
        assert found is not None
        return found

    def types(self) -> list[str]:
        return sorted(one["type"] for one in self.findings())


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    found = Store(database_url)
    yield found
    found.database.close()


class Fleet:
    """A database whose lists are changed, and whose re-checks are made on request."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.lists = ListCalls(store.database, "tests")

    def add(self, count: int, first: int = 0, **more: Any) -> None:
        """Store the first reports of modems, each in a gateway of its own."""
        for number in range(first, first + count):
            report = Gateway(f"gw-{number}").report(
                "identified", imei(str(number)), [sim(iccid(str(number)))]
            )
            report["modem"] = {**report["modem"], **more}
            self.store.add(report)
        self.store.evaluate()

    def put(self, name: str, kind: str, value: str, **more: str) -> str:
        """Put an entry on a list, and re-check what it is about."""
        found = self.lists.put_entry(name, {"kind": kind, "value": value, **more})
        self.recheck()
        return str(found["id"])

    def remove(self, name: str, entry: str) -> None:
        assert self.lists.remove_entry(name, entry)
        self.recheck()

    def recheck(self) -> None:
        while self.store.recorder.run(recheck.step):
            pass

    def runs(self) -> list[dict[str, Any]]:
        with self.store.database.reading() as connection:
            return list(recheck_reader.run_page(connection, limit=100)["runs"])

    def held(self) -> int:
        """Return the number of units whose findings wait for a re-check."""
        with self.store.database.reading() as connection:
            return len(connection.execute(recheck_tables.recheck_unit.select()).all())


@pytest.fixture
def fleet(store: Store) -> Fleet:
    return Fleet(store)


@pytest.fixture
def swap(gateway_client: Callable[[str], Client], reader: Client) -> dict[str, Any]:
    """The finding of a swapped SIM, which the running registry makes by itself."""
    gateway = Gateway()
    gateway_client("gw-1").post(
        gateway.report("identified"), gateway.report("sim_changed", sims=[sim(OTHER_ICCID)])
    )
    for _ in range(600):
        found = reader.get("findings")["findings"]
        if found:
            (one,) = found
            return dict(one)
        time.sleep(0.1)
    raise AssertionError("no finding")
