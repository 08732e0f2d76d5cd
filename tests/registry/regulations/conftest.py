"""A registry's database, and reports of a modem on given days in given countries."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modemagent.registry.calls.deadlines import DeadlineCalls
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.envelope import open_envelope
from modemagent.registry.store.evaluation import recheck
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.regulations import deadlines
from modemagent.report.message import canonical_body
from tests.registry.conftest import Body, Gateway
from tests.registry.rules.conftest import Store

DAY_MS = 86_400_000
TODAY = int(time.time() * 1000) // DAY_MS


class Traveller:
    """A gateway that runs for months in one boot, and reports once on each of some days.

    :param days_ago: when it was started
    """

    def __init__(self, days_ago: int, gateway_id: str = "gw-1") -> None:
        self.gateway = Gateway(gateway_id, f"stream-{gateway_id}")
        self.start_ms = (TODAY - days_ago) * DAY_MS + 1000
        self.days_ago = days_ago

    def report(self, days_ago: int, mcc: str, *, synchronized: bool = True, **more: Any) -> Body:
        uptime_ms = (self.days_ago - days_ago) * DAY_MS
        at = datetime.fromtimestamp((self.start_ms + uptime_ms) / 1000, UTC)
        if not synchronized:
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=uptime_ms)
        return self.gateway.report(
            "refresh",
            uptime_ms=uptime_ms,
            observed_at=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            clock_synchronized=synchronized,
            network={"mcc": mcc, "mnc": "01", "rat": "lte", "registered": True},
            **more,
        )

    def stay(self, first: int, last: int, mcc: str, **more: Any) -> list[Body]:
        """Return one report for each day."""
        return [self.report(ago, mcc, **more) for ago in range(first, last - 1, -1)]


class DeadlineStore(Store):
    """A database to which reports are added, with its deadlines."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.calls = DeadlineCalls(self.database, "test")
        self.lists = ListCalls(self.database, "test")

    def add_batch(self, *reports: Body) -> None:
        """Store reports in one transaction."""
        now = int(time.time() * 1000)
        self.recorder.record([Arrival(open_envelope(canonical_body(one)), now) for one in reports])

    def deadlines(self, **filters: str) -> list[dict[str, Any]]:
        """Return the deadlines after all modems were evaluated."""
        self.recheck()
        while deadlines.update_part(self.database):
            pass
        found: list[dict[str, Any]] = self.calls.deadlines(100, None, **filters)["deadlines"]
        return found

    def recheck(self) -> None:
        """Go on with re-checks until all are done or wait to be confirmed."""
        while self.run(recheck.step):
            pass

    def days(self, rule: str = "tr-foreign-sim") -> int | None:
        """Return the days that count for a rule; None: it has none."""
        found = [one["days"] for one in self.deadlines() if one["rule"] == rule]
        return found[0] if found else None

    def levels(self) -> dict[str, str]:
        """Return the severity of each finding by its part."""
        return {one["part"]: one["severity"] for one in self.findings() if one["part"]}


@pytest.fixture
def store(database_url: str) -> Iterator[DeadlineStore]:
    found = DeadlineStore(database_url)
    yield found
    found.database.close()
