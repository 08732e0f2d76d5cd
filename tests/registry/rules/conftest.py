"""A registry's database without a server, and a finding of one with a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modemagent.registry.envelope import open_envelope
from modemagent.registry.store import evaluation, jobs, reader
from modemagent.registry.store.arrivals import Arrival
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.engine import Database, now_ms
from modemagent.registry.store.recorder import Recorder
from modemagent.report.message import canonical_body
from tests.registry.conftest import OTHER_ICCID, Body, Client, Gateway, sim


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
