"""Cells of CSV files: guarded against formulas, and the same text when they are read.

>>> guarded("=1+1"), unguarded(guarded("=1+1"))
("'=1+1", '=1+1')
>>> unguarded(guarded("'s-Hertogenbosch"))
"'s-Hertogenbosch"
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from modemagent.errors import UsageError

LONGEST = 200  # characters of a text that is stored

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_GUARDED = (*_FORMULA, "'")


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    is_formula = text.startswith(_FORMULA)
    is_ambiguous = text.startswith("'") and text[1:].startswith(_GUARDED)
    return f"'{text}" if is_formula or is_ambiguous else text


def unguarded(cell: str) -> str:
    """Return the text of a cell; that of a number in the form ``="..."`` as well."""
    if cell.startswith('="') and cell.endswith('"') and len(cell) > 2:
        return cell[2:-1]
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_GUARDED) else cell


def csv_line(cells: Sequence[str]) -> str:
    """Return a line of CSV with its end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def clean_text(name: str, text: str, longest: int) -> str:
    """Return a text as one line without spaces at its ends.

    :raises UsageError: it is too long, or not printable
    """
    found = " ".join(text.split())
    if len(found) > longest or not found.isprintable():
        raise UsageError(
            f"{name} must have at most {longest} printable characters", hint="Shorten it."
        )
    return found
