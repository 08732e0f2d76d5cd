"""Monthly partitions of the stored bodies of reports (PostgreSQL).

Bodies of a month without a partition are in the default partition. There are some if the clock was
wrong, if no registry was running when the month began, or if a database was restored.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection

from modemagent.registry.store.database.dialect import is_sqlite

_DEFAULT = "report_other"


class _Month(NamedTuple):
    year: int
    month: int

    @property
    def name(self) -> str:
        return f"report_{self.year:04d}_{self.month:02d}"

    @property
    def next(self) -> _Month:
        return _Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def start_ms(self) -> int:
        return round(datetime(self.year, self.month, 1, tzinfo=UTC).timestamp() * 1000)


def create_months(connection: Connection, now_ms: int) -> None:
    """Create the partitions of this month and the next, and move their bodies into them."""
    if is_sqlite(connection) or not _missing(connection, now_ms):
        return
    # writers wait: otherwise they could add bodies of the month to the default partition meanwhile
    connection.exec_driver_sql("LOCK TABLE report IN ACCESS EXCLUSIVE MODE")
    for month in _missing(connection, now_ms):
        name, first, last = month.name, month.start_ms, month.next.start_ms
        connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {_DEFAULT} INCLUDING ALL)")
        connection.exec_driver_sql(
            f"WITH moved AS (DELETE FROM {_DEFAULT}"  # noqa: S608
            f" WHERE received_ms >= {first} AND received_ms < {last} RETURNING *)"
            f" INSERT INTO {name} SELECT * FROM moved"
        )
        connection.exec_driver_sql(
            f"ALTER TABLE report ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})"
        )


def drop_months(connection: Connection, oldest_ms: int) -> int:
    """Drop the partitions of months that have passed, and delete older bodies of the default.

    Returns the number of bodies: that of a month as the database estimates it, because to count
    them would read them all.
    """
    deleted = 0
    for name in _names(connection):
        if name == _DEFAULT:
            older = f"DELETE FROM {name} WHERE received_ms < {oldest_ms:d}"  # noqa: S608
            deleted += connection.exec_driver_sql(older).rowcount
        elif _Month(*map(int, name.split("_")[1:])).next.start_ms <= oldest_ms:
            deleted += _size(connection, name)
            connection.exec_driver_sql(f"DROP TABLE {name}")
    return deleted


def _size(connection: Connection, name: str) -> int:
    """Return about how many rows a table has; of one that was never analyzed, exactly how many."""
    estimate = f"SELECT reltuples FROM pg_class WHERE oid = '{name}'::regclass"  # noqa: S608
    found = int(connection.exec_driver_sql(estimate).scalar_one())
    if found > 0:
        return found
    count = f"SELECT count(*) FROM {name}"  # noqa: S608
    return int(connection.exec_driver_sql(count).scalar_one())


def _missing(connection: Connection, now_ms: int) -> list[_Month]:
    today = datetime.fromtimestamp(now_ms / 1000, UTC)
    month = _Month(today.year, today.month)
    names = _names(connection)
    return [one for one in (month, month.next) if one.name not in names]


def _names(connection: Connection) -> list[str]:
    query = (
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'report'::regclass"
    )
    return list(connection.exec_driver_sql(query).scalars())
