"""The grammar of an information line: prefix, comma-separated fields, numbers.

Modems may omit the space after the colon (u-blox), put one before it (Quectel's manual) or send
several (Sierra's ATI); they may or may not quote a field; and they may pad numbers with zeros. 3GPP
TS 27.007 clause 4 defines the regular form. All functions here accept these variations and never
raise.
"""

from typing import NamedTuple

#: First characters of extended command names and of the prefixes of their responses.
SIGILS = "+#^!*%$_&"

_MAX_PREFIX_LENGTH = 31
_HEX_DIGITS = "0123456789ABCDEF"


class InformationLine(NamedTuple):
    """One information line or URC, split into its parts.

    :param prefix: as received, without its colon, such as ``+CSQ`` or ``IMEI SV``; ``""`` if
        the line has none
    :param body: the text after the prefix, as received
    :param fields: the comma-separated fields of the body, see :func:`split_fields`
    :param command: the command line that was sent before, ``""`` if it is not known
    """

    prefix: str
    body: str
    fields: tuple[str, ...]
    command: str = ""

    @property
    def name(self) -> str:
        """The prefix in upper case."""
        return self.prefix.upper()

    def text(self, index: int) -> str:
        """Return a field without surrounding spaces, ``""`` if it is missing.

        :param index: -1 for the last field
        """
        return self.fields[index].strip() if -1 <= index < len(self.fields) else ""

    def integer(self, index: int) -> int | None:
        """Return a field as a decimal number, None if it is missing or not a number."""
        return parse_integer(self.text(index))


def parse_information(line: str, command: str = "") -> InformationLine:
    """Split an information line.

    :param command: the command line that was sent before

    >>> parse_information('+CREG:002,001,"18d8"').integer(1)
    1
    >>> parse_information("865284040000014").fields
    ('865284040000014',)
    """
    prefix, body = split_prefix(line)
    return InformationLine(prefix, body, split_fields(body), command)


def split_prefix(line: str) -> tuple[str, str]:
    """Return the prefix of a line without its colon, and the rest; ``""`` for a bare line.

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
        is_name = len(name) > 1 and name[1:].replace("_", "a").isalnum()
    else:
        plain = name.replace(" ", "a").replace("_", "a").replace("-", "a").replace("/", "a")
        is_name = len(name) <= _MAX_PREFIX_LENGTH and name[0].isalpha() and plain.isalnum()
    return (name, rest.lstrip(": \t")) if is_name else ("", text)


def command_name(text: str) -> str:
    """Return the extended command name at the beginning of a text, ``""`` if there is none.

    >>> command_name("+COPS=3,0"), command_name("+"), command_name("E0")
    ('+COPS', '', '')
    """
    end = 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return text[:end] if end > 1 and text[0] in SIGILS else ""


def split_fields(body: str) -> tuple[str, ...]:
    """Return the comma-separated fields of the text after a prefix, without their quotes.

    Quoted fields may contain commas. A quote inside a quoted field is doubled, or written as
    ``\\"`` or ``\\22`` (TS 27.007 clause 5.5, strings). A bracketed list in the response to a
    test command is one field.

    >>> split_fields('0,0,"SGP-M1",2'), split_fields("(0-31,99),(0-7,99)")
    (('0', '0', 'SGP-M1', '2'), ('(0-31,99)', '(0-7,99)'))
    >>> split_fields('"8931080000000001611",""'), split_fields("")
    (('8931080000000001611', ''), ())
    """
    if not body:
        return ()
    if '"' not in body and "(" not in body:
        return tuple(map(str.strip, body.split(",")))
    fields: list[str] = []
    field: list[str] = []
    quoted = was_quoted = False
    is_blank = True
    depth = at = 0
    while at < len(body):
        char = body[at]
        at += 1
        if quoted:
            if char == "\\" and body[at : at + 2].upper() in ("22", "5C"):
                field.append('"' if body[at] == "2" else "\\")
                at += 2
            elif body[at : at + 1] == '"' and (
                char == '"' or (char == "\\" and body[at + 1 : at + 2] not in ("", ","))
            ):
                field.append('"')
                at += 1
            elif char == '"':
                quoted = False
            else:
                field.append(char)
        elif char == '"' and not was_quoted and is_blank:
            field = []
            quoted = was_quoted = True
        elif char == "," and depth == 0:
            fields.append("".join(field) if was_quoted else "".join(field).strip())
            field = []
            was_quoted, is_blank = False, True
        elif not (was_quoted and char.isspace()):
            is_blank = is_blank and char.isspace()
            depth += (char == "(") - (char == ")" and depth > 0)
            field.append(char)
    fields.append("".join(field) if was_quoted else "".join(field).strip())
    return tuple(fields)


def parse_integer(text: str) -> int | None:
    """Return the number in a decimal field, or None if the field is not a number.

    >>> parse_integer(" 007"), parse_integer("-3"), parse_integer("0A"), parse_integer("")
    (7, -3, None, None)
    """
    digits = text.strip()
    body = digits[1:] if digits[:1] == "-" else digits
    # A longer run of digits is an identifier, not a quantity.
    return int(digits) if body.isascii() and body.isdecimal() and len(body) < 20 else None


def is_hex(text: str) -> bool:
    """Return True if a text consists of one or more hexadecimal digits.

    >>> is_hex("98aF"), is_hex("READY"), is_hex("")
    (True, False, False)
    """
    return bool(text) and not text.upper().strip(_HEX_DIGITS)


def parse_hex_integer(text: str) -> int | None:
    """Return the number in a hexadecimal field, with or without ``0x``, or None.

    >>> parse_hex_integer("84CD"), parse_hex_integer("0x1f"), parse_hex_integer("READY")
    (33997, 31, None)
    """
    digits = text.strip().upper().removeprefix("0X")
    return int(digits, 16) if is_hex(digits) and len(digits) <= 32 else None


def parse_hex_bytes(text: str) -> bytes | None:
    """Return the bytes in a hexadecimal field; None for odd length or other characters.

    >>> parse_hex_bytes("98882390"), parse_hex_bytes("6A8"), parse_hex_bytes("")
    (b'\\x98\\x88#\\x90', None, b'')
    """
    digits = text.strip().strip('"')
    if len(digits) % 2 or (digits and not is_hex(digits)):
        return None
    return bytes.fromhex(digits)
