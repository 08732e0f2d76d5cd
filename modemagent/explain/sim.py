"""Explanations of SIM responses: status words, ICCID and EID, attempts left.

Status words: ETSI TS 102 221 clause 10.2.1 (tables 10.8 to 10.16), the same numbers as ISO 7816-4.
``+CRSM`` sends them as two decimal numbers (3GPP TS 27.007 clause 8.18).
"""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.at.fields import InformationLine, is_hex
from modemagent.explain.explanation import NORDIC, QUECTEL, TS_27007, Decoder, Explanation
from modemagent.explain.meanings import meaning, remedy

TS_102221 = "ETSI TS 102 221 clause 10.2.1"


def status_word(word: int) -> Explanation:
    """Explain a status word of two bytes.

    >>> status_word(0x6A82).text, status_word(0x9F0C).text
    ('file not found', 'done; 12 bytes are waiting (GET RESPONSE)')
    """
    first, second = word >> 8, word & 0xFF
    name = f"{word:04X}"
    text = meaning("SW", name)
    if text is None and first == 0x63 and second >> 4 == 0xC:
        # The clause defines two meanings: one for VERIFY and the like, one for UPDATE.
        tries = second & 15
        text = f"wrong PIN, {tries} attempts left; for a write: done after {tries} retries"
    elif text is None:
        text = (meaning("SW", name[:2]) or "unknown to the standard").format(n=second)
    success = word == 0x9000 or first in (0x91, 0x61, 0x9F)
    fields = {"sw": name, "success": success}
    return Explanation("SIM status", text, TS_102221, fields, remedy("SW", name))


def restricted_access(line: InformationLine) -> Explanation | None:
    """Explain ``+CRSM: <sw1>,<sw2>[,<data>]``."""
    first, second = line.integer(0), line.integer(1)
    if first is None or second is None or not (0 <= first <= 255 and 0 <= second <= 255):
        return None
    found = status_word(first << 8 | second)
    fields = dict(found.fields)
    if data := line.text(2):
        fields["data"] = data
    source = f"{found.source}, {TS_27007} clause 8.18"
    return found._replace(text=f"{fields['sw']}: {found.text}", source=source, fields=fields)


def generic_access(line: InformationLine) -> Explanation | None:
    """Explain ``+CSIM`` and ``+CGLA``: a length, then hexadecimal bytes with a status word."""
    length, data = line.integer(0), line.text(1)
    if length is None or len(data) < 4 or not is_hex(data):
        return None
    found = status_word(int(data[-4:], 16))
    text = f"{data[-4:].upper()}: {found.text}"
    return found._replace(text=text, fields={**found.fields, "length": length})


ICCID_SOURCES: dict[str, str] = {
    "+CCID": "u-blox, SIMCom, Telit, Quectel manuals",
    "+QCCID": QUECTEL,
    "+ICCID": "SIMCom, MeiG, Sierra manuals",
    "+CICCID": "SIMCom SIM7500/SIM7600 AT command manual",
    "ICCID": "Sierra, MeiG manuals",
    "^ICCID": "Huawei ME909s AT command manual",
    "^SCID": "Cinterion EHS6 AT command set",
    "#CCID": "Telit LE910 AT commands reference guide",
    "!ICCID": "Sierra AT command reference",
    "*ICCID": "ASR-based modules",
    "%XICCID": NORDIC,
    "%CCID": "Altair, Murata manuals",
    "+SQNCCID": "Sequans Monarch AT commands reference",
    "$MYCCID": "Neoway manuals",
    "+ZGETICCID": "ZTE, Gosuncn manuals",
}


def iccid(line: InformationLine) -> Explanation | None:
    """Explain the form of an ICCID, without validating it."""
    number = line.text(0)
    if len(number) < 10 or not number.isalnum():
        return None
    text = f"ICCID {number}"
    found: dict[str, object] = {"iccid": number}
    if number.startswith("98"):
        text += ", digits swapped in pairs as stored on the SIM"
    elif number[-1] in "Ff":
        text += f", with {number[-1]} as filler of a 19-digit number"
    if other := line.text(1):
        found["eid"] = other
        text += f", EID {other}"
    return Explanation("SIM", text, ICCID_SOURCES[line.name], found)


def quectel_euicc(line: InformationLine) -> Explanation | None:
    """Explain ``+QESIM: "eid",<eid>``, with or without a result code between."""
    if line.text(0).lower() != "eid":
        return None
    eid = line.text(len(line.fields) - 1)
    if len(eid) < 10:
        return None
    source = "Quectel eSIM application note, +QESIM"
    return Explanation("eUICC", f"EID {eid}", source, {"eid": eid})


_QPINC: dict[str, str] = {"SC": "PIN", "P2": "PIN2"}


def attempts(line: InformationLine) -> Explanation | None:
    """Explain ``+CPINR: <code>,<left>[,<of>]`` (clause 8.65): attempts left for a code."""
    code, left, of = line.text(0), line.integer(1), line.integer(2)
    if not code or left is None:
        return None
    tail = f" of {of}" if of is not None else ""
    found: dict[str, object] = {"code": code, "attempts_left": left}
    advice = "" if left > 1 else "Do not guess: the next wrong code blocks it."
    text = f"{code}: {left}{tail} attempts left"
    return Explanation("SIM", text, f"{TS_27007} clause 8.65", found, advice)


def quectel_attempts(line: InformationLine) -> Explanation | None:
    """Explain ``+QPINC: <facility>,<PIN attempts>,<PUK attempts>``."""
    code, pin, puk = line.text(0).upper(), line.integer(1), line.integer(2)
    if code not in _QPINC or pin is None or puk is None:
        return None
    name = _QPINC[code]
    text = f"{name}: {pin} attempts left, PUK: {puk}"
    found: dict[str, object] = {"code": name, "attempts_left": pin, "puk_attempts_left": puk}
    return Explanation("SIM", text, f"{QUECTEL}, +QPINC", found)


def own_number(line: InformationLine) -> Explanation | None:
    """Explain ``+CNUM: [<name>],<number>,<type>`` (clause 7.1)."""
    number = line.text(1)
    if not number:
        return None
    found: dict[str, object] = {"number": number}
    if name := line.text(0):
        found["name"] = name
    kind = line.integer(2)
    if kind in (145, 161, 129):
        found["international"] = kind == 145
    return Explanation("own number", f"own number {number}", f"{TS_27007} clause 7.1", found)


DECODERS: Mapping[str, Decoder] = {
    **dict.fromkeys(ICCID_SOURCES, iccid),
    "+CRSM": restricted_access,
    "+CSIM": generic_access,
    "+CGLA": generic_access,
    "+QESIM": quectel_euicc,
    "+CPINR": attempts,
    "+QPINC": quectel_attempts,
    "+CNUM": own_number,
}
