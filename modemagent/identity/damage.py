"""Damage that spreadsheets do to numbers: what can be repaired, and what is lost.

>>> repair("tac", "1518400")
Repair(text='01518400', code='lost_zeros', is_lost=False)
>>> repair("imei", "8.67698E+14").is_lost
True
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from modemagent.identity.cleaning import is_decimal
from modemagent.identity.csv_table import LineProblem
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.numbering import reporting_body

# Patterns are compiled at their first use, as most numbers are not damaged.
_SCIENTIFIC = r"\d(?:[.,]\d+)?[Ee]\+?\d{1,2}"
_DECIMALS = r"(\d+)[.,]0+"
_THOUSANDS = "\\d{1,3}(?:([.,'\u2019 \u00a0\u202f])\\d{3})(?:\\1\\d{3})*"
_FORMULA = r'="(.*)"'
#: Digits that a spreadsheet keeps; it replaces the rest by zeros.
_KEPT_DIGITS = 15
#: One of so many numbers ends in zeros if a spreadsheet has rounded a column, at the least. By
#: chance it is one of 1000 numbers of 18 digits.
_ROUNDED_ONE_OF = 20

#: Meaning of each kind of damage, and the remedy.
DAMAGES = {
    "scientific": (
        "the number was rounded to a power of ten by a spreadsheet",
        "Format the column as text before you open the original list, and export it again.",
    ),
    "rounded": (
        "the digits after the 15th were replaced by zeros by a spreadsheet",
        "Format the column as text before you open the original list, and export it again.",
    ),
    "lost_zeros": (
        "leading zeros are missing",
        "Format the column as text, so that leading zeros stay.",
    ),
    "decimals": (
        "the number has a decimal part",
        "Format the column as text, so that nothing is appended.",
    ),
    "apostrophe": (
        "the number begins with the mark of text in a spreadsheet",
        "Export the values without formulas and apostrophes.",
    ),
    "thousands": (
        "the number has thousands separators",
        "Format the column as text, so that separators are not inserted.",
    ),
}


class Repair(NamedTuple):
    """A cell after repair.

    :param code: a key of :data:`DAMAGES`; empty: the cell is not damaged
    :param is_lost: the number cannot be restored
    """

    text: str
    code: str = ""
    is_lost: bool = False


def is_rounded(cells: Iterable[str]) -> bool:
    """Return True if a spreadsheet may have rounded the numbers of a column.

    >>> is_rounded(["8988303000000020000"])
    True
    >>> is_rounded(["8988303000000020000"] + ["8988303000000000010"] * 20)
    False
    """
    long = [cell for cell in cells if is_decimal(cell) and len(cell) > _KEPT_DIGITS + 2]
    return sum(map(_ends_in_zeros, long)) * _ROUNDED_ONE_OF >= len(long)


def _ends_in_zeros(digits: str) -> bool:
    return not digits[_KEPT_DIGITS:].strip("0")


def repair(kind: str, cell: str, *, rounded: bool = True) -> Repair:
    """Return a cell of a column of numbers with its damage repaired.

    :param kind: what the column holds: imei, iccid, tac or imsi_prefix
    :param rounded: the numbers of the column may have been rounded, see :func:`is_rounded`
    """
    text, code = cell, ""
    formula = re.fullmatch(_FORMULA, text) if text.startswith("=") else None
    if formula or text.startswith(("'", "\u2019")):
        text, code = (formula[1] if formula else text[1:]).strip(), "apostrophe"
    if not is_decimal(text):
        if re.fullmatch(_SCIENTIFIC, text):
            return Repair(text, "scientific", True)
        if decimals := re.fullmatch(_DECIMALS, text):
            text, code = decimals[1], "decimals"
        elif re.fullmatch(_THOUSANDS, text):
            text, code = "".join(filter(str.isdigit, text)), "thousands"
    if not is_decimal(text) or not text:
        return Repair(text, code)
    if rounded and len(text) > _KEPT_DIGITS + 2 and _ends_in_zeros(text):
        return Repair(text, "rounded", True)
    if kind == "tac" and 6 <= len(text) < 8:
        return Repair(text.zfill(8), "lost_zeros")
    if kind == "imei" and (len(text) in (12, 13) or _has_lost_zero(text)):
        return Repair(text, "lost_zeros", True)  # with or without a check digit is not known
    return Repair(text, code)


def _has_lost_zero(digits: str) -> bool:
    """Return True if 14 digits are more likely an IMEI whose first digit, a zero, is missing."""
    if len(digits) != 14 or reporting_body(digits) is not None:
        return False
    found = Imei.check(f"0{digits}")
    return found.valid and "imei.spare_digit" not in found.codes


def other_kind(kind: str, text: str) -> str | None:
    """Return the kind of a number that is in the wrong column, or None."""
    if kind in ("imei", "tac", "imsi_prefix") and 18 <= len(text) <= 20:
        return "iccid" if Iccid.check(text).valid else None
    if kind in ("iccid", "tac") and len(text) in (15, 16):
        return "imei" if Imei.check(text).valid else None
    return None


def repaired(
    line: int, name: str, kind: str, cell: str, *, rounded: bool = True
) -> tuple[str | None, list[LineProblem]]:
    """Return a number without damage by spreadsheets; None: it is lost, or of another kind."""
    fixed = repair(kind, cell, rounded=rounded)
    problems = []
    if fixed.code:
        message, remedy = DAMAGES[fixed.code]
        severity = "error" if fixed.is_lost else "warning"
        remedy = remedy if fixed.is_lost else f"The number was restored. {remedy}"
        problems.append(LineProblem(line, name, fixed.code, severity, message, remedy))
    other = None if fixed.is_lost else other_kind(kind, fixed.text)
    if other is not None:
        message = f"the number is an {other.upper()}, not a number of the column {name}"
        remedy = "Exchange the columns, or correct the header."
        problems.append(LineProblem(line, name, "wrong_column", "error", message, remedy))
    return (None if fixed.is_lost or other else fixed.text), problems
