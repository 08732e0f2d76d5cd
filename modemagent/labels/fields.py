"""Fields of a label, and texts of a template with fields in them.

``{imei}`` is replaced by the value; ``{imei:grouped}`` by the value in the groups that are usual
on labels. A part in square brackets is left out if one of its fields has no value. A character is
doubled to stand for itself.

>>> values = {"imei": "867698040000013", "iccid": ""}
>>> filled("IMEI {imei:grouped}[ ICCID {iccid}]", values)
'IMEI 86769804-000001-3'
>>> filled("[[{{{imei}}}]]", values)
'[{867698040000013}]'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.identifier import Identifier
from modemagent.identity.imei import Imei

#: Every field with the longest value that is usual: templates are tried out with these.
FIELDS: Final[Mapping[str, str]] = {
    "imei": "867698040000013",
    "iccid": "89883030000000000107",
    "eid": "89049032123451234512345678901235",
    "serial_number": "MPN21A4X000123W",
    "manufacturer": "Sierra Wireless",
    "model": "SIM7600G-H",
    "firmware": "EG25GGBR07A08M2G",
    "asset_tag": "A-0012345",
    "order": "4711",
    "lot": "L-2231",
    "bay": "16",
    "n": "10000",
    "copy": "2",
}
_GROUPED: Final[Mapping[str, type[Identifier]]] = {"imei": Imei, "iccid": Iccid, "eid": Eid}
_TOKEN: Final = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{[^{}]*\}|[\[\]{}]|[^\[\]{}]+")


class Wrong(ValueError):
    """A text that is not a template text; the message is a clause, ``remedy`` a sentence."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class Piece(NamedTuple):
    """Literal text, or a field with its format; ``part`` numbers optional parts, 0 is required."""

    text: str
    field: str = ""
    grouped: bool = False
    part: int = 0


def pieces(text: str) -> tuple[Piece, ...]:
    """Return the pieces of a template text.

    :raises Wrong: an unknown field or format, or brackets that do not match
    """
    found, part, last = list[Piece](), 0, 0
    for sign in _TOKEN.findall(text):
        if sign in ("{{", "}}", "[[", "]]"):
            found.append(Piece(sign[0], part=part))
        elif sign == "[" and not part:
            last += 1
            part = last
        elif sign == "]" and part:
            part = 0
        elif sign in "[]{}":
            raise Wrong(
                f"has a {sign} without its counterpart", f"Write {sign * 2} for the character."
            )
        elif sign.startswith("{"):
            found.append(_field(sign[1:-1])._replace(part=part))
        else:
            found.append(Piece(sign, part=part))
    if part:
        raise Wrong("has a [ without its counterpart", "Write [[ for the character.")
    return tuple(found)


def _field(name: str) -> Piece:
    name, colon, form = name.partition(":")
    if name not in FIELDS:
        raise Wrong(f"has an unknown field {{{name}}}", f"Known fields: {', '.join(FIELDS)}.")
    if colon and (form != "grouped" or name not in _GROUPED):
        raise Wrong(
            f"has an unknown format {{{name}:{form}}}",
            f"The only format is grouped, of {', '.join(_GROUPED)}.",
        )
    return Piece("", name, bool(colon))


def fields_of(text: str) -> frozenset[str]:
    """Return the fields that a template text cannot do without."""
    return frozenset(each.field for each in pieces(text) if each.field and not each.part)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a template text with its fields replaced, "" if nothing remains.

    :raises KeyError: a field outside of square brackets has no value
    """
    found = pieces(text)
    empty = {each.part for each in found if each.field and not values.get(each.field)}
    if 0 in empty:
        raise KeyError(next(p.field for p in found if p.field and not values.get(p.field)))
    return "".join(_written(each, values) for each in found if each.part not in empty)


def _written(piece: Piece, values: Mapping[str, str]) -> str:
    if not piece.field:
        return piece.text
    value = values[piece.field]
    if piece.grouped:
        number = _GROUPED[piece.field].check(value).normalized
        return value if number is None else number.grouped()
    return value
