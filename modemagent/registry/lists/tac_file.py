"""A file of type allocation codes with makers and models, in the column layouts in circulation."""

from __future__ import annotations

from typing import NamedTuple

from modemagent.identity.cleaning import is_decimal
from modemagent.identity.csv_table import (
    CsvTable,
    LineProblem,
    UnreadableFile,
    read_table,
)
from modemagent.identity.damage import DAMAGES, other_kind, repair

#: Names in the order of preference: lists of the GSMA have brand and marketing names as well. A
#: public list has two columns "name": the maker, then the model.
_COLUMNS = {
    "tac": ("tac", "typeallocationcode", "tacnumber", "devicetac"),
    "manufacturer": ("manufacturer", "manufacturername", "manufacturerorapplicant", "applicant",
                     "maker", "vendor", "brand", "brandname", "name"),
    "model": ("model", "modelname", "gsmamodelname", "standardisedmarketingname",
              "marketingname", "standardisedfullname", "devicename", "name"),
}  # fmt: skip
_LONGEST = 200


class TacRecord(NamedTuple):
    """Maker and model of a TAC."""

    tac: int
    manufacturer: str
    model: str


class TacFile(NamedTuple):
    """The records of a file, of the lines without an error."""

    rows: int
    records: list[TacRecord]
    problems: list[LineProblem]


def read_tacs(content: bytes) -> TacFile:
    """Return the records of a file; lost zeros are restored.

    Of several lines with one TAC, which lists in circulation have, the first counts.
    """
    try:
        table = read_table(content, _COLUMNS, ("tac",), several=("manufacturer", "model"))
    except UnreadableFile as error:
        return TacFile(0, [], [error.problem])
    lines: dict[int, int] = {}
    records: list[TacRecord] = []
    problems: list[LineProblem] = []
    for line, cells in table.rows:
        tac, found = _tac(line, _cell(table, cells, "tac"))
        problems += found
        if tac is None:
            continue
        if tac in lines:
            message = f"the TAC of line {lines[tac]} again"
            problems.append(_problem(line, "duplicate", message, "The line was left out.", False))
            continue
        lines[tac] = line
        names = (_name(_cell(table, cells, one)) for one in ("manufacturer", "model"))
        records.append(TacRecord(tac, *names))
    return TacFile(len(table.rows), records, problems)


def _tac(line: int, cell: str) -> tuple[int | None, list[LineProblem]]:
    """Return a TAC and what is wrong with it; None: it cannot be used."""
    fixed = repair("tac", cell)
    text = fixed.text
    found = []
    if fixed.code:
        message, remedy = DAMAGES[fixed.code]
        remedy = remedy if fixed.is_lost else f"The number was restored. {remedy}"
        found.append(_problem(line, fixed.code, message, remedy, fixed.is_lost))
    if fixed.is_lost:
        return None, found
    if is_decimal(text) and len(text) == 8 and text.strip("0"):
        return int(text), found
    other = other_kind("tac", text)
    code = "wrong_column" if other else "invalid"
    message = f"the number is an {other.upper()}, not a TAC" if other else "the cell is not a TAC"
    remedy = "A TAC has 8 digits, the first ones of the IMEI."
    return None, [*found, _problem(line, code, message, remedy, True)]


def _problem(line: int, code: str, message: str, remedy: str, is_error: bool) -> LineProblem:
    return LineProblem(line, "tac", code, "error" if is_error else "warning", message, remedy)


def _cell(table: CsvTable, cells: list[str], name: str) -> str:
    at = table.columns.get(name)
    return cells[at] if at is not None and at < len(cells) else ""


def _name(cell: str) -> str:
    """Return a name without the characters that cannot be printed."""
    return "".join(one for one in cell if one.isprintable())[:_LONGEST]
