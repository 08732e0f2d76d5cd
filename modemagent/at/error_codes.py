"""Numbers and texts of ``+CME ERROR:`` and ``+CMS ERROR:``, from ``data/error_codes.txt``.

Every text is unique, so that a text from a module leads to one number: if the standard uses a text
twice, the text of the rarer number names its context.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from modemagent.at.data_rows import data_rows


class ErrorCodes:
    """Numbers and texts of one kind of error.

    :ivar texts: number to text, those of the standard
    :ivar others: other texts of these numbers, to the number
    :ivar makers: number outside the standard to maker, meaning and source, one row for each maker
    """

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.others: dict[str, int] = {}
        self.makers: dict[int, list[tuple[str, str, str]]] = {}


@cache
def error_codes() -> Mapping[str, ErrorCodes]:
    """Return the numbers by the kind of the final result code, ``cme`` or ``cms``."""
    kinds = {"cme": ErrorCodes(), "cms": ErrorCodes()}
    for kind, number, text, *maker in data_rows(__file__, "error_codes.txt"):
        name, *also = kind.lower().split()
        if also:
            kinds[name].others[text] = int(number)
        elif maker:
            kinds[name].makers.setdefault(int(number), []).append((maker[0], text, maker[1]))
        else:
            kinds[name].texts[int(number)] = text
    return kinds
