"""Bodies of reports are deleted after some days; what was derived from them stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from modemagent.registry.store import upkeep
from modemagent.registry.store.engine import Database, now_ms
from modemagent.registry.store.key_pages import DAY_MS
from tests.registry.conftest import IMEI, OTHER_IMEI, Client, Gateway, Registry


def test_deleted_body_is_answered_with_its_dates(
    registry: Registry, reader: Client, gateway_client: Callable[[str], Client]
) -> None:
    gateway = Gateway()
    gateway.port = "usb:1-3:1.2"
    first = gateway.report("identified", imei=OTHER_IMEI)
    gateway.port = "usb:1-2:1.2"
    changed = gateway.report("identified", imei=IMEI)
    gateway.port = "usb:1-3:1.2"
    again = gateway.report("refresh", imei=OTHER_IMEI)
    gateway_client("gw-1").post(first, changed, again)
    database = Database(registry.database, guest=True)
    age_bodies(database, days=100)
    modems = reader.get("modems")["modems"]
    upkeep.delete_bodies(database, 99)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM report")).scalar() == 0
    database.close()
    found = reader.request("GET", f"/api/v1/reports/gw-1/stream-1/{changed['sequence']}")
    assert found.status == 410
    assert found.json["latest"] == "2026-03-01T12:00:02.000Z"
    assert reader.get("modems")["modems"] == modems


def test_younger_bodies_are_kept(
    registry: Registry, reader: Client, gateway_client: Callable[[str], Client]
) -> None:
    gateway_client("gw-1").post(Gateway().report())
    database = Database(registry.database, guest=True)
    upkeep.delete_bodies(database, 1)
    database.close()
    assert reader.get("reports/gw-1/stream-1/1")["kept"] is True


def test_bodies_are_deleted_in_slices(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_BODIES_AT_ONCE", 3)
    database = Database(database_url)
    with database.writing() as connection:
        now = now_ms()
        for number in range(10):
            received_ms = now - (100 * DAY_MS if number < 7 and database.is_sqlite else 0)
            connection.execute(
                text("INSERT INTO report VALUES (1, :number, :received_ms, :body)"),
                {"number": number, "received_ms": received_ms, "body": b"x"},
            )
    upkeep.delete_bodies(database, 99)
    with database.reading() as connection:
        left = connection.execute(text("SELECT sequence FROM report ORDER BY 1")).scalars().all()
    database.close()
    assert left == ([7, 8, 9] if database.is_sqlite else list(range(10)))


def age_bodies(database: Database, days: int) -> None:
    """Make all bodies older, on PostgreSQL at the start of a month with a partition of its own."""
    then = datetime.fromtimestamp((now_ms() - days * DAY_MS) / 1000, UTC)
    then = datetime(then.year, then.month, 1, tzinfo=UTC) - timedelta(days=40)
    start = datetime(then.year, then.month, 1, tzinfo=UTC)
    end = datetime(then.year + then.month // 12, then.month % 12 + 1, 1, tzinfo=UTC)
    first, last = (round(one.timestamp() * 1000) for one in (start, end))
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql(
                f"CREATE TABLE report_{start:%Y_%m} PARTITION OF report"
                f" FOR VALUES FROM ({first}) TO ({last})"
            )
        connection.execute(text("UPDATE report SET received_ms = :first"), {"first": first})
