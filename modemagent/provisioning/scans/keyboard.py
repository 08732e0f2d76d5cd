"""Scanners that type for another keyboard layout: what becomes of a text, and how to see it.

A keyboard scanner sends key presses. If it is set to the US layout and the computer to another,
letters and signs are exchanged. Every text is refused in which this can be seen, because in other
texts of the same scanner it cannot: on QWERTZ a Y in a serial number silently becomes a Z.

>>> damage("MAßBAZß07")
'QWERTZ'
>>> damage('_èçè&éà\\'ààààà&"')
'AZERTY'
>>> damage("MA-BAY-07"), damage("MA-BAZ-07")
('', '')
"""

from __future__ import annotations

from typing import Final

_US: Final = (
    "`1234567890-=qwertyuiop[]asdfghjkl;'zxcvbnm,./~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>?"
)
#: The same keys on other layouts, without and with shift; a dead key sends the sign alone.
_LAYOUTS: Final = {
    "QWERTZ": "^1234567890ß\u00b4qwertzuiopü+asdfghjklöäyxcvbnm,.-"
    '°!"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄYXCVBNM;:_',
    "AZERTY": "²&é\"'(-è_çà)=azertyuiop^$qsdfghjklmùwxcvbn,;:!"
    "³1234567890°+AZERTYUIOP¨£QSDFGHJKLM%WXCVBN?./§",
}
_TYPED: Final = {
    name: str.maketrans(dict(zip(_US, keys, strict=True))) for name, keys in _LAYOUTS.items()
}
_BACK: Final = {
    name: str.maketrans(dict(zip(keys, _US, strict=True))) for name, keys in _LAYOUTS.items()
}
#: Letters that no label has and a foreign layout types for a sign or digit.
_TELLTALES: Final = {"QWERTZ": frozenset("ßüöäÜÖÄ§°\u00b4"), "AZERTY": frozenset("éèçàùé²£¨§°")}

#: Codes of the check sheet: every letter, every digit and the signs of our own codes.
CHECK_TEXTS: Final = (
    "MA-CHECK-1-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "MA-CHECK-2-abcdefghijklmnopqrstuvwxyz",
    "MA-CHECK-3-0123456789:/;_.",
)
#: Its last code is GS1-128 with a separator in the middle: this is its data, and its text.
CHECK_GS1: Final = "91MACHECK\x1d92END"
CHECK_GS1_TEXT: Final = "(91)MACHECK(92)END"


def typed_on(layout: str, text: str) -> str:
    """Return what a text becomes when a scanner with the US layout types it on another one."""
    return text.translate(_TYPED[layout])


def damage(text: str) -> str:
    """Return the layout that a text was typed on by mistake, "" if nothing shows it."""
    for layout, letters in _TELLTALES.items():
        if letters.isdisjoint(text):
            continue
        restored = text.translate(_BACK[layout])
        if restored.isascii() and restored.isprintable():
            return layout
    return ""


def check_sheet_problem(text: str) -> str | None:
    """Return what a scan of the check sheet shows about the scanner, "" if it is in order.

    :returns: None if the text is not a code of the check sheet
    """
    if text in (*CHECK_TEXTS, CHECK_GS1, CHECK_GS1_TEXT):
        return ""
    if text in (CHECK_GS1.replace("\x1d", ""), CHECK_GS1.replace("\x1d", " ")):
        return "the scanner loses the separator GS"
    for whole in CHECK_TEXTS:
        for layout in _LAYOUTS:
            if text == typed_on(layout, whole):
                return f"the scanner types for another keyboard layout ({layout})"
        if text.swapcase() == whole or text in (whole.upper(), whole.lower()):
            return "the scanner changes upper and lower case, or caps lock is on"
        if len(text) > 10 and whole.endswith(text):
            return "the scanner loses the first characters"
    if text.startswith("MA-CHECK-"):
        return "the scanner loses or changes characters"
    return None
