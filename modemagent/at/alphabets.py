"""Codings of names and numbers: UCS2 in hexadecimal, the GSM alphabet, text fields of a SIM."""

from __future__ import annotations

from modemagent.at.fields import is_hex, parse_hex_bytes

#: GSM 7 bit default alphabet, 3GPP TS 23.038 clause 6.2.1; 1B leads to the extension table.
_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
#: Extension table, clause 6.2.1.1.
_GSM_EXTENSION = dict(zip(b"\x14()/<=>@e", "^{}\\[~]|€", strict=True))
_SHORTEST_NAME = 8
_PADDING = 0xFF
#: First and last character of the scripts that operators use, and a name for each.
_SCRIPTS = (
    (0x0000, 0x024F, ""),
    (0x1E00, 0x1EFF, ""),
    (0x2000, 0x20CF, ""),
    (0x0370, 0x03FF, "greek"),
    (0x0400, 0x052F, "cyrillic"),
    (0x0530, 0x058F, "armenian"),
    (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x06FF, "arabic"),
    (0x0900, 0x097F, "devanagari"),
    (0x0980, 0x09FF, "bengali"),
    (0x0E00, 0x0E7F, "thai"),
    (0x0E80, 0x0EFF, "lao"),
    (0x1000, 0x109F, "burmese"),
    (0x10A0, 0x10FF, "georgian"),
    (0x1780, 0x17FF, "khmer"),
    (0x3000, 0x30FF, "east asian"),
    (0x4E00, 0x9FFF, "east asian"),
    (0xFF00, 0xFFEF, "east asian"),
    (0xAC00, 0xD7A3, "hangul"),
)


def plain_name(text: str) -> str:
    """Return a name as people read it, decoded if the modem sent it in hexadecimal.

    With ``AT+CSCS="UCS2"`` each character is four hexadecimal digits, with ``"HEX"`` two (3GPP
    TS 27.007 clause 5.5). A text is decoded if that gives printable characters of one script.

    >>> plain_name("0056006F00640061"), plain_name("4E2D56FD79FB52A8"), plain_name("Vodafone")
    ('Voda', '中国移动', 'Vodafone')
    >>> plain_name("FACEBEEF"), plain_name("12345678"), plain_name("00320036003200300031")
    ('FACEBEEF', '12345678', '26201')
    >>> plain_name("566F6461666F6E65")
    'Vodafone'
    """
    if len(text) < _SHORTEST_NAME or not is_hex(text):
        return text
    letters = parse_hex_bytes(text)
    if letters and letters.replace(b" ", b"").isalnum():
        return letters.decode("ascii")
    name = _from_ucs2(text)
    if name is None or not any(map(str.isalnum, name)):
        return text
    scripts = {_script(letter) for letter in name} - {""}
    return name if len(scripts) <= 1 and None not in scripts else text


def plain_number(text: str) -> str:
    """Return a telephone number as people read it, decoded if the modem sent it in UCS2.

    >>> plain_number("002B0034003900310035"), plain_number("0049170123456789")
    ('+4915', '0049170123456789')
    """
    number = _from_ucs2(text)
    return number if number and not number.strip("+0123456789*#") else text


def gsm_text(data: bytes) -> str:
    """Return text in the GSM 7 bit default alphabet, one byte for each character.

    >>> gsm_text(b"O\\x022"), gsm_text(b"caf\\x05 \\x1be")
    ('O$2', 'café €')
    """
    text: list[str] = []
    codes = iter(data)
    for code in codes:
        if code == _ESCAPE:
            code = next(codes, 0x20)
            text.append(_GSM_EXTENSION.get(code, _gsm(code)))
        else:
            text.append(_gsm(code))
    return "".join(text)


def sim_text(data: bytes) -> str:
    """Return a text field of a SIM, which is padded with FF.

    The first byte 80, 81 or 82 announces one of the three UCS2 codings of ETSI TS 102 221 annex A,
    to which 3GPP TS 31.101 refers; any other is text in the GSM default alphabet.

    >>> sim_text(b"Orange\\xff\\xff"), sim_text(bytes.fromhex("80004D00D8FFFF"))
    ('Orange', 'MØ')
    >>> sim_text(bytes.fromhex("8103089496AF")), sim_text(bytes.fromhex("82030410404142"))
    ('ДЖЯ', '¡AB')
    """
    coding = data[0] if data else _PADDING
    if coding == 0x80:
        pairs = (data[at : at + 2] for at in range(1, len(data) - 1, 2))
        return b"".join(pair for pair in pairs if pair != b"\xff\xff").decode(
            "utf-16-be", "replace"
        )
    # The second byte is the number of characters; the base is bits 8 to 15, or all 16.
    if coding == 0x81 and len(data) > 3:
        return _offsets(data[3 : 3 + data[1]], data[2] << 7)
    if coding == 0x82 and len(data) > 4:
        return _offsets(data[4 : 4 + data[1]], int.from_bytes(data[2:4], "big"))
    return gsm_text(data.partition(b"\xff")[0])


def _offsets(codes: bytes, base: int) -> str:
    """Return characters of the GSM alphabet, and with bit 8 set of the half page at the base."""
    return "".join(
        chr(min(base + (code & 0x7F), 0xFFFF)) if code & 0x80 else gsm_text(bytes((code,)))
        for code in codes
    )


def _gsm(code: int) -> str:
    # Some SIMs contain Latin-1, which the alphabet has no place for.
    return _GSM[code] if code < len(_GSM) else chr(code)


def _from_ucs2(text: str) -> str | None:
    """Return the printable text in groups of four hexadecimal digits, or None."""
    if len(text) < 4 or len(text) % 4 or not is_hex(text):
        return None
    name = "".join(chr(int(text[at : at + 4], 16)) for at in range(0, len(text), 4))
    return name if name.isprintable() else None


def _script(letter: str) -> str | None:
    return next((name for first, last, name in _SCRIPTS if first <= ord(letter) <= last), None)
