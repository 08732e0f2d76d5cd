"""Checks that are older than 90 days are deleted, on both engines."""

from __future__ import annotations

from sqlalchemy import text

from modemagent.registry.list_calls import ListCalls
from modemagent.registry.store import checks
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.engine import Database, now_ms
from tests.registry.conftest import IMEI

DAY_MS = 86_400_000


def test_old_checks_are_deleted(database_url: str) -> None:
    database = Database(database_url, secret=b"s" * 32)
    calls = ListCalls(database, "test")
    old, new = calls.check([IMEI]), calls.check([IMEI])
    with database.writing() as connection:
        connection.execute(
            text("UPDATE check_run SET created_ms = created_ms - :age WHERE id = :run"),
            {"age": 91 * DAY_MS, "run": int(old["id"])},
        )
    with database.writing() as connection:
        assert not checks.delete_old(Batch(connection, database.keys, now_ms(), b"s" * 32))
    assert calls.check_results(old["id"], 10, None) is None
    found = calls.check_results(new["id"], 10, None)
    assert found is not None and len(found["results"]) == 1
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM check_part")).scalar() == 1
    database.close()
