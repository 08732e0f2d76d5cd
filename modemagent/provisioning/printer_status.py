"""Status of a ZPL printer: the response to ``~HS``.

The response is three strings, each between STX and ETX (ZPL II Programming Guide, ~HS). Some
printers send none while paper or ribbon is missing or the head is open, so that silence has a
meaning as well.

>>> parse_status(
...     b"\\x02030,1,0,1245,000,0,0,0,000,0,0,0\\x03\\r\\n"
...     b"\\x02000,0,1,0,0,2,4,0,00000000,1,000\\x03\\r\\n\\x021234,0\\x03\\r\\n"
... )
PrinterState(problems=('no paper', 'head open'), waiting=0)
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

#: The query, and the number of strings of its response.
QUERY: Final = b"~HS"
STRINGS: Final = 3
_STRING: Final = re.compile(rb"\x02([0-9,.]{0,80})\x03")
#: Field of the first and of the second string, and the problem if it is 1.
_FIRST: Final = {
    1: "no paper", 2: "paused", 5: "buffer full", 9: "settings lost", 10: "too cold", 11: "too hot",
}  # fmt: skip
_SECOND: Final = {2: "head open", 3: "no ribbon"}
_FORMATS, _PARTIAL_FORMAT = 4, 7
_LABEL_NOT_TAKEN, _REMAINING = 7, 8


class PrinterState(NamedTuple):
    """State of a printer.

    :param problems: what prevents it from printing, in at most 24 characters each
    :param waiting: labels that it has received and not printed
    """

    problems: tuple[str, ...] = ()
    waiting: int = 0

    def __str__(self) -> str:
        return ", ".join(self.problems) or "ok"


def is_complete(response: bytes) -> bool:
    """Return True if a response has all its strings."""
    return len(_STRING.findall(response)) >= STRINGS


def parse_status(response: bytes) -> PrinterState | None:
    """Return the state in the last complete response, None if there is none."""
    strings = [each.split(b",") for each in _STRING.findall(response)]
    for at in range(len(strings) - STRINGS, -1, -1):
        first, second = strings[at : at + 2]
        if len(first) == 12 and len(second) == 11:
            return _state(first, second)
    return None


def _state(first: list[bytes], second: list[bytes]) -> PrinterState:
    problems = [word for field, word in _FIRST.items() if first[field] == b"1"]
    problems += [word for field, word in _SECOND.items() if second[field] == b"1"]
    remaining = _number(second[_REMAINING])
    if second[_LABEL_NOT_TAKEN] == b"1" and remaining:
        problems.append("label not taken")
    received = _number(first[_FORMATS]) + _number(first[_PARTIAL_FORMAT])
    return PrinterState(tuple(problems), received + remaining)


def _number(field: bytes) -> int:
    return int(field) if field.isdigit() else 0
