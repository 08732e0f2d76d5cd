"""Units of orders that have reported: a row with a number is received when its unit is known."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from modemagent.identity.iccid import Iccid
from modemagent.registry.lists.entries import candidates
from modemagent.registry.store.assets.orders import count_units, load_rows
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.lists.registers import lock
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.asset_tables import ORDERS, order_row

_ROWS_AT_ONCE = 1000


def update(database: Database) -> None:
    """Note the units that have reported, a part of the open rows at a time."""
    recorder = Recorder(database)
    after = 0
    while True:
        with database.reading() as connection:
            rows = _open_rows(connection, after)
            found = _reported(connection, rows)
        if found:
            recorder.run(partial(_receive, keys=found))
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = rows[-1][0]


def _open_rows(connection: Connection, after: int) -> list[tuple[int, str | None, str | None]]:
    c = order_row.c
    query = (
        select(c.id, c.imei, c.iccid)
        .where(c.received < c.quantity, c.id > after)
        .order_by(c.id)
        .limit(_ROWS_AT_ONCE)
    )
    return [(row.id, row.imei, row.iccid) for row in connection.execute(query)]


def _reported(connection: Connection, rows: list[tuple[int, str | None, str | None]]) -> list[int]:
    """Return the rows whose units are known: by the IMEI, or else by the ICCID."""
    keys: dict[tuple[int, str], list[int]] = {}
    for row, imei, iccid in rows:
        if imei is not None:
            keys.setdefault((int(UnitKind.MODEM), imei), []).append(row)
        elif iccid is not None:
            for _, text in candidates(Iccid(iccid)):
                keys.setdefault((int(UnitKind.SIM), text), []).append(row)
    found: list[Any] = dialect.select_rows(
        connection, schema.unit, ("kind", "key"), ("kind", "key", "number"), sorted(keys)
    )
    return sorted({row for kind, key, _ in found for row in keys[kind, key]})


def _receive(batch: Batch, keys: list[int]) -> None:
    lock(batch, ORDERS)
    rows = [row for row in load_rows(batch.connection, "id", keys) if not row["received"]]
    changed = [(1, row["id"]) for row in rows]
    dialect.update_rows(batch.connection, order_row, ("id",), ("received",), changed)
    count_units(batch, sorted({row["purchase_order"] for row in rows}))
