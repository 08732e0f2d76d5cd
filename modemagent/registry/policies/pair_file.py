"""Files of pairs of IMEI and ICCID: read from any source, and written as operators read them.

Forms that are written:

* ``iccid-imei`` and ``imsi-imei``: two columns, which portals with a mapping of columns take
* ``1nce``: the fields of a SIM in the 1NCE API for several SIMs (``POST /v1/sims``, described in
  https://help.1nce.com/specs/sim-management.json): ``iccid``, ``imei`` and ``imei_lock``
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from modemagent.errors import IdentityError
from modemagent.identity.csv_table import LineProblem, UnreadableFile, read_table
from modemagent.identity.damage import DAMAGES, is_rounded, repair
from modemagent.registry.policies.policy_content import iccid_of, imei_of

FORMS: dict[str, tuple[str, ...]] = {
    "iccid-imei": ("iccid", "imei"),
    "imsi-imei": ("imsi", "imei"),
    "1nce": ("iccid", "imei", "imei_lock"),
}
_COLUMNS = {
    "imei": ("imei", "deviceimei", "imeinumber", "imeisv", "deviceid", "lockedimei"),
    "iccid": ("iccid", "sim", "simiccid", "simnumber", "identifier", "ccid", "cardnumber"),
}


class PairFile(NamedTuple):
    """The pairs of a file, of the lines without an error."""

    rows: int
    pairs: list[tuple[str, str]]
    problems: list[LineProblem]


def read_pairs(content: bytes) -> PairFile:
    """Return the pairs of a file with columns of IMEIs and ICCIDs.

    >>> read_pairs(b"iccid,imei\\n8988303000000000010,867698040000013\\n").pairs
    [('86769804000001', '8988303000000000010')]
    """
    try:
        table = read_table(content, _COLUMNS, ("imei", "iccid"))
    except UnreadableFile as error:
        return PairFile(0, [], [error.problem])
    missing = [one for one in _COLUMNS if one not in table.columns]
    if missing:
        message = f"the file has no column {missing[0]}"
        problem = LineProblem(0, missing[0], "column", "error", message, "Add it, with a header.")
        return PairFile(len(table.rows), [], [problem])
    lines: dict[tuple[str, str], int] = {}
    problems: list[LineProblem] = []
    rounded = {name: is_rounded(table.column(name)) for name in _COLUMNS}
    for line, cells in table.rows:
        numbers = []
        for column, parse in (("imei", imei_of), ("iccid", iccid_of)):
            at = table.columns[column]
            cell = cells[at] if at < len(cells) else ""
            if not cell.strip():
                message = f"the {column.upper()} is missing"
                remedy = "Add it, or delete the line."
                problems.append(LineProblem(line, column, "empty", "error", message, remedy))
                continue
            fixed = repair(column, cell, rounded=rounded[column])
            if fixed.code:
                message, remedy = DAMAGES[fixed.code]
                severity = "error" if fixed.is_lost else "warning"
                problems.append(LineProblem(line, column, fixed.code, severity, message, remedy))
            if fixed.is_lost:
                continue
            try:
                numbers.append(parse(fixed.text))
            except IdentityError as error:
                problems.append(
                    LineProblem(
                        line, column, "invalid", "error", error.message, "Correct the number."
                    )
                )
        if len(numbers) == len(_COLUMNS):
            pair = numbers[0], numbers[1]
            if pair in lines:
                message = f"the pair of line {lines[pair]} again"
                problem = LineProblem(line, "", "duplicate", "warning", message, "It is left out.")
                problems.append(problem)
            lines.setdefault(pair, line)
    return PairFile(len(table.rows), list(lines), problems)


def pairs_csv(form: str, pairs: Iterable[Mapping[str, str | None]]) -> Iterator[str]:
    """Yield the lines of a file of pairs.

    :param form: a key of :data:`FORMS`
    :param pairs: with ``imei``, ``iccid`` and ``imsi``; those without a number of the form are left
        out
    """
    names = FORMS[form]
    yield ",".join(names) + "\r\n"
    for one in pairs:
        row = {**one, "imei_lock": "true"}
        if all(row.get(name) for name in names):
            line = io.StringIO()
            csv.writer(line).writerow(row[name] for name in names)
            yield line.getvalue()
