"""Orders in the database: their rows, what of them was received, and imports of order files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from modemagent.errors import UsageError
from modemagent.identity.csv_cells import clean_text
from modemagent.identity.order_fields import ROW_FIELDS
from modemagent.registry.assets.asset_fields import LONGEST_NOTE, shown_imei
from modemagent.registry.store.database import dialect
from modemagent.registry.store.findings.decisions import StaleRevision
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists.registers import lock
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.asset_tables import ORDERS, order_row, purchase_order

ORDER_COLUMNS = (
    "id", "number", "created_by", "supplier", "note", "closed", "revision", "created_ms",
    "changed_ms", "expected", "received", "import_run",
)  # fmt: skip
ROW_COLUMNS = (
    "id", "purchase_order", "line", "quantity", "received", "added_ms", "added_by", *ROW_FIELDS,
    "import_run",
)  # fmt: skip

OrderRow = dict[str, Any]


def load_orders(connection: Connection, column: str, keys: Iterable[object]) -> list[OrderRow]:
    """Return the orders with these values of an indexed column."""
    wanted = [(key,) for key in dict.fromkeys(keys)]
    rows = dialect.select_rows(connection, purchase_order, (column,), ORDER_COLUMNS, wanted)
    return [dict(zip(ORDER_COLUMNS, row, strict=True)) for row in sorted(rows)]


def load_rows(connection: Connection, column: str, keys: Iterable[object]) -> list[OrderRow]:
    """Return the rows of orders with these values of an indexed column."""
    wanted = [(key,) for key in dict.fromkeys(keys)]
    rows = dialect.select_rows(connection, order_row, (column,), ROW_COLUMNS, wanted)
    return [dict(zip(ROW_COLUMNS, row, strict=True)) for row in sorted(rows)]


def order_page(connection: Connection, *, limit: int, after: int | None = None) -> Document:
    """Return a page of the orders, newest first."""
    c = purchase_order.c
    query = select(*(c[one] for one in ORDER_COLUMNS)).order_by(c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(c.id < after)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    return {"orders": [order_document(row) for row in rows[:limit]], "next": following}


def find_order(connection: Connection, name: str) -> OrderRow | None:
    """Return an order by its number, or else by its id."""
    found = load_orders(connection, "number", [name])
    if not found and name.isascii() and name.isdecimal() and len(name) < 19:
        found = load_orders(connection, "id", [int(name)])
    return found[0] if found else None


def order_document(row: OrderRow) -> Document:
    """Return an order as it is shown, without its rows."""
    return {
        "id": str(row["id"]),
        "number": row["number"],
        "supplier": row["supplier"],
        "note": row["note"],
        "state": _state(row),
        "expected": row["expected"],
        "received": row["received"],
        "revision": row["revision"],
        "created_at": to_rfc3339(row["created_ms"]),
        "created_by": row["created_by"],
        "changed_at": to_rfc3339(row["changed_ms"]),
    }


def _state(row: OrderRow) -> str:
    if row["closed"]:
        return "closed"
    if row["received"] >= row["expected"] > 0:
        return "received"
    return "partly_received" if row["received"] else "expected"


def lots_of(connection: Connection, order: int) -> list[Document]:
    """Return the lots of an order with their models: units expected and received."""
    c = order_row.c
    names = (c.lot, c.manufacturer, c.model)
    query = (
        select(*names, func.sum(c.quantity), func.sum(c.received))
        .where(c.purchase_order == order)
        .group_by(*names)
    )
    lots: dict[str | None, list[Document]] = {}
    for lot, manufacturer, model, expected, received in connection.execute(query):
        one = {"manufacturer": manufacturer, "model": model, "expected": int(expected),
               "received": int(received)}  # fmt: skip
        lots.setdefault(lot, []).append(one)
    return [
        {
            "lot": lot,
            "expected": sum(one["expected"] for one in models),
            "received": sum(one["received"] for one in models),
            "models": sorted(models, key=_make),
        }
        for lot, models in sorted(lots.items(), key=lambda one: one[0] or "")
    ]


def _make(one: Document) -> tuple[str, str]:
    return one["manufacturer"] or "", one["model"] or ""


def row_page(
    connection: Connection, order: int, *, limit: int, after: int = 0
) -> tuple[list[Document], str | None]:
    """Return a page of the rows of an order, and the cursor of the next page."""
    c = order_row.c
    query = (
        select(*(c[one] for one in ROW_COLUMNS))
        .where(c.purchase_order == order, c.id > after)
        .order_by(c.id)
        .limit(limit + 1)
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    return [_row_document(row) for row in rows[:limit]], following


def _row_document(row: OrderRow) -> Document:
    values = {name: row[name] for name in ROW_FIELDS}
    return {
        "id": str(row["id"]),
        "line": row["line"],
        "quantity": row["quantity"],
        "received": row["received"],
        **values,
        "imei": shown_imei(row["imei"]),
    }


def change_order(batch: Batch, key: int, revision: int, given: dict[str, Any]) -> bool:
    """Change supplier, note and the closed state of an order; False if there is no such order.

    :param revision: of the order on which the change is based
    :raises StaleRevision: the order has another revision
    """
    row = locked_order(batch, key, revision)
    if row is None:
        return False
    values = {name: value for name, value in given.items() if row[name] != value}
    if values:
        _update(batch, row, values)
        fields = sorted(values)
        acts.note(batch.connection, "order.change", f"order:{key}", fields=fields)
    return True


def receive_units(batch: Batch, key: int, revision: int, row_id: int, received: int) -> bool:
    """Set how many units of a row without a number were received; False: no such order or row.

    :raises StaleRevision: the order has another revision
    :raises UsageError: the row has a number, or fewer units
    """
    order = locked_order(batch, key, revision)
    rows = load_rows(batch.connection, "id", [row_id])
    if order is None or not rows or rows[0]["purchase_order"] != key:
        return False
    (row,) = rows
    if row["imei"] or row["iccid"]:
        raise UsageError(
            "a row with a number is received when it reports", hint="No action is necessary."
        )
    if not 0 <= received <= row["quantity"]:
        raise UsageError(
            f"the row has {row['quantity']} units", hint="Enlarge the order, or correct the number."
        )
    dialect.update_rows(batch.connection, order_row, ("id",), ("received",), [(received, row_id)])
    _update(batch, order, {"received": order["received"] + received - row["received"]})
    acts.note(batch.connection, "order.receive", f"order:{key}", row=row_id)
    return True


def locked_order(batch: Batch, key: int, revision: int) -> OrderRow | None:
    """Lock the register of orders, and return one of them.

    :raises StaleRevision: it has another revision
    """
    lock(batch, ORDERS)
    rows = load_orders(batch.connection, "id", [key])
    if rows and rows[0]["revision"] != revision:
        raise StaleRevision(rows[0]["revision"], {"order": order_document(rows[0])})
    return rows[0] if rows else None


def _update(batch: Batch, row: OrderRow, values: dict[str, Any]) -> None:
    changed = {**values, "revision": row["revision"] + 1, "changed_ms": batch.now_ms}
    dialect.update_rows(
        batch.connection, purchase_order, ("id",), tuple(changed), [(*changed.values(), row["id"])]
    )


def clean_note(text: str | None) -> str | None:
    """Return a note as it is stored."""
    return clean_text("note", text or "", LONGEST_NOTE) or None


def count_units(batch: Batch, orders: Sequence[int]) -> None:
    """Count the units of orders again, whose rows have changed."""
    connection, c = batch.connection, order_row.c
    query = (
        select(c.purchase_order, func.sum(c.quantity), func.sum(c.received))
        .where(c.purchase_order.in_(orders))
        .group_by(c.purchase_order)
    )
    sums = {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(query)}
    rows = load_orders(connection, "id", orders)
    changed = []
    for row in rows:
        expected, received = sums.get(row["id"], (0, 0))
        changed.append((expected, received, row["revision"] + 1, batch.now_ms, row["id"]))
    names = ("expected", "received", "revision", "changed_ms")
    dialect.update_rows(connection, purchase_order, ("id",), names, changed)
