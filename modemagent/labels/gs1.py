"""GS1 element strings: application identifiers, their lengths, and their separators.

An element string is an application identifier (AI) and its value. Values of a predefined length
follow each other directly; every other value ends with FNC1, which a scanner sends as GS (0x1D),
unless the value is the last one (GS1 General Specifications, clause 7.8.5).

>>> [str(each) for each in bracketed("(01)04012345678901(21)A7")]
['(01)04012345678901', '(21)A7']
>>> joined(bracketed("(21)A7(8002)867698040000013"))
'21A7\\x1d8002867698040000013'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from modemagent.identity.cleaning import is_decimal

GS: Final = "\x1d"
IMEI, GTIN, SERIAL = "8002", "01", "21"

#: Value lengths that the first two digits of an AI predefine (figure 7.8.5-2).
_PREDEFINED: Final = {
    "00": 18, "01": 14, "02": 14, "03": 14, "04": 16, "20": 2, "41": 13,
    **dict.fromkeys(("11", "12", "13", "14", "15", "16", "17", "18", "19"), 6),
    **dict.fromkeys(("31", "32", "33", "34", "35", "36"), 6),
}  # fmt: skip
#: Digits of the AI by its first two; all others have none assigned (ref.gs1.org/ai).
_AI_DIGITS: Final = {
    **dict.fromkeys(("00", "01", "02", "03", "10", "11", "12", "13", "15", "16", "17"), 2),
    **dict.fromkeys(("20", "21", "22", "30", "37"), 2),
    **dict.fromkeys(("90", "91", "92", "93", "94", "95", "96", "97", "98", "99"), 2),
    **dict.fromkeys(("23", "24", "25", "40", "41", "42", "71"), 3),
    **dict.fromkeys(("31", "32", "33", "34", "35", "36", "39", "43", "70", "72"), 4),
    **dict.fromkeys(("80", "81", "82"), 4),
}
#: The longest value of any AI: (91) to (99), and (8200).
LONGEST: Final = 90
_LONGEST_OF: Final = {IMEI: 20, SERIAL: 20, "10": 20}
#: Character set 82 of the general specifications, figure 7.11-1.
_CHARACTERS: Final = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+")


class Invalid(ValueError):
    """The text is not a GS1 element string; the message is a clause without a subject."""


class ElementString(NamedTuple):
    """An application identifier and its value."""

    ai: str
    value: str

    def __str__(self) -> str:
        return f"({self.ai}){self.value}"


def ai_digits(text: str) -> int:
    """Return the number of digits of the AI that a text begins with, 0 if none is assigned."""
    return _AI_DIGITS.get(text[:2], 0)


def predefined_length(ai: str) -> int | None:
    """Return the length of the value if it needs no separator, else None."""
    return _PREDEFINED.get(ai[:2])


def check(ai: str, value: str) -> None:
    """Check the value of an application identifier.

    :raises Invalid: unknown AI, wrong length, character or check digit
    """
    if not ai or len(ai) != ai_digits(ai) or not is_decimal(ai):
        raise Invalid(f"({ai}) is not an application identifier")
    length = predefined_length(ai)
    if length is not None and (len(value) != length or not is_decimal(value)):
        raise Invalid(f"({ai}) needs {length} digits")
    longest = _LONGEST_OF.get(ai, LONGEST)
    if not 0 < len(value) <= longest:
        raise Invalid(f"({ai}) needs 1 to {longest} characters")
    if _CHARACTERS.fullmatch(value) is None:
        raise Invalid(f"({ai}) holds a character that GS1 does not allow")
    if ai in (GTIN, "02", "03") and not gtin_fits(value):
        raise Invalid(f"({ai}) has a wrong check digit")


def gtin_fits(digits: str) -> bool:
    """Return True if the last digit of a GTIN is its check digit, modulo 10 with weights 3 and 1.

    >>> gtin_fits("04012345678901"), gtin_fits("04012345678902")
    (True, False)
    """
    return sum(int(d) * (3 if n % 2 else 1) for n, d in enumerate(reversed(digits))) % 10 == 0


def bracketed(text: str) -> tuple[ElementString, ...]:
    """Return the element strings of a text with the AIs in brackets, as printed below a symbol.

    A value may contain brackets itself: only brackets around the digits of an AI begin a new one.

    :raises Invalid: the text does not begin with an AI, or a value is wrong
    """
    parts = re.split(r"\((\d{2,4})\)", text)
    if parts[0] or len(parts) < 3:
        raise Invalid("an application identifier in brackets is missing, such as (8002)")
    found = tuple(map(ElementString, parts[1::2], parts[2::2]))
    for each in found:
        check(*each)
    return found


def joined(elements: Iterable[ElementString]) -> str:
    """Return the data of a symbol, with GS for each separator."""
    data, separator = "", ""
    for ai, value in elements:
        data += separator + ai + value
        separator = GS if predefined_length(ai) is None else ""
    return data
