"""A query that costs too much is stopped, and the connection can be used again."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from modemagent.registry.pages.page_errors import page_error
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.database.query_budget import is_exceeded, limited

COUNT = text(
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < :most)"
    " SELECT count(*) FROM n"
)


def test_expensive_query_is_stopped(database_url: str) -> None:
    database = Database(database_url)
    with database.reading() as connection, limited(connection):
        assert connection.execute(COUNT, {"most": 1000}).scalar() == 1000
    with (
        pytest.raises(DBAPIError) as caught,
        database.reading() as connection,
        limited(connection),
    ):
        connection.execute(COUNT, {"most": 1_000_000_000})
    assert is_exceeded(caught.value)
    page = page_error(caught.value)
    assert (page.status, page.title) == (422, "Too wide")
    with database.reading() as connection:  # without a limit
        assert connection.execute(COUNT, {"most": 2_000_000}).scalar() == 2_000_000
    assert not is_exceeded(ValueError())
    database.close()
