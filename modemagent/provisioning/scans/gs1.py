"""GS1 element strings in a scan: (8002) the IMEI, (21) a serial number beside (01) a GTIN.

A scan is GS1 if the scanner sends the AIM identifier of such a symbol, if FNC1 (GS) comes first, or
if the application identifiers are in brackets. All other texts are left to
:mod:`modemagent.provisioning.scans.shapes`.

>>> read("]C1" "8002867698040000013")
{'8002': '867698040000013'}
>>> read("]d2" "0104012345678901" "21A7" "\\x1d" "8002867698040000013")
{'01': '04012345678901', '21': 'A7', '8002': '867698040000013'}
>>> read("(8002)867698040000013")
{'8002': '867698040000013'}
>>> read("867698040000013") is None
True
"""

from __future__ import annotations

import re
from typing import Final

from modemagent.labels import gs1
from modemagent.labels.gs1 import GS, Invalid

#: AIM identifiers of GS1 symbols: GS1-128, DataBar, Data Matrix, QR and DotCode with FNC1 first
#: (ISO/IEC 15424).
AIM_GS1: Final = ("]C1", "]e0", "]e1", "]e2", "]d2", "]Q3", "]J1")
_AIM: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
#: How keyboard scanners write GS, which no key types.
_WRITTEN_GS: Final = ("^]", "{GS}", "<GS>", "\\x1d", "\\u001d", "\u241d")
_BRACKETED: Final = re.compile(r"\(\d{2,4}\)")


def without_aim(text: str) -> str:
    """Return a text without the identifier of its symbology.

    >>> without_aim("]Q1867698040000013"), without_aim("A]Q1")
    ('867698040000013', 'A]Q1')
    """
    return text[3:] if _AIM.match(text) else text


def read(text: str) -> dict[str, str] | None:
    """Return the values by application identifier, None if the text is not marked as GS1.

    :raises Invalid: it is marked as GS1 and cannot be read; the message is a clause without numbers
    """
    is_marked = text.startswith(AIM_GS1)
    text = without_aim(text)
    for written in _WRITTEN_GS:
        text = text.replace(written, GS)
    if text.startswith(GS):
        is_marked, text = True, text[1:]
    if _BRACKETED.match(text):
        return _unique(gs1.bracketed(text.replace(GS, "")))
    if not is_marked:
        return None
    return _unique(_element_strings(text))


def _element_strings(text: str) -> list[gs1.ElementString]:
    found, at = list[gs1.ElementString](), 0
    while at < len(text):
        digits = gs1.ai_digits(text[at:])
        ai = text[at : at + digits]
        if not digits:
            # what follows is a value that was too long: its separator was lost
            raise Invalid("it has an unknown application identifier, or a separator (GS) was lost")
        at += digits
        length = gs1.predefined_length(ai)
        if length is None:
            end = text.find(GS, at)
            end = len(text) if end < 0 else end
        else:
            end = at + length
        value = text[at:end]
        gs1.check(ai, value)
        if ai == gs1.IMEI:
            _check_imei_ends(value)
        found.append(gs1.ElementString(ai, value))
        # a separator after a value of predefined length is not needed and not wrong
        at = end + 1 if text[end : end + 1] == GS else end
    if not found:
        raise Invalid("it is empty")
    return found


def _check_imei_ends(value: str) -> None:
    """Check that the value of (8002) is one number: without GS, what follows would be part of it.

    :raises Invalid: it is longer than an IMEI or IMEISV
    """
    if len(value) > 16:
        raise Invalid("the IMEI is too long: a separator (GS) was lost")


def _unique(elements: tuple[gs1.ElementString, ...] | list[gs1.ElementString]) -> dict[str, str]:
    values: dict[str, str] = {}
    for ai, value in elements:
        if values.setdefault(ai, value) != value:
            raise Invalid(f"({ai}) is in it twice, with different values")
    if gs1.SERIAL in values and gs1.GTIN not in values:
        raise Invalid("(21) is in it without (01): a serial number needs its product")
    return values
