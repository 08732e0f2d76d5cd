"""Imports of order files: the rows that are new, changed or removed, and their undoing.

Rows whose units were received are not changed: the units exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from modemagent.identity.csv_table import LineProblem
from modemagent.identity.order_fields import ROW_FIELDS
from modemagent.registry.assets.order_file import OrderLine
from modemagent.registry.store.assets import orders
from modemagent.registry.store.assets.orders import ROW_COLUMNS, OrderRow
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists.registers import count
from modemagent.registry.store.lists.row_plan import RowPlan
from modemagent.registry.store.tables.asset_tables import (
    ORDERS,
    order_row,
    order_row_past,
    purchase_order,
)

_REMOVAL = ("removed_ms", "removed_by", "removed_import")


def plan(connection: Connection, lines: Sequence[OrderLine], *, instead: bool) -> RowPlan:
    """Return the effect of the lines of a file.

    :param instead: rows of the same orders that the file lacks are removed
    """
    heads = orders.load_orders(connection, "number", [one.order for one in lines])
    numbers = {row["id"]: row["number"] for row in heads}
    stored = {
        _line(row, numbers).key: row
        for row in orders.load_rows(connection, "purchase_order", numbers)
    }
    new: list[OrderLine] = []
    replaced: list[OrderRow] = []
    problems: list[LineProblem] = []
    unchanged = 0
    wanted = set()
    for one in lines:
        wanted.add(one.key)
        row = stored.get(one.key)
        if row is not None and _line(row, numbers).content == one.content:
            unchanged += 1
        elif row is not None and row["received"]:
            problems.append(_received(one.line, "of this row"))
        else:
            new.append(one)
            replaced += [] if row is None else [row]
    others = [row for key, row in stored.items() if key not in wanted] if instead else []
    problems += [_received(0, "of a row that the file lacks") for row in others if row["received"]]
    return RowPlan(new, replaced, others, unchanged, len(stored), problems)


def put(batch: Batch, planned: RowPlan, actor: str, import_run: int, supplier: str) -> None:
    """Write what is planned into the locked register.

    :param supplier: of the orders that are new
    """
    connection = batch.connection
    names = dict.fromkeys(one.order for one in planned.new)
    heads = {row["number"]: row["id"] for row in orders.load_orders(connection, "number", names)}
    new = [
        (batch.key(), name, actor, supplier or None, None, False, 1, batch.now_ms,
         batch.now_ms, 0, 0, import_run)
        for name in names
        if name not in heads
    ]  # fmt: skip
    dialect.insert_rows(connection, purchase_order, orders.ORDER_COLUMNS, new)
    heads |= {row[1]: row[0] for row in new}
    gone = [*planned.replaced, *planned.others]
    _remove(batch, gone, actor, import_run)
    rows = [
        (batch.key(), heads[one.order], one.line, one.quantity, 0, batch.now_ms, actor,
         *(one.values.get(name) for name in ROW_FIELDS), import_run)
        for one in planned.new
    ]  # fmt: skip
    dialect.insert_rows(connection, order_row, ROW_COLUMNS, rows)
    batch.imeis.update(one.values["imei"] for one in planned.new if "imei" in one.values)
    count(batch, ORDERS, len(rows))
    orders.count_units(batch, list({*heads.values(), *(row["purchase_order"] for row in gone)}))


def undo(batch: Batch, import_run: int, actor: str) -> tuple[int, int]:
    """Undo an import; return the numbers of rows removed and restored.

    Rows whose units were received since are kept, and orders without rows are deleted if the
    import made them.
    """
    connection = batch.connection
    rows = orders.load_rows(connection, "import_run", [import_run])
    gone = [row for row in rows if not row["received"]]
    _remove(batch, gone, actor, None)
    stored: list[Any] = dialect.select_rows(
        connection, order_row_past, ("removed_import",), ROW_COLUMNS, [(import_run,)]
    )
    past = [dict(zip(ROW_COLUMNS, row, strict=True)) for row in stored]
    touched = {row["purchase_order"] for row in [*rows, *past]}
    heads = {row["id"]: row["number"] for row in orders.load_orders(connection, "id", touched)}
    present = orders.load_rows(connection, "purchase_order", touched)
    known = {_line(row, heads).key for row in present}
    back = [row for row in past if row["purchase_order"] in heads
            and _line(row, heads).key not in known]  # fmt: skip
    dialect.insert_rows(
        connection, order_row, ROW_COLUMNS, [tuple(row[one] for one in ROW_COLUMNS) for row in back]
    )
    keys = [(row["id"],) for row in back]
    dialect.delete_rows(connection, order_row_past, ("id",), keys)
    batch.imeis.update(row["imei"] for row in back if row["imei"] is not None)
    count(batch, ORDERS, len(back))
    orders.count_units(batch, list(touched))
    c = purchase_order.c
    made = select(c.id).where(c.import_run == import_run, c.expected == 0, c.id.in_(touched))
    empty = [(key,) for key in connection.execute(made).scalars()]
    dialect.delete_rows(connection, purchase_order, ("id",), empty)
    return len(gone), len(back)


def _remove(batch: Batch, rows: Sequence[OrderRow], actor: str, import_run: int | None) -> None:
    removal = (batch.now_ms, actor, import_run)
    past = [(*(row[one] for one in ROW_COLUMNS), *removal) for row in rows]
    dialect.insert_rows(batch.connection, order_row_past, (*ROW_COLUMNS, *_REMOVAL), past)
    dialect.delete_rows(batch.connection, order_row, ("id",), [(row["id"],) for row in rows])
    batch.imeis.update(row["imei"] for row in rows if row["imei"] is not None)
    count(batch, ORDERS, -len(rows))


def _line(row: OrderRow, numbers: dict[int, str]) -> OrderLine:
    values = {name: row[name] for name in ROW_FIELDS if row[name] is not None}
    return OrderLine(row["line"], numbers[row["purchase_order"]], row["quantity"], values)


def _received(line: int, which: str) -> LineProblem:
    return LineProblem(
        line, "", "received", "error", f"units {which} were received",
        "Leave the row as it is, and add a row for what is still expected.",
    )  # fmt: skip
