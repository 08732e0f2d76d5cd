"""Connections to PostgreSQL: their settings, transactions, and loss.

The beginning of a transaction is sent with its first statement that returns rows, and its end with
the last writes (:mod:`.pipeline`). The driver prepares the statements of SQLAlchemy. An idle
connection is checked without a query when it is used.
"""

from __future__ import annotations

import select
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from modemagent.registry.store.database.dialect import pipeline_of
from modemagent.registry.store.database.pipeline import Pipeline
from modemagent.registry.store.database.statements import Statement

# A plan is kept as long as the connection: it does not depend on the values, and uses indexes
# although the tables may be small when it is made.
_OPTIONS = (
    "plan_cache_mode=force_generic_plan",
    "enable_seqscan=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
    "jit=off",
    "client_encoding=UTF8",
    "synchronous_commit=on",
    "lock_timeout=30s",
)
_PREPARED_FROM = 2  # executions of a statement of SQLAlchemy on a connection
_MOST_PREPARED = 200  # of them on a connection
_BEGIN = Statement("BEGIN")
_BEGIN_READING = Statement("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_COMMIT = Statement("COMMIT")
_ROLLBACK = Statement("ROLLBACK")


def create_postgresql_engine(url: URL, guest: bool) -> Engine:
    """Return an engine whose connections have a pipeline.

    :param guest: connections are closed after use
    """
    pool: dict[str, Any] = {"pool_size": 8, "max_overflow": 8, "pool_use_lifo": True}
    engine = create_engine(
        url,
        hide_parameters=True,
        **({"poolclass": NullPool} if guest else pool),
        connect_args={
            "autocommit": True,
            "connect_timeout": 10,
            "fallback_application_name": "modemagent registry",
            "keepalives_idle": 30,
            "tcp_user_timeout": 30_000,  # ms, for a server that vanished without closing
            "options": " ".join(f"-c {one}" for one in _OPTIONS),
        },
    )
    event.listen(engine, "connect", _add_pipeline)
    event.listen(engine, "checkout", _check_connection)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "before_cursor_execute", _flush)
    event.listen(engine, "after_cursor_execute", _forget)
    event.listen(engine, "commit", _commit)
    event.listen(engine, "rollback", _roll_back)
    return engine


def _add_pipeline(connection: Any, entry: ConnectionPoolEntry) -> None:
    connection.prepare_threshold = _PREPARED_FROM
    connection.prepared_max = _MOST_PREPARED
    entry.info["pipeline"] = Pipeline(connection)


def _check_connection(connection: Any, *_: object) -> None:
    """Check that the server has not closed an idle connection, on which it sends nothing else."""
    poll = select.poll()
    if not connection.closed:
        poll.register(connection.fileno(), select.POLLIN)
    if connection.closed or poll.poll(0):
        raise InvalidatePoolError("the server has closed the connection")


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("modemagent_reads", False)
    pipeline_of(connection).write(_BEGIN_READING if reads else _BEGIN)


def _flush(connection: Connection, *_: object) -> None:
    """Send what precedes a statement of SQLAlchemy."""
    pipeline = pipeline_of(connection)
    with pipeline.errors_of(connection):
        pipeline.flush()


def _forget(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    """Prepare all again after a change of tables, at which the driver drops what is prepared."""
    if statement.lstrip()[:5].upper() in ("DROP ", "ALTER"):
        pipeline_of(connection).forget()


def _commit(connection: Connection) -> None:
    pipeline_of(connection).write(_COMMIT)
    _flush(connection)


def _roll_back(connection: Connection) -> None:
    """Roll back before the driver does, which would drop all prepared statements."""
    if connection.invalidated:
        return
    pipeline = pipeline_of(connection)
    pipeline.discard()
    if pipeline.is_in_transaction:
        pipeline.write(_ROLLBACK)
        _flush(connection)
