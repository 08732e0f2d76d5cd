"""Rows of gateways and streams, locked until the end of the transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.refs import GATEWAY, ref_of
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.key_pages import DAY_MS
from modemagent.registry.store.tables import schema

_GATEWAY = (
    "id",
    "gateway_id",
    "ref",
    "heard_day",
    "first_boot",
    "last_boot",
    "least_bound_ms",
    "simple",
    "forked",
)
_STREAM = ("id", "gateway", "stream_id", "rank", "top", "pending")
_STREAMS = (
    f"SELECT {', '.join(f's.{name}' for name in _STREAM)} FROM gateway g"  # noqa: S608
    " JOIN stream s ON s.gateway = g.id WHERE g.gateway_id IN {keys}"
)


@dataclass(slots=True)
class GatewayRow:
    """A gateway.

    :param first_boot: first boot that counts
    :param last_boot: last boot that counts
    :param least_bound_ms: if the last boot can only have started before this, dates change
    :param simple: every reading is dated by its own clock, and there is one stream
    :param forked: copies of its disk have reported
    """

    id: int
    gateway_id: str
    ref: int
    heard_day: int
    first_boot: int | None
    last_boot: int | None
    least_bound_ms: int
    simple: bool
    forked: bool
    is_new: bool = False
    changed: bool = False


@dataclass(slots=True)
class StreamRow:
    """A stream of a gateway."""

    id: int
    gateway: int
    stream_id: str
    rank: int
    top: int
    pending: int


class GatewayRows:
    """The gateways of one batch and all their streams; missing ones are created.

    :param named: ids of gateways and streams in the batch
    """

    def __init__(self, batch: Batch, named: Iterable[tuple[str, str]]) -> None:
        self._batch = batch
        pairs = sorted(set(named))
        ids = sorted({gateway_id for gateway_id, _ in pairs})
        self.rows: dict[str, GatewayRow] = {}
        self.streams: dict[tuple[int, str], StreamRow] = {}
        self._lock(ids)
        new = [one for one in ids if one not in self.rows]
        if new:
            dialect.insert_new(
                batch.connection,
                schema.gateway,
                _GATEWAY,
                [
                    (
                        batch.key(),
                        one,
                        ref_of(batch.secret, GATEWAY, one),
                        0,
                        None,
                        None,
                        0,
                        True,
                        False,
                    )
                    for one in new
                ],
            )
            self._lock(new)
            for one in new:
                self.rows[one].is_new = self.rows[one].heard_day == 0
        self.by_row = {row.id: row for row in self.rows.values()}
        missing = []
        for gateway_id, stream_id in pairs:
            gateway = self.rows[gateway_id].id
            if (gateway, stream_id) not in self.streams:
                row = StreamRow(batch.key(), gateway, stream_id, 0, 0, 0)
                self.streams[gateway, stream_id] = row
                missing.append((row.id, gateway, stream_id, 0, 0, 0))
        dialect.insert_rows(batch.connection, schema.stream, _STREAM, missing)
        self.stream_by_row = {row.id: row for row in self.streams.values()}
        batch.stream_ids.update({row.id: row.stream_id for row in self.streams.values()})

    def stream(self, gateway_id: str, stream_id: str) -> StreamRow:
        """Return the stream of a report."""
        return self.streams[self.rows[gateway_id].id, stream_id]

    def mark_heard(self) -> None:
        """Set the day of the last report of the gateways."""
        day = self._batch.now_ms // DAY_MS
        for row in self.rows.values():
            if row.heard_day != day:
                row.heard_day, row.changed = day, True

    def mark_forked(self, gateway: int) -> None:
        """Note that two bodies were received under one key."""
        row = self.by_row[gateway]
        row.forked, row.changed = True, True

    def write(self) -> None:
        """Write what has changed."""
        dialect.update_rows(
            self._batch.connection,
            schema.gateway,
            ("id",),
            _GATEWAY[3:],
            [
                (
                    row.heard_day,
                    row.first_boot,
                    row.last_boot,
                    row.least_bound_ms,
                    row.simple,
                    row.forked,
                    row.id,
                )
                for row in self.rows.values()
                if row.changed
            ],
        )

    def _lock(self, ids: list[str]) -> None:
        """Lock gateways that are stored, and read them with their streams."""
        connection, key = self._batch.connection, ("gateway_id",)
        keys = [(one,) for one in ids]
        rows, streams = dialect.read_together(
            connection,
            [
                dialect.rows_of(connection, schema.gateway, key, _GATEWAY, keys, lock=True),
                dialect.rows_by(connection, _STREAMS, ids, "text"),
            ],
        )
        for row in rows:
            *values, simple, forked = row
            state: list[Any] = [*values, bool(simple), bool(forked)]
            gateway = GatewayRow(*state)
            self.rows[gateway.gateway_id] = gateway
        for row in streams:
            self.streams[row[1], row[2]] = StreamRow(*row)
