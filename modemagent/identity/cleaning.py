"""Reduce the response to one identity command to the bare value: no echo, labels or quotes.

The steps follow section 2 of the identity rules, and their order matters. Everything is plain
string work: no pattern is compiled at start-up.

>>> clean('AT+CGSN\\r\\r\\n+CGSN: "86-769804-000001-3"\\r\\n\\r\\nOK\\r\\n')
'867698040000013'
>>> clean("+CCID: 8988303000000000010F, 89049032123451234512345678901235", minimum=30)
'89049032123451234512345678901235'
>>> clean("+CME ERROR: SIM not inserted") is None
True
"""

from __future__ import annotations

_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\r\n"}
# - / . _ : and the hyphens, dashes, minus, zero-width space and byte order mark; white space,
# the no-break kinds included, is covered by str.isspace
_SEPARATORS = frozenset("-/._:\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u200b\ufeff")
_SIGNS = frozenset("+#^$%!*&@~")
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_LABEL_CHARACTERS = _LETTERS | frozenset("0123456789 _")
_EMPTY_VALUES = frozenset(("", "null", "(null)", "none", "n/a", "na", "unknown"))
_ERRORS = ("+CME ERROR", "+CMS ERROR")
# str.upper converts a ligature to two letters, which would then pass for hexadecimal
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}

DIGITS = frozenset("0123456789")
HEX_DIGITS = frozenset("0123456789ABCDEF")


def is_decimal(value: str) -> bool:
    """Return True if all characters are ASCII digits; ``str.isdigit`` accepts many more."""
    return DIGITS.issuperset(value)


def is_hexadecimal(value: str) -> bool:
    """Return True if all characters are ASCII digits or A to F."""
    return HEX_DIGITS.issuperset(value)


def is_filler(value: str) -> bool:
    """Return True if the cleaned value is only zeros, or one character eight times or more.

    >>> is_filler("000"), is_filler("FFFFFFFF"), is_filler("1111111")
    (True, True, False)
    """
    return len(set(value)) == 1 and (value[0] == "0" or len(value) >= 8)


def swap_nibbles(digits: str) -> str:
    """Return the digits with the two of every pair exchanged, as SIMs store them.

    >>> swap_nibbles("9894")
    '8949'
    """
    return "".join([digits[at : at + 2][::-1] for at in range(0, len(digits), 2)])


def without_separators(field: str) -> str:
    """Return a field without white space, hyphens and the other separators."""
    return "".join([sign for sign in field if not (sign.isspace() or sign in _SEPARATORS)])


def _lines(text: str) -> list[str]:
    """Return the lines without echo and final results; none if the response is an error."""
    kept = []
    for line in text.translate(_CONTROLS).replace("\r", "\n").split("\n"):
        line = line.strip()
        if line[:2] in ("AT", "at", "At", "aT"):
            line = "".join(line.split(None, 1)[1:])
        if line == "OK":
            continue
        if line.endswith(" OK"):
            line = line[:-3].rstrip()
        if line == "ERROR" or line.startswith(_ERRORS):
            return []
        if line:
            kept.append(line)
    return kept


def _without_label(line: str) -> str:
    """Remove one ``+WORD:`` or ``word =`` from the front; the word begins with three letters."""
    start = 1 if line and line[0] in _SIGNS else 0
    end = start
    while end < len(line) and line[end] in _LABEL_CHARACTERS:
        end += 1
    labelled = line[end : end + 1] in (":", "=") and end - start >= 3
    if labelled and _LETTERS.issuperset(line[start : start + 3]):
        return line[end + 1 :].strip()
    return line


def clean(text: str, *, minimum: int = 6) -> str | None:
    """Return the bare value in upper case, or None if the response has no value.

    :param minimum: least number of characters of the field, separators not counted; 30 for an
        EID, so that an ICCID before it on the line is skipped
    """
    if len(text) >= minimum and text.isascii() and text.isdecimal():  # the usual case
        return text
    fields = [
        field.strip().strip("\"'").strip()
        for line in _lines(text)
        for field in _without_label(_without_label(line)).split(",")
    ]
    for field in fields:
        bare = without_separators(field)
        if len(bare) >= minimum and not DIGITS.isdisjoint(bare):
            return bare.translate(_UPPER)
    if not fields or fields[0].lower() in _EMPTY_VALUES:
        return None
    return without_separators(fields[0]).translate(_UPPER) or None
