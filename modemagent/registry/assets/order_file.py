"""A file of orders: what a supplier is to deliver, one row for each unit or kind of unit.

The columns are those of an order file of the bench. A row has a number, a model or a quantity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from modemagent.errors import IdentityError, UsageError
from modemagent.identity.cleaning import is_decimal
from modemagent.identity.csv_cells import csv_line, guarded, unguarded
from modemagent.identity.csv_table import (
    CsvTable,
    LineProblem,
    UnreadableFile,
    read_table,
    unknown_columns,
)
from modemagent.identity.damage import is_rounded, repaired
from modemagent.identity.order_fields import (
    NEEDED_COLUMNS,
    NUMBERS,
    ORDER_COLUMNS,
    ROW_FIELDS,
    parse_row_field,
)

MOST_UNITS = 10_000_000
ORDER_FILE_COLUMNS = ("order", "quantity", *ROW_FIELDS)


class OrderLine(NamedTuple):
    """A row of an order as a line of a file states it.

    :param order: number of the order
    :param values: the fields that are not empty
    """

    line: int
    order: str
    quantity: int
    values: dict[str, str]

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the row in its order: a number, else the kind of unit."""
        for name in (*NUMBERS, "serial_number"):
            if name in self.values:
                return self.order, name, self.values[name]
        kind = ("lot", "manufacturer", "model", "firmware", "tac", "site")
        return self.order, "kind", *(self.values.get(name, "") for name in kind)

    @property
    def content(self) -> tuple[object, ...]:
        return self.quantity, *(self.values.get(name) for name in ROW_FIELDS)


class OrderFile(NamedTuple):
    """The rows of a file, of the lines without an error."""

    rows: int
    lines: list[OrderLine]
    problems: list[LineProblem]


def read_order(content: bytes, order: str = "") -> OrderFile:
    """Return the rows of a file.

    :param order: number of the order, for lines that do not state it
    """
    try:
        table = read_table(content, ORDER_COLUMNS, NEEDED_COLUMNS)
    except UnreadableFile as error:
        return OrderFile(0, [], [error.problem])
    problems = unknown_columns(table)
    lines: list[OrderLine] = []
    known: dict[tuple[str, ...], int] = {}
    used: dict[tuple[str, str], int] = {}
    rounded = {name: is_rounded(map(unguarded, table.column(name))) for name in NUMBERS}
    for line, cells in table.rows:
        values, found = _values(line, cells, table, rounded)
        try:
            row = _row(line, order, values) if not any(one.is_error for one in found) else None
        except UsageError as error:
            found.append(_error(line, "", "refused", error.message, error.hint))
            row = None
        if row is not None:
            twice = [used[one] for one in row.values.items() if one in used and one[0] in NUMBERS]
            if row.key in known or twice:
                message = f"a number of line {[*twice, known.get(row.key, 0)][0]} again"
                found.append(_error(line, "", "duplicate", message, "A number is in one row."))
            else:
                known[row.key] = line
                used.update(dict.fromkeys(row.values.items(), line))
                lines.append(row)
        problems += found
    return OrderFile(len(table.rows), lines, problems)


def _values(
    line: int, cells: list[str], table: CsvTable, rounded: Mapping[str, bool]
) -> tuple[dict[str, str], list[LineProblem]]:
    values: dict[str, str] = {}
    problems: list[LineProblem] = []
    for name, at in table.columns.items():
        text = unguarded(cells[at]) if at < len(cells) else ""
        if name in (*NUMBERS, "tac") and text:
            fixed, found = repaired(line, name, name, text, rounded=rounded.get(name, True))
            problems += found
            text = fixed or ""
        try:
            value = parse_row_field(name, text)
        except IdentityError as error:
            problems.append(_error(line, name, error.problem, error.message, error.hint))
        except UsageError as error:
            problems.append(_error(line, name, "invalid", error.message, error.hint))
        else:
            if value:
                values[name] = value
    return values, problems


def _row(line: int, order: str, values: dict[str, str]) -> OrderLine:
    number = values.pop("order", order)
    if not number:
        raise UsageError(
            "the line does not state its order", hint="Add a column order, or name the order."
        )
    text = values.pop("quantity", "1")
    if not is_decimal(text) or not 0 < int(text) <= MOST_UNITS:
        raise UsageError("the quantity is not a number", hint="Use a whole number from 1.")
    row = OrderLine(line, number, int(text), values)
    if row.quantity > 1 and row.key[1] != "kind":
        raise UsageError("a row with a number is one unit", hint="Use a row for each unit.")
    if row.key[1] == "kind" and not ({"model", "manufacturer", "tac"} & values.keys()) and (
        row.quantity == 1
    ):  # fmt: skip
        raise UsageError("the line has no number, model or quantity", hint="Add one of them.")
    return row


def _error(line: int, column: str, code: str, message: str, remedy: str) -> LineProblem:
    return LineProblem(line, column, code, "error", message, remedy)


def order_csv(number: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of an order file."""
    yield csv_line(ORDER_FILE_COLUMNS)
    for one in rows:
        values = {**one, "order": number}
        yield csv_line([guarded(str(values[name] or "")) for name in ORDER_FILE_COLUMNS])
