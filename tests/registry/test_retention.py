"""Bodies of reports are deleted after some days; what was derived from them stays."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from modemagent.errors import UsageError
from modemagent.registry.calls.cases import CaseCalls
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.calls.retention import RetentionCalls
from modemagent.registry.store.database import dialect, partitions, upkeep
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.database.jobs import TimerKind
from modemagent.registry.store.intake.key_pages import DAY_MS
from modemagent.registry.store.people import notes
from modemagent.registry.store.tables import schema
from tests.conftest import call_in_process
from tests.registry.conftest import IMEI, OTHER_IMEI, SECRET, Client, Gateway, Registry


@pytest.fixture
def registry(tmp_path: Path, database_url: str) -> Iterator[Registry]:
    """A registry that keeps bodies for 99 days."""
    found = Registry(tmp_path / "state", "--keep-bodies", "99", database=database_url)
    found.start()
    yield found
    found.stop(signal.SIGKILL)


def test_deleted_body_is_answered_with_its_dates(registry: Registry, reader: Client) -> None:
    gateway = Gateway()
    gateway.port = "usb:1-3:1.2"
    first = gateway.report("identified", imei=OTHER_IMEI)
    gateway.port = "usb:1-2:1.2"
    changed = gateway.report("identified", imei=IMEI)
    gateway.port = "usb:1-3:1.2"
    again = gateway.report("refresh", imei=OTHER_IMEI)
    client = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    assert client.post(first, changed, again, {**changed, "uptime_ms": 1})[3] == "conflict"
    database = Database(registry.database, guest=True)
    age_bodies(database, days=100)
    younger = gateway.report("identified", imei=IMEI)
    client.post(younger)
    modems = reader.get("modems")["modems"]
    shown = registry.client("--scope", "admin").get("retention")["retention"][0]
    assert (shown["kind"], shown["days"]) == ("bodies", 99)
    run_timer(database)
    admin = registry.client("--scope", "admin")
    while not (after := admin.get("retention"))["retention"][0]["deleted_at"]:
        pass
    assert after["retention"][0]["deleted"] >= 3
    assert after["next_run_at"] > after["last_run"]["ended_at"]
    database.close()
    path = "/api/v1/reports/gw-1/stream-1/"
    while (found := reader.request("GET", f"{path}{changed['sequence']}")).status == 200:
        pass
    assert found.status == 410
    assert found.json["latest"] == "2026-03-01T12:00:02.000Z"
    kept = reader.get(f"reports/gw-1/stream-1/{younger['sequence']}")
    assert (kept["kept"], kept["conflicts"]) == (True, [])
    assert reader.get("modems")["modems"] == modems


def test_bodies_are_deleted_in_slices(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_BODIES_AT_ONCE", 3)
    database = Database(database_url)
    with database.writing() as connection:
        now = now_ms()
        for number in range(10):
            received_ms = now - (100 * DAY_MS if number < 7 and database.is_sqlite else 0)
            connection.execute(
                text("INSERT INTO report VALUES (1, :number, :received_ms, :body, NULL)"),
                {"number": number, "received_ms": received_ms, "body": b"x"},
            )
    slices = 0
    more = True
    while more:
        slices += 1
        with database.writing() as connection:
            more = upkeep.delete_bodies(database.new_batch(connection), now - 99 * DAY_MS).more
    with database.reading() as connection:
        left = connection.execute(text("SELECT sequence FROM report ORDER BY 1")).scalars().all()
    database.close()
    assert left == ([7, 8, 9] if database.is_sqlite else list(range(10)))
    assert slices == (3 if database.is_sqlite else 1)


def test_each_kind_of_data_has_its_limit(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url, secret=SECRET)
    lists, cases = ListCalls(database, "test"), CaseCalls(database, "test")
    retention = RetentionCalls(database, "test")

    def remove_and_close(imei: str) -> tuple[str, str, str]:
        entry = lists.put_entry("permitted", {"kind": "imei", "value": imei})
        lists.remove_entry("permitted", entry["id"])
        case = cases.open_case({"kind": "lost", "imeis": [imei]})
        cases.close_case(case["id"], case["revision"], {"outcome": "recovered"})
        return entry["id"], case["id"], lists.check([imei])["id"]

    _, old_case, old_check = remove_and_close(IMEI)
    with database.writing() as connection:
        batch = database.new_batch(connection)
        notes.add(batch, f"case:{old_case}", "found", "test")
        for table, column in (("list_past", "removed_ms"), ("device_case", "closed_ms"),
                              ("check_run", "created_ms")):  # fmt: skip
            connection.execute(text(f"UPDATE {table} SET {column} = {column} - {91 * DAY_MS}"))
        names = ("gateway", "modem", "sim", "mcc", "year", "days")
        rows = [(1, 1, 1, "262", year, b"x") for year in (2020, datetime.now(UTC).year)]
        dialect.insert_rows(connection, schema.presence, names, rows)
    _, new_case, new_check = remove_and_close(OTHER_IMEI)
    kinds = {one["kind"]: one for one in retention.retention()["retention"]}
    assert {name: one["due"] for name, one in kinds.items() if one["due"]} == {"checks": 1}
    for kind, days in (("cases", 90), ("removed", 90), ("presence", 731), ("checks", None)):
        retention.set_retention(kind, days)
    for kind, days in (("cases", 29), ("presence", 730), ("audit", 90)):
        with pytest.raises(UsageError):
            retention.set_retention(kind, days)
    retention.set_retention("checks", 90)
    # of the list, what was on the tracked list because of the case is removed too
    due = {"bodies": 0, "checks": 1, "cases": 1, "removed": 2, "presence": 1}
    where = ["--database", database_url]
    tried = call_in_process("registry", "retention", "apply", "--dry-run", *where)
    assert (tried.returncode, "1 of cases, older than 90 days" in tried.stdout) == (0, True)
    done = call_in_process("registry", "retention", "apply", "--json", *where)
    found = json.loads(done.stdout)["retention"]
    assert {one["kind"]: one["due"] for one in found} == due
    after = retention.retention()
    assert not any(one["due"] for one in after["retention"])
    assert after["last_run"]["deleted"] == {name: number for name, number in due.items() if number}
    assert after["last_run"]["ended_at"] and after["next_run_at"] is None  # no server has run
    shown = call_in_process("registry", "retention", *where)
    assert (
        "last run: " in shown.stdout and ", deleted 1 of checks, 1 of cases, 2 of" in shown.stdout
    )
    assert cases.case(old_case) is None and cases.case(new_case) is not None
    assert lists.check_results(old_check, 1, None) is None
    assert lists.check_results(new_check, 1, None) is not None
    with database.reading() as connection:
        assert notes.note_page(connection, limit=9)["notes"] == []
        left = connection.execute(text("SELECT count(*) FROM list_past")).scalar()
        assert (left, connection.execute(text("SELECT year FROM presence")).all()) == (
            2, [(datetime.now(UTC).year,)],
        )  # fmt: skip
        for table in ("case_entry", "case_task", "case_thing"):
            cases_left = f"SELECT DISTINCT device_case FROM {table}"
            assert connection.execute(text(cases_left)).scalars().all() == [int(new_case)]
    database.close()


def run_timer(database: Database) -> None:
    """Make the timer of retention due, after it has run once."""
    where = f"WHERE id = {int(TimerKind.RETENTION)} AND due_ms > 0"
    changed = 0
    while not changed:
        with database.writing() as connection:
            changed = connection.execute(text(f"UPDATE job SET due_ms = 0 {where}")).rowcount


def age_bodies(database: Database, days: int) -> None:
    """Make all bodies older, on PostgreSQL at the start of a month with a partition of its own."""
    then = datetime.fromtimestamp((now_ms() - days * DAY_MS) / 1000, UTC)
    then = datetime(then.year, then.month, 1, tzinfo=UTC) - timedelta(days=40)
    start = datetime(then.year, then.month, 1, tzinfo=UTC)
    first = round(start.timestamp() * 1000)
    with database.writing() as connection:
        partitions.create_months(connection, first)
        for table in ("report", "conflict"):
            connection.execute(text(f"UPDATE {table} SET received_ms = :first"), {"first": first})
