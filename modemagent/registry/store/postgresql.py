"""Connections to PostgreSQL: their settings, transactions, and loss.

The beginning of a transaction is sent with its first statement that returns rows, and its end with
the last writes (:mod:`.pipeline`). An idle connection is checked without a query when it is used.
"""

from __future__ import annotations

import select
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from modemagent.registry.store.dialect import pipeline_of
from modemagent.registry.store.pipeline import Pipeline
from modemagent.registry.store.statements import Statement

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
_BEGIN = Statement("BEGIN")
_BEGIN_READING = Statement("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_COMMIT = Statement("COMMIT")


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
    event.listen(engine, "commit", _commit)
    event.listen(engine, "rollback", _discard)
    return engine


def _add_pipeline(connection: Any, entry: ConnectionPoolEntry) -> None:
    # the driver would drop all prepared statements after a rollback, those of the pipeline too
    connection.prepare_threshold = None
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


def _commit(connection: Connection) -> None:
    pipeline_of(connection).write(_COMMIT)
    _flush(connection)


def _discard(connection: Connection) -> None:
    if not connection.invalidated:
        pipeline_of(connection).discard()
