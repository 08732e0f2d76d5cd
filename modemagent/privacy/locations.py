"""Location data in responses: area codes, cells, IP addresses and positions.

These values are too short to be found anywhere, so they are replaced at the fixed positions of
known responses. Values that mean "unknown" stay.

>>> places = LocationMap([("AT+CREG?", '+CREG: 2,1,"84CD","00D30173",7')])
>>> places.rewrite('+CREG: 2,1,"84CD","00D30173",7')
'+CREG: 2,1,"0001","00000001",7'
>>> places.rewrite('+CREG: 1,"84CD","FFFFFFFF"')
'+CREG: 1,"0001","FFFFFFFF"'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce
from operator import xor

_VALUE = r'"?(?:0x)?([0-9A-F]{2,12})"?'
#: Area code and cell: <n>,<stat>,<lac>,<ci> and the URC form without <n> (3GPP TS 27.007 clauses
#: 7.2, 10.1.20, 10.1.22, 10.1.47); SIMCom's +CPSI: mode, state, network, area, cell.
_CELLS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\+(?:CREG|CGREG|CEREG|C5GREG) ?: ?(?:\d,)?\d{{1,2}}, ?{_VALUE}, ?{_VALUE}",
        rf"\+CPSI ?: ?[^,\r\n]*,[^,\r\n]*,\d{{3}}-\d{{2,3}},{_VALUE},{_VALUE}",
    )
)
_ADDRESS = re.compile(r'(?<=")(?:\d{1,3}\.){3}\d{1,3}(?=")|(?<=")(?:\d{1,3}\.){15}\d{1,3}(?=")')
_BARE_ADDRESS = re.compile(
    r"(\+(?:CGPADDR|CGCONTRDP|QIACT|CIFSR|UPSND)|#CGPADDR|\^IPADDR) ?:[^\r\n]*", re.IGNORECASE
)
_DOTTED = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_POSITION = re.compile(
    r"(?:\+(?:CGPSINFO|CGNSINF|CGNSSINFO|QGPSLOC|UULOC|UUGPS\w*)|[$#]GPSACP|\$G[A-Z]{4}\b)[^\r\n]*",
    re.IGNORECASE,
)
_FRACTION = re.compile(r"\d+\.\d{3,}|(?<=\.)\d{3,}")
#: Values for unknown or unused.
_UNKNOWN = re.compile(r"0+|F+|(FFFE)", re.IGNORECASE)
_ANY_ADDRESS = re.compile(r"0(\.0)+|127\.0\.0\.\d+|(255\.)+\d+")


class LocationMap:
    """The location values of one recording and their replacements.

    :param answers: command line and text of each response
    :param like: responses rewritten earlier; their replacements are not used again
    """

    def __init__(
        self, answers: Iterable[tuple[str, str]], *, like: Iterable[tuple[str, str]] = ()
    ) -> None:
        self._given: dict[tuple[str, str], str] = {}
        self._first = 1 + sum(len(_cells(text)) for _, text in like)
        self._originals: set[str] = set()
        texts = [text for _, text in answers]
        for text in texts:
            self._originals.update(value.upper() for value in _cells(text))
        for text in texts:
            self.rewrite(text)

    def __len__(self) -> int:
        return len(self._given)

    def rewrite(self, text: str) -> str:
        """Return the text with cells, addresses and positions replaced; cells keep their length."""
        for pattern in _CELLS:
            text = pattern.sub(self._cell_line, text)
        text = _ADDRESS.sub(self._address, text)
        text = _BARE_ADDRESS.sub(lambda line: _DOTTED.sub(self._address, line[0]), text)
        return _POSITION.sub(self._position, text)

    def _cell_line(self, match: re.Match[str]) -> str:
        line, start = match[0], match.start()
        for number in (2, 1):  # from the right, so that positions stay valid
            begin, end = match.start(number) - start, match.end(number) - start
            line = line[:begin] + self._cell(match[number], number) + line[end:]
        return line

    def _cell(self, value: str, part: int) -> str:
        if _UNKNOWN.fullmatch(value):
            return value
        key = (f"cell part {part}, {len(value)} digits", value.upper())
        if key not in self._given:
            used = {new for (kind, _), new in self._given.items() if kind == key[0]}
            numbers = range(self._first, self._first + 16 ** len(value))
            free = (
                new
                for number in numbers
                if (new := f"{number % 16 ** len(value):0{len(value)}X}") not in used
                and new not in self._originals
                and not _UNKNOWN.fullmatch(new)
            )
            self._given[key] = next(free, value)
        new = self._given[key]
        return new.lower() if value != value.upper() else new

    def _address(self, match: re.Match[str]) -> str:
        if _ANY_ADDRESS.fullmatch(match[0]):
            return match[0]
        new = self._given.get(("address", match[0]))
        if new is None:
            number = 1 + sum(kind == "address" for kind, _ in self._given)
            # blocks for documentation: RFC 5737, RFC 3849
            v6 = match[0].count(".") > 3  # sixteen numbers: TS 27.007 clause 10.1.0
            front = "32.1.13.184." + "0." * 11 if v6 else "192.0.2."
            new = self._given[("address", match[0])] = f"{front}{number % 250}"
        return new

    def _position(self, match: re.Match[str]) -> str:
        line = _FRACTION.sub(lambda digits: re.sub(r"\d", "0", digits[0]), match[0])
        if line == match[0]:
            return line
        self._given.setdefault(("position", ""), "")
        body, star, check = line.partition("*")
        if star and re.match(
            r"[0-9A-Fa-f]{2}", check
        ):  # NMEA 0183: XOR of the characters between $ and *
            line = f"{body}*{reduce(xor, body[1:].encode('latin-1'), 0):02X}{check[2:]}"
        return line


def _cells(text: str) -> list[str]:
    return [
        value for pattern in _CELLS for match in pattern.finditer(text) for value in match.groups()
    ]
