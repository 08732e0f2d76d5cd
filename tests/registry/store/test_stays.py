"""Queries for stays follow an index of each column that they are looked up by."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet.stays import read_stays
from modemagent.registry.store.fleet.view import View


@pytest.mark.parametrize("keys", [[1], [1, 2]])
@pytest.mark.parametrize(
    ("column", "index"),
    [("unit", "stay_of_unit"), ("holder", "stay_in_holder"), ("place", "stay_at_place")],
)
def test_stays_are_found_by_an_index(
    database_url: str, column: str, index: str, keys: list[int]
) -> None:
    database = Database(database_url)
    with database.reading() as connection:
        found = read_stays(View(connection), column, keys)
        assert found is not None
        if connection.dialect.name == "sqlite":
            query = f"EXPLAIN QUERY PLAN {found.statement.text}"
            plan = connection.exec_driver_sql(query, tuple(found.values)).all()
        else:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            value = "1" if found.statement.is_single else "'{1,2}'::bigint[]"
            plan = connection.execute(
                text(f"EXPLAIN {found.statement.text.replace('$1', value)}")
            ).all()
    database.close()
    assert index in str(plan)
