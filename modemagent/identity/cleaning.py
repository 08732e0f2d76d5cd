"""From the answer to one identity command to the bare value: echo, labels, quotes off.

The steps are those of the identity rules, section 2, and their order matters. Everything is
plain string work: no pattern is compiled when a process starts.

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
# the no-break kinds too, is left to str.isspace
_SEPARATORS = frozenset("-/._:\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u200b\ufeff")
_SIGNS = frozenset("+#^$%!*&@~")
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_WORD = _LETTERS | frozenset("0123456789 _")
_NOTHING = frozenset(("", "null", "(null)", "none", "n/a", "na", "unknown"))
_ERRORS = ("+CME ERROR", "+CMS ERROR")
# str.upper would turn a ligature into two letters and let it pass for hexadecimal
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}

DIGITS = frozenset("0123456789")
HEX_DIGITS = frozenset("0123456789ABCDEF")


def is_decimal(value: str) -> bool:
    """Say whether there is nothing but ASCII digits; ``str.isdigit`` takes many more."""
    return DIGITS.issuperset(value)


def is_hexadecimal(value: str) -> bool:
    """Say whether there is nothing but ASCII digits and A-F."""
    return HEX_DIGITS.issuperset(value)


def is_filler(value: str) -> bool:
    """Say whether the cleaned value is only zeros, or one character eight times or more.

    >>> is_filler("000"), is_filler("FFFFFFFF"), is_filler("1111111")
    (True, True, False)
    """
    return len(set(value)) == 1 and (value[0] == "0" or len(value) >= 8)


def without_separators(field: str) -> str:
    return "".join([sign for sign in field if not (sign.isspace() or sign in _SEPARATORS)])


def _lines(text: str) -> list[str] | None:
    """Return what is left of the lines without echo and results; None after an error."""
    kept = []
    for line in text.translate(_CONTROLS).replace("\r", "\n").split("\n"):
        line = line.strip()
        if line[:2] in ("AT", "at", "At", "aT"):
            words = line.split(None, 1)
            line = words[1] if len(words) == 2 else ""
        if line == "OK":
            continue
        if line.endswith(" OK"):
            line = line[:-3].rstrip()
        if line == "ERROR" or line.startswith(_ERRORS):
            return None
        if line:
            kept.append(line)
    return kept


def _without_label(line: str) -> str:
    """Take one ``+WORD:`` or ``word =`` off the front; three letters at least begin it."""
    start = 1 if line and line[0] in _SIGNS else 0
    end = start
    while end < len(line) and line[end] in _WORD:
        end += 1
    if (
        end < len(line)
        and line[end] in ":="
        and end - start >= 3
        and _LETTERS.issuperset(line[start : start + 3])
    ):
        return line[end + 1 :].strip()
    return line


def _fields(line: str) -> list[str]:
    bare = _without_label(_without_label(line))
    return [field.strip().strip("\"'").strip() for field in bare.split(",")]


def clean(text: str, *, minimum: int = 6) -> str | None:
    """Return the bare value in upper case, or None where there is none (``*.missing``).

    :param minimum: characters a field needs, separators not counted; 30 for an EID, so that
        the ICCID before it on the line is passed over
    """
    lines = _lines(text)
    if not lines:
        return None
    fallback: str | None = None
    for line in lines:
        for field in _fields(line):
            if fallback is None:
                fallback = field
            bare = without_separators(field)
            if len(bare) >= minimum and not DIGITS.isdisjoint(bare):
                return bare.translate(_UPPER)
    if fallback is None or fallback.lower() in _NOTHING:
        return None
    return without_separators(fallback).translate(_UPPER) or None
