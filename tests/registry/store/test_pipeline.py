"""Statements to PostgreSQL: binary arrays, pipelines, and lost connections."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import pq
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database, is_unavailable
from modemagent.registry.store.database.pipeline import Pipeline
from modemagent.registry.store.database.statements import Statement
from modemagent.registry.store.tables import schema
from tests.registry.conftest import PostgresServer

KINDS = ("bigint", "smallint", "boolean", "text", "bytea")
ROWS = [
    (0, 0, False, "", b""),
    (2**63 - 1, 2**15 - 1, True, "Ä\n'\"{},\\ NULL", bytes(range(256))),
    (-(2**63), -(2**15), True, "text", b"\0"),
]


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.new_database(), autocommit=True) as found:
        yield found


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    found = Database(postgres.new_database())
    yield found
    found.close()


def end_other_connections(database: Database) -> None:
    """Let the server close all connections to a database but one of this function."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def insert(connection: object, name: str) -> None:
    dialect.insert_rows(connection, schema.setting, ("name", "value"), [(name, b"1")])  # type: ignore[arg-type]


def names(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.execute(text("SELECT name FROM setting")).scalars())


def test_driver_is_the_compiled_one() -> None:
    assert pq.__impl__ in ("binary", "c")


@pytest.mark.parametrize("with_nulls", [False, True])
def test_rows_return_as_they_were_sent(connection: psycopg.Connection, *, with_nulls: bool) -> None:
    rows = [*ROWS, (None,) * len(KINDS)] if with_nulls else ROWS
    statement = Statement("SELECT * FROM unnest($1, $2, $3, $4, $5)", KINDS)
    assert Pipeline(connection).read(statement, list(zip(*rows, strict=True))) == rows


def test_single_row_returns_as_it_was_sent(connection: psycopg.Connection) -> None:
    pipeline = Pipeline(connection)
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(KINDS))
    pipeline.write(Statement(f"CREATE TEMPORARY TABLE t ({columns})"))
    pipeline.flush()
    rows = [*ROWS, (None,) * len(KINDS)]
    insert = Statement("INSERT INTO t VALUES ($1, $2, $3, $4, $5)", KINDS, is_single=True)
    for row in rows:
        pipeline.write(insert, row)
    assert pipeline.read(Statement("SELECT * FROM t")) == rows


def test_statement_is_prepared_once(connection: psycopg.Connection) -> None:
    pipeline = Pipeline(connection)
    statement = Statement("SELECT count(*) FROM unnest($1)", ("bigint",))
    for size in (1, 100, 70_000):  # of several types, if the driver chose them
        assert pipeline.read(statement, [range(size)]) == [(size,)]
    count = Statement("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'm%'")
    assert pipeline.read(count) == [(2,)]


def test_queries_of_one_round_trip_return_their_rows(connection: psycopg.Connection) -> None:
    pipeline = Pipeline(connection)
    one, two = Statement("SELECT 1"), Statement("SELECT unnest($1)", ("text",))
    pipeline.write(Statement("CREATE TEMPORARY TABLE t (n bigint)"))
    for _ in range(2):  # prepared, and then known
        assert pipeline.read_all([(one, ()), (two, [["a", "b"]]), (one, ())]) == [
            [(1,)],
            [("a",), ("b",)],
            [(1,)],
        ]


def test_writes_precede_the_next_read(connection: psycopg.Connection) -> None:
    pipeline = Pipeline(connection)
    pipeline.write(Statement("CREATE TEMPORARY TABLE t (n bigint)"))
    pipeline.flush()
    for number in (1, 2):
        pipeline.write(Statement("INSERT INTO t SELECT unnest($1)", ("bigint",)), [[number]])
    assert connection.execute("SELECT n FROM t").fetchall() == []
    assert pipeline.read(Statement("SELECT n FROM t ORDER BY n")) == [(1,), (2,)]


def test_failed_write_rolls_the_transaction_back(database: Database) -> None:
    with database.writing() as connection:
        insert(connection, "first")
    with pytest.raises(IntegrityError), database.writing() as connection:
        insert(connection, "second")
        insert(connection, "first")
    with database.writing() as connection:
        insert(connection, "third")
    assert {"first", "third"} <= names(database)
    assert "second" not in names(database)


def test_discarded_writes_are_not_sent(database: Database) -> None:
    with pytest.raises(KeyError), database.writing() as connection:
        insert(connection, "first")
        raise KeyError
    assert "first" not in names(database)


def test_prepared_statements_outlive_rollbacks_and_new_tables(database: Database) -> None:
    query = text("SELECT count(*) FROM setting")

    def read() -> int:
        with database.reading() as connection:
            dialect.select_rows(connection, schema.setting, ("name",), ("value",), [("a",)])
            return int(connection.execute(query).scalar_one())

    counts = [read() for _ in range(5)]  # the driver has prepared the query by then
    with pytest.raises(ZeroDivisionError), database.reading() as connection:
        connection.execute(query)
        raise ZeroDivisionError
    counts.append(read())
    with database.writing() as connection:
        insert(connection, "one more")
        connection.execute(query)
        connection.execute(text("CREATE TABLE new (a int)"))
        connection.execute(text("ALTER TABLE new ADD COLUMN b int"))
        insert(connection, "and another")
        connection.execute(text("DROP TABLE new"))
    assert {*counts} == {counts[0]}
    assert read() == counts[0] + 2


def test_reader_sees_one_state(database: Database) -> None:
    with database.reading() as connection:
        key = [("first",)]
        assert dialect.select_rows(connection, schema.setting, ("name",), ("name",), key) == []
        with database.writing() as other:
            insert(other, "first")
        assert dialect.select_rows(connection, schema.setting, ("name",), ("name",), key) == []
    assert "first" in names(database)


def test_closed_idle_connection_is_replaced(database: Database) -> None:
    assert "secret" in names(database)
    end_other_connections(database)
    assert "secret" in names(database)


def test_lost_connection_is_an_outage_that_ends(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught, database.writing() as connection:
        insert(connection, "first")
        end_other_connections(database)
    assert is_unavailable(caught.value)
    with database.writing() as connection:
        insert(connection, "second")
    assert "first" not in names(database)
    assert "second" in names(database)


def test_wrong_statement_is_not_an_outage(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(DBAPIError) as caught, database.reading() as connection:
        connection.execute(text("SELECT nothing FROM setting"))
    database.close()
    assert not is_unavailable(caught.value)
