"""A file of entries for a list: what it holds, and what is wrong with it, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from modemagent.errors import IdentityError, UsageError
from modemagent.identity.csv_table import (
    CsvTable,
    LineProblem,
    UnreadableFile,
    read_column,
    read_table,
)
from modemagent.identity.damage import DAMAGES, is_rounded, other_kind, repair
from modemagent.registry.lists.entries import EntryValue
from modemagent.registry.lists.new_entries import KINDS, NewEntry, parse_entry

COLUMNS = {
    "imei": ("imei", "imeinumber", "imeino", "imei1", "deviceimei", "imeisv", "equipmentid"),
    "iccid": ("iccid", "iccidnumber", "ccid", "simiccid", "simnumber", "simserialnumber", "sim"),
    "tac": ("tac", "typeallocationcode", "devicetac", "tacnumber"),
    "imsi_prefix": ("imsi", "imsiprefix", "imsirange", "plmn", "mccmnc"),
    "first": ("first", "from", "start", "rangestart", "startimei", "imeistart", "imeifrom",
              "firstimei", "imeirangestart"),
    "last": ("last", "to", "end", "rangeend", "endimei", "imeiend", "imeito", "lastimei",
             "imeirangeend"),
    "kind": ("kind", "type", "identifiertype"),
    "value": ("value", "number", "identifier"),
    "valid_from": ("validfrom", "startdate", "effectivefrom", "effectivedate", "fromdate"),
    "valid_to": ("validto", "validuntil", "enddate", "expires", "expirydate", "todate"),
    "source": ("source", "reportedby", "reportingorganisation", "reportingorganization",
               "operator", "origin"),
    "reason": ("reason", "reasoncode", "reasondescription", "comment", "remark", "remarks",
               "note"),
}  # fmt: skip
_NUMBERS = ("imei", "iccid", "tac", "imsi_prefix", "first", "value")
_OTHERS = ("valid_from", "valid_to", "source", "reason")
_FEW_LINES = 3


class ListFile(NamedTuple):
    """The entries of a file.

    :param rows: number of lines with content
    :param entries: of the lines without an error, no numbers twice
    """

    rows: int
    entries: list[NewEntry]
    problems: list[LineProblem]


def read_list(
    content: bytes, *, kind: str | None = None, defaults: Mapping[str, str] | None = None
) -> ListFile:
    """Return the entries of a file.

    :param kind: what the file lists, if it has several columns of numbers or no header
    :param defaults: source and reason of the lines that have none
    """
    try:
        table, kind = _table(content, kind)
    except UnreadableFile as error:
        return ListFile(0, [], [error.problem])
    reader = _ListReader(table, kind, defaults or {})
    for line, cells in table.rows:
        reader.read(line, cells)
    reader.judge_column()
    problems = sorted(reader.problems, key=lambda one: one.line)
    return ListFile(len(table.rows), list(reader.entries.values()), problems)


def _table(content: bytes, kind: str | None) -> tuple[CsvTable, str | None]:
    """Return the table and the kind of all lines; None: each line has its own."""
    try:
        table = read_table(content, COLUMNS, _NUMBERS)
    except UnreadableFile as error:
        if error.problem.code != "header" or kind is None or kind == "range":
            raise
        return read_column(content), kind
    found = [one for one in _NUMBERS if one in table.columns]
    if kind is not None:
        column = {"range": "first"}.get(kind, kind)
        if column not in found and found != ["value"]:
            raise UnreadableFile(
                "wrong_column",
                f"the file has no column {column}, only {', '.join(found)}",
                "Choose the kind that the file lists.",
            )
        return table, kind
    if len(found) > 1:
        raise UnreadableFile(
            "several_columns",
            f"the file has several columns of numbers: {', '.join(found)}",
            "Choose one of them by the kind of the import, or delete the others.",
        )
    if found == ["value"]:
        if "kind" not in table.columns:
            raise UnreadableFile(
                "no_kind", "the file does not state what its numbers are",
                "Add a column kind, or give the kind of the import.",
            )  # fmt: skip
        return table, None
    return table, {"first": "range"}.get(found[0], found[0])


class _ListReader:
    """Reads lines one after the other, and collects entries and problems."""

    def __init__(self, table: CsvTable, kind: str | None, defaults: Mapping[str, str]) -> None:
        self._columns = table.columns
        self._rounded = {name: is_rounded(table.column(name)) for name in _NUMBERS}
        self._kind = kind
        self._defaults = defaults
        self._lines: dict[EntryValue, int] = {}
        self._invalid = 0
        self._read = 0
        self.entries: dict[EntryValue, NewEntry] = {}
        self.problems: list[LineProblem] = []

    def read(self, line: int, cells: list[str]) -> None:
        """Read one line."""
        self._read += 1

        def cell(name: str) -> str:
            at = self._columns.get(name)
            return cells[at] if at is not None and at < len(cells) else ""

        kind = self._kind or cell("kind").casefold()
        number = "imei" if kind == "range" else kind
        column = "first" if kind == "range" else kind
        column = column if column in self._columns else "value"
        values = []
        for name in (column, "last") if kind == "range" else (column,):
            text = self._repaired(line, name, number, cell(name))
            if text is None:
                return
            values.append(text)
        given: dict[str, str | None] = {"kind": kind, "value": values[0]}
        given["last"] = values[1] if len(values) > 1 else None
        for name in _OTHERS:
            given[name] = cell(name) or self._defaults.get(name)
        try:
            entry = parse_entry(given)
        except IdentityError as error:
            self._invalid += 1
            self._add(line, column, error.problem, error.message, error.hint)
        except UsageError as error:
            self._invalid += kind in KINDS
            self._add(line, column if kind in KINDS else "kind", "invalid", error.message,
                      error.hint)  # fmt: skip
        else:
            self._keep(line, column, entry)

    def judge_column(self) -> None:
        """Add a problem of the whole file if most of its numbers are invalid."""
        if self._read >= _FEW_LINES and self._invalid * 2 > self._read:
            message = f"{self._invalid} of {self._read} numbers are not valid"
            self._add(0, "", "wrong_column", message,
                      "Check that the column holds what its header states.")  # fmt: skip

    def _repaired(self, line: int, name: str, kind: str, cell: str) -> str | None:
        """Return the text of a cell, or None if its number is lost or is in the wrong column."""
        fixed = repair(kind, cell, rounded=self._rounded.get(name, True))
        if fixed.code:
            message, remedy = DAMAGES[fixed.code]
            if not fixed.is_lost:
                remedy = f"The number was restored. {remedy}"
            self._add(line, name, fixed.code, message, remedy, is_error=fixed.is_lost)
        if fixed.is_lost:
            self._invalid += 1
            return None
        other = other_kind(kind, fixed.text)
        if other is not None:
            self._invalid += 1
            message = f"the number is an {other.upper()}, not a number of the column {name}"
            self._add(line, name, "wrong_column", message,
                      "Exchange the columns, or correct the header.")  # fmt: skip
            return None
        return fixed.text

    def _keep(self, line: int, column: str, entry: NewEntry) -> None:
        known = self.entries.get(entry.value)
        if known is None:
            self.entries[entry.value] = entry
            self._lines[entry.value] = line
            return
        first = self._lines[entry.value]
        if known == entry:
            self._add(line, column, "duplicate", f"the same as line {first}",
                      "The line was left out.", is_error=False)  # fmt: skip
        else:
            self._add(line, column, "duplicate", f"the numbers of line {first} again, with other "
                      "content", "Delete one of the two lines.")  # fmt: skip

    def _add(
        self, line: int, column: str, code: str, message: str, remedy: str, *, is_error: bool = True
    ) -> None:
        severity = "error" if is_error else "warning"
        self.problems.append(LineProblem(line, column, code, severity, message, remedy))
