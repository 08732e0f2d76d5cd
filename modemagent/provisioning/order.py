"""The order file: what is expected, one row for each unit or kind of unit, and the list of SIMs.

Numbers that a spreadsheet has damaged are refused with row, column and remedy. Nothing is guessed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from modemagent.errors import IdentityError, UsageError
from modemagent.identity.cleaning import is_decimal
from modemagent.identity.csv_cells import unguarded
from modemagent.identity.csv_table import (
    CsvTable,
    LineProblem,
    UnreadableFile,
    bare_name,
    read_table,
)
from modemagent.identity.damage import is_rounded, repaired
from modemagent.identity.imei import Imei
from modemagent.identity.order_fields import (
    NEEDED_COLUMNS,
    NUMBERS,
    ORDER_COLUMNS,
    parse_row_field,
)
from modemagent.provisioning.columns import ColumnMap, json_table

#: Numbers to which a row binds the unit that has them, the surest first.
BINDING = ("imei", "eid", "serial_number", "iccid")
_KIND = ("lot", "manufacturer", "model", "firmware", "tac", "site")
_WORDS = {
    "sim": ("required", "absent", "any"),
    "second_person": ("yes", "no"),
    "label": ("scan", "print", "print+scan", "none"),
}
_MOST_UNITS = 1_000_000
_SIM_COLUMNS = {name: ORDER_COLUMNS[name] for name in ("iccid", "imsi", "eid")}


class ExpectedRow(NamedTuple):
    """A row of the order.

    :param line: number of its line in the file
    :param values: the fields that are not empty; an IMEI is its 14 digits
    :param extra: columns ``x_...``, carried to the results
    :param ordinal: from 1, among rows of the same kind
    """

    line: int
    quantity: int
    values: Mapping[str, str]
    extra: Mapping[str, str] = {}
    ordinal: int = 1

    @property
    def key(self) -> str:
        """What identifies the row in each revision of the file."""
        for name in BINDING:
            if name in self.values:
                return f"{name} {self.values[name]}"
        return " ".join(("kind", str(self.ordinal), *(self.values.get(one, "-") for one in _KIND)))

    @property
    def is_bound(self) -> bool:
        """True if the row names a number, so that one unit alone fits."""
        return any(name in self.values for name in BINDING)


def requires_second(row: ExpectedRow) -> bool:
    """Return True if decisions about units of a row need a second person."""
    return row.values.get("second_person") == "yes"


class ListedSim(NamedTuple):
    """A SIM card of the list beside an order."""

    iccid: str
    imsi: str | None = None
    eid: str | None = None


class BenchOrder(NamedTuple):
    """An order.

    :param digest: SHA-256 of its file
    :param skipped: number of lines before the header
    :param sims: by ICCID; None without a list
    :param content: of the file
    """

    name: str
    digest: str
    rows: tuple[ExpectedRow, ...] = ()
    problems: tuple[LineProblem, ...] = ()
    skipped: int = 0
    sims: Mapping[str, ListedSim] | None = None
    content: bytes = b""

    @property
    def size(self) -> int:
        return sum(row.quantity for row in self.rows)

    @property
    def errors(self) -> list[LineProblem]:
        return [one for one in self.problems if one.is_error]

    def sim_rule(self, row: ExpectedRow) -> str:
        """Return ``required``, ``absent`` or ``any``: the state of the SIM that a row expects."""
        named = "iccid" in row.values or self.sims is not None
        return row.values.get("sim") or ("required" if named else "any")


def read_order_file(
    file: Path, columns: ColumnMap | None = None, sims: Path | None = None
) -> BenchOrder:
    """Return the order in a file, with everything that is wrong with it.

    :raises UsageError: a file cannot be read
    """
    columns = columns or ColumnMap()
    order = parse_order(_content(file), file.stem, columns, is_jsonl=file.suffix == ".jsonl")
    if sims is None:
        return order
    listed, problems = parse_sims(_content(sims))
    return order._replace(sims=listed, problems=(*order.problems, *problems))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", hint="Check the path."
        ) from None


def parse_order(
    content: bytes, name: str, columns: ColumnMap, *, is_jsonl: bool = False
) -> BenchOrder:
    """Return the order in the content of a file.

    :param name: of the order, if no column states it
    """
    digest = hashlib.sha256(content).hexdigest()
    try:
        table = (
            json_table(content)
            if is_jsonl
            else read_table(
                content,
                columns.columns(),
                tuple(one for one in NEEDED_COLUMNS if one not in columns.constants),
            )
        )
    except UnreadableFile as error:
        return BenchOrder(name, digest, problems=(error.problem,))
    problems = [
        LineProblem(table.header_line, table.header[at - 1], "unknown_column", "warning",
                    "the column is not read", "Correct its header if it is one of the fields, "
                    "or begin it with x_ to carry it to the results.")
        for at in table.unknown if not _is_free(table.header[at - 1])
    ]  # fmt: skip
    rounded = _rounded(table)
    rows: list[ExpectedRow] = []
    names: set[str] = set()
    for line, cells in table.rows:
        values, found = _values(line, cells, table, columns.constants, rounded)
        names.add(values.pop("order", name))
        row = (
            None if any(one.is_error for one in found) else _row(line, values, cells, table, found)
        )
        problems += found
        if row is not None:
            rows.append(row)
    if len(names) > 1:
        problems.append(_error(0, "order", "several_orders", "the file has several orders",
                               "Make a file of each order."))  # fmt: skip
    if not table.rows:
        problems.append(_error(0, "", "empty", "the file has no rows", "Export the table again."))
    problems += _duplicates(rows)
    skipped = max(0, table.header_line - 1)
    ordered = tuple(_numbered(rows))
    order = BenchOrder(names.pop() if names else name, digest, ordered, tuple(problems), skipped)
    return order._replace(content=content)


def parse_sims(content: bytes) -> tuple[dict[str, ListedSim], list[LineProblem]]:
    """Return the SIM cards of a list, and what is wrong with it."""
    try:
        table = read_table(content, _SIM_COLUMNS, ("iccid",))
    except UnreadableFile as error:
        return {}, [error.problem]
    rounded = _rounded(table)
    found: dict[str, ListedSim] = {}
    problems: list[LineProblem] = []
    for line, cells in table.rows:
        values, wrong = _values(line, cells, table, {}, rounded)
        iccid = values.get("iccid")
        if iccid in found:
            wrong.append(_twice(line, "iccid", "the list"))
        elif iccid is not None:
            found[iccid] = ListedSim(iccid, values.get("imsi"), values.get("eid"))
        problems += wrong
    return found, problems


def _rounded(table: CsvTable) -> dict[str, bool]:
    """Return the columns of numbers that a spreadsheet may have rounded."""
    return {name: is_rounded(map(unguarded, table.column(name))) for name in NUMBERS}


def _is_free(name: str) -> bool:
    return name.strip().lower().startswith("x_")


def _values(
    line: int,
    cells: Sequence[str],
    table: CsvTable,
    constants: Mapping[str, str],
    rounded: Mapping[str, bool],
) -> tuple[dict[str, str], list[LineProblem]]:
    values: dict[str, str] = {}
    problems: list[LineProblem] = []
    given = [
        *((name, cells[at] if at < len(cells) else "") for name, at in table.columns.items()),
        *constants.items(),
    ]
    for name, cell in given:
        text = unguarded(cell)
        if name in (*NUMBERS, "tac") and text:
            fixed, found = repaired(line, name, name, text, rounded=rounded.get(name, True))
            problems += found
            text = fixed or ""
        try:
            value = parse_row_field(name, text)
        except IdentityError as error:
            problems.append(_error(line, name, error.problem, error.message, error.hint))
            continue
        except UsageError as error:
            problems.append(_error(line, name, "invalid", error.message, error.hint))
            continue
        words = _WORDS.get(name)
        if value and words and value.lower() not in words:
            problems.append(_error(line, name, "word", f"{name} is not one of its words",
                                   f"Use one of: {', '.join(words)}."))  # fmt: skip
        elif value:
            values[name] = value.lower() if words else value
        if name == "imei" and value and "imei.unknown_rbi" in Imei.check(value).codes:
            problems.append(LineProblem(
                line, name, "imei.unknown_rbi", "warning",
                "the reporting body of the TAC is not in the table",
                "Compare it with a module: a digit may be lost or exchanged.",
            ))  # fmt: skip
    return values, problems


def _row(
    line: int,
    values: dict[str, str],
    cells: Sequence[str],
    table: CsvTable,
    problems: list[LineProblem],
) -> ExpectedRow | None:
    text = values.pop("quantity", "1")
    quantity = int(text) if is_decimal(text) and len(text) <= 7 else 0
    extra = {
        bare_name(table.header[at - 1])[1:]: cells[at - 1]
        for at in table.unknown
        if _is_free(table.header[at - 1]) and at <= len(cells) and cells[at - 1]
    }
    row = ExpectedRow(line, quantity, values, extra)
    if not 0 < quantity <= _MOST_UNITS:
        problems.append(_error(line, "quantity", "quantity", "the quantity is not a number",
                               "Use a whole number from 1."))  # fmt: skip
    elif row.is_bound and quantity > 1:
        problems.append(_error(line, "quantity", "quantity", "a row with a number is one unit",
                               "Use a row for each unit."))  # fmt: skip
    elif not (row.is_bound or {"model", "imsi", "tac"} & values.keys() or quantity > 1):
        problems.append(_error(line, "", "nothing", "the row has no number, model or quantity",
                               "Add one of them."))  # fmt: skip
    elif values.get("sim") == "absent" and "iccid" in values:
        problems.append(_error(line, "sim", "contradiction", "sim is absent and the row names an "
                               "ICCID", "Empty one of the two."))  # fmt: skip
    else:
        return row
    return None


def _duplicates(rows: Sequence[ExpectedRow]) -> Iterator[LineProblem]:
    """Yield a problem for each number that an earlier row has."""
    known: dict[tuple[str, str], int] = {}
    for row in rows:
        for name in (*NUMBERS, "serial_number", "asset_tag"):
            value = row.values.get(name)
            if value is None:
                continue
            first = known.setdefault((name, value), row.line)
            if first != row.line:
                yield _twice(row.line, name, f"line {first}")


def _twice(line: int, column: str, where: str) -> LineProblem:
    return _error(line, column, "duplicate", f"{where} has this {column} already",
                  "A number is in one row only: find out which row is right.")  # fmt: skip


def _numbered(rows: Sequence[ExpectedRow]) -> Iterator[ExpectedRow]:
    kinds: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        kind = tuple(row.values.get(name, "") for name in _KIND)
        kinds[kind] += 1
        yield row._replace(ordinal=kinds[kind])


def _error(line: int, column: str, code: str, message: str, remedy: str) -> LineProblem:
    return LineProblem(line, column, code, "error", message, remedy)
