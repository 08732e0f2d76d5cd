"""Takeover of a database of version 0.1.0: its stored reports are read again.

The old tables are renamed and stay until all of their reports are in the new ones. The work is done
in portions; the next process that opens the database continues where it was interrupted. Tokens are
taken over as they are. Events get new ids, because the old ones revealed numbers, and positions
above the old ones, so that no reader misses or repeats any.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, inspect, text

from modemagent.errors import RegistryStoreError, ReportError
from modemagent.registry.envelope import open_envelope
from modemagent.registry.store.intake.arrivals import Arrival, Sender
from modemagent.registry.store.intake.batch import Batch, Transactions
from modemagent.registry.store.intake.record import record

_TABLES = (
    "schema_version", "gateway", "stream", "report", "card_reading", "conflict", "seat", "item",
    "departure", "stay", "event", "event_about", "alias", "token",
)  # fmt: skip
_INDEXES = ("event_about_of_event", "token_of_gateway", "stay_at_gateway", "card_reading_of_card")
_PORTION = 200
_VERSION = 1


def rename_tables(connection: Connection) -> bool:
    """Rename the tables of 0.1.0, if this is such a database.

    :raises RegistryStoreError: it was written by an unknown version
    """
    if not inspect(connection).has_table("schema_version"):
        return False
    version = connection.execute(text("SELECT max(version) FROM schema_version")).scalar()
    if version != _VERSION:
        raise RegistryStoreError(
            f"the database has schema version {version}; only version {_VERSION} can be taken over",
            hint="Install the newer modemagent again, or restore the older database.",
        )
    for name in _INDEXES:
        connection.execute(text(f"DROP INDEX IF EXISTS {name}"))
    # references to a renamed table are renamed with it, so the order does not matter
    for name in _TABLES:
        connection.execute(text(f"ALTER TABLE {name} RENAME TO {_old(name)}"))
    return True


def begin(connection: Connection) -> None:
    """Take over tokens and the highest position of events, and note that reports are to follow."""
    names = "number, hash, scope, gateway_id, full_ids, created_ms, used_ms, revoked_ms"
    connection.execute(
        text(f"INSERT INTO token ({names}) SELECT {names} FROM {_old('token')}")  # noqa: S608
    )
    last = connection.execute(
        text(f"SELECT coalesce(max(position), 0) FROM {_old('event')}")  # noqa: S608
    ).scalar_one()
    rows = [{"name": "event_base", "value": _bytes(last)}, {"name": "takeover", "value": _bytes(0)}]
    connection.execute(text("INSERT INTO setting (name, value) VALUES (:name, :value)"), rows)


def resume(database: Transactions) -> None:
    """Fold the reports that are not in the new tables yet; return when there are none left."""
    while True:
        with database.reading() as connection:
            if _progress(connection) is None:
                return
        with database.writing() as connection:
            progress = _progress(connection)
            if progress is not None:
                _take_portion(database, connection, progress)


def _take_portion(database: Transactions, connection: Connection, progress: int) -> None:
    rows = connection.execute(
        text(
            "SELECT number, body, uptime_ms, received_ms, latest_ms"  # noqa: S608
            f" FROM {_old('report')} WHERE number > :after ORDER BY number LIMIT :most"
        ),
        {"after": progress, "most": _PORTION},
    ).all()
    if not rows:
        _take_conflicts(database, connection)
        _finish(connection)
        return
    arrivals = []
    for row in rows:
        # the header of the batch limited the start of the boot
        sent_ms = row.received_ms - row.latest_ms + row.uptime_ms
        arrivals += _arrivals(row.body, row.received_ms, sent_ms)
    record(_batch(database, connection), arrivals)
    connection.execute(
        text("UPDATE setting SET value = :value WHERE name = 'takeover'"),
        {"value": _bytes(rows[-1].number)},
    )


def _take_conflicts(database: Transactions, connection: Connection) -> None:
    rows = connection.execute(
        text(f"SELECT body, received_ms FROM {_old('conflict')} ORDER BY number")  # noqa: S608
    ).all()
    arrivals = [arrival for row in rows for arrival in _arrivals(row.body, row.received_ms, -1)]
    if arrivals:
        record(_batch(database, connection), arrivals)


def _arrivals(body: bytes, received_ms: int, sent_ms: int) -> list[Arrival]:
    try:
        envelope = open_envelope(bytes(body))
    except ReportError:  # accepted by 0.1.0, which checked less
        return []
    return [Arrival(envelope, received_ms, Sender(envelope.boot_id, sent_ms))]


def _batch(database: Transactions, connection: Connection) -> Batch:
    return database.new_batch(connection, keep_bodies=True)


def _finish(connection: Connection) -> None:
    for name in reversed(_TABLES):
        connection.execute(text(f"DROP TABLE {_old(name)}"))
    connection.execute(text("DELETE FROM setting WHERE name = 'takeover'"))


def _progress(connection: Connection) -> int | None:
    query = text("SELECT value FROM setting WHERE name = 'takeover'")
    found: Any = connection.execute(query).scalar()
    return None if found is None else int.from_bytes(bytes(found), "big")


def _old(name: str) -> str:
    return f"v1_{name}"


def _bytes(number: int) -> bytes:
    return number.to_bytes(8, "big")
