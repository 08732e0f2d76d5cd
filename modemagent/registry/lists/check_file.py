"""A file of numbers to be checked: one column of it, and what spreadsheets did to its numbers.

>>> read_numbers(b"imei;box\\n867698040000013;A\\n8,67698E+14;A\\n", "imei").problems[0].message
'the number was rounded to a power of ten by a spreadsheet'
"""

from __future__ import annotations

from typing import NamedTuple

from modemagent.identity.csv_table import (
    CsvTable,
    LineProblem,
    UnreadableFile,
    read_column,
    read_table,
)
from modemagent.identity.damage import DAMAGES, is_rounded, repair
from modemagent.registry.lists.list_file import COLUMNS

#: Columns that can be checked.
CHECKED_COLUMNS = ("imei", "iccid")


class NumberFile(NamedTuple):
    """The numbers of a file in their order, and what is wrong with it."""

    numbers: list[str]
    problems: list[LineProblem]

    @property
    def is_refused(self) -> bool:
        """Return True if a number is lost, so that the file as a whole cannot be trusted."""
        return any(one.is_error for one in self.problems)


def read_numbers(content: bytes, column: str = "") -> NumberFile:
    """Return the numbers of a file.

    :param column: a name in :data:`CHECKED_COLUMNS`; empty: the first of them that the file has
    """
    try:
        table, column = _table(content, column)
    except UnreadableFile as error:
        return NumberFile([], [error.problem])
    problems = [
        LineProblem(0, "", "unknown_column", "warning", f"column {at} is not read",
                    "Correct its header if it has the numbers.")
        for at in table.unknown
    ]  # fmt: skip
    at = table.columns[column]
    kind = "imei" if column == "value" else column
    rounded = is_rounded(table.column(column))
    numbers: list[str] = []
    for line, cells in table.rows:
        fixed = repair(kind, cells[at] if at < len(cells) else "", rounded=rounded)
        if fixed.code:
            message, remedy = DAMAGES[fixed.code]
            severity = "error" if fixed.is_lost else "warning"
            problems.append(LineProblem(line, column, fixed.code, severity, message, remedy))
        if fixed.text and not fixed.is_lost:
            numbers.append(fixed.text)
    if not numbers and not problems:
        problems.append(
            LineProblem(0, column, "empty", "error", "the file has no numbers",
                        "Check that it is complete.")
        )  # fmt: skip
    return NumberFile(numbers, problems)


def _table(content: bytes, column: str) -> tuple[CsvTable, str]:
    names = {name: COLUMNS[name] for name in (*CHECKED_COLUMNS, "value")}
    wanted = (column, "value") if column else (*CHECKED_COLUMNS, "value")
    try:
        table = read_table(content, names, wanted)
    except UnreadableFile as error:
        if error.problem.code != "header":
            raise
        table = read_column(content)
        if any(len(cells) > 1 for _, cells in table.rows):
            raise
    return table, next(one for one in wanted if one in table.columns)
