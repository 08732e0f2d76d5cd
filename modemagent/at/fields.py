"""Taking an information line apart: prefix, comma fields, numbers.

Modules put no space behind the colon, one in front of it, or several behind it (u-blox, Quectel's
manual, Sierra's ATI), quote a field or not, and pad numbers with zeros. 3GPP TS 27.007 clause 4
defines the regular form; everything here is lenient about it and never raises.
"""

from __future__ import annotations

SIGILS = "+#^!*%$_&"
"""First characters of extended command names, and of the prefixes of their answers."""

_LONGEST_KEY = 24


def split_prefix(line: str) -> tuple[str, str]:
    """Return an information line's prefix without its colon, and the rest; ``""`` when bare.

    >>> split_prefix("+CPIN: READY"), split_prefix("+QSIMSTAT : 1,0"), split_prefix("#QSS:0,3")
    (('+CPIN', 'READY'), ('+QSIMSTAT', '1,0'), ('#QSS', '0,3'))
    >>> split_prefix("IMEI SV:  4"), split_prefix("R1.0 [Feb 03 2018 13:00:41]")
    (('IMEI SV', '4'), ('', 'R1.0 [Feb 03 2018 13:00:41]'))
    """
    text = line.strip()
    head, colon, rest = text.partition(":")
    name = head.rstrip()
    if not colon or not name:
        return "", text
    if name[0] in SIGILS:
        sound = len(name) > 1 and name[1:].replace("_", "a").isalnum()
    else:
        plain = name.replace(" ", "a").replace("_", "a").replace("-", "a").replace("/", "a")
        sound = len(name) <= _LONGEST_KEY and name[0].isalpha() and plain.isalnum()
    if not sound:
        return "", text
    return name, rest.lstrip(": \t")


def split_fields(line: str) -> tuple[str, ...]:
    """Return the comma fields of an information line, its prefix left out, quotes taken off.

    Quoted fields may hold commas; a quote inside one is written twice, as ``\\"`` or as ``\\22``
    (TS 27.007 clause 5.5, strings). Brackets of test answers hold together.

    >>> split_fields('+COPS: 0,0,"SGP-M1",2')
    ('0', '0', 'SGP-M1', '2')
    >>> split_fields('+SQNCCID: "8931080000000001611",""'), split_fields("")
    (('8931080000000001611', ''), ())
    >>> split_fields("+CSQ: (0-31,99),(0-7,99)")
    ('(0-31,99)', '(0-7,99)')
    """
    _, text = split_prefix(line)
    if not text:
        return ()
    fields: list[str] = []
    field: list[str] = []
    quoted = False
    was_quoted = False
    depth = 0
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if quoted:
            if char == "\\" and text[at : at + 2].upper() in ("22", "5C"):
                field.append('"' if text[at] == "2" else "\\")
                at += 2
            elif text[at : at + 1] == '"' and (
                char == '"' or (char == "\\" and text[at + 1 : at + 2] not in ("", ","))
            ):
                field.append('"')
                at += 1
            elif char == '"':
                quoted = False
            else:
                field.append(char)
        elif char == '"' and not was_quoted and not "".join(field).strip():
            field = []
            quoted = was_quoted = True
        elif char == "," and depth == 0:
            fields.append("".join(field) if was_quoted else "".join(field).strip())
            field = []
            was_quoted = False
        elif not (was_quoted and char.isspace()):
            depth += (char == "(") - (char == ")" and depth > 0)
            field.append(char)
    fields.append("".join(field) if was_quoted else "".join(field).strip())
    return tuple(fields)


def parse_integer(text: str) -> int | None:
    """Return a decimal field's number, or None when it is none.

    >>> parse_integer(" 007"), parse_integer("-3"), parse_integer("0A"), parse_integer("")
    (7, -3, None, None)
    """
    digits = text.strip()
    body = digits[1:] if digits[:1] == "-" else digits
    # a longer digit run is an identifier, not a quantity
    return int(digits) if body.isascii() and body.isdecimal() and len(body) < 20 else None


def hex_integer(text: str) -> int | None:
    """Return a hexadecimal field's number, with or without ``0x``, or None.

    >>> hex_integer("84CD"), hex_integer("0x1f"), hex_integer("READY")
    (33997, 31, None)
    """
    digits = text.strip().upper().removeprefix("0X")
    if not digits or len(digits) > 32 or digits.strip("0123456789ABCDEF"):
        return None
    return int(digits, 16)


def hex_bytes(text: str) -> bytes | None:
    """Return the bytes of a hexadecimal field, or None: odd length, foreign characters.

    >>> hex_bytes("98882390"), hex_bytes("6A8"), hex_bytes("")
    (b'\\x98\\x88#\\x90', None, b'')
    """
    digits = text.strip().strip('"').upper()
    if len(digits) % 2 or digits.strip("0123456789ABCDEF"):
        return None
    return bytes.fromhex(digits)
