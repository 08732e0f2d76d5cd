"""Explanations of SIM responses: status words, ICCID and EID, attempts left.

Status words: ETSI TS 102 221 clause 10.2.1 (tables 10.8 to 10.16), the same numbers as ISO 7816-4.
``+CRSM`` sends them as two decimal numbers (3GPP TS 27.007 clause 8.18).
"""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.at.fields import InformationLine, is_hex
from modemagent.explain.explanation import NORDIC, QUECTEL, TS_27007, Decoder, Explanation

TS_102221 = "ETSI TS 102 221 clause 10.2.1"

STATUS_WORDS: dict[int, str] = {
    0x9000: "done",
    0x9300: "SIM toolkit is busy",
    0x6200: "warning: no information, memory unchanged",
    0x6281: "warning: part of the returned data may be corrupted",
    0x6282: "warning: end of file or record reached before all bytes were read",
    0x6283: "warning: selected file is invalidated",
    0x6285: "warning: selected file is in termination state",
    0x62F1: "warning: more data available",
    0x62F2: "warning: more data available and proactive command pending",
    0x62F3: "warning: response data available",
    0x63F1: "warning: more data expected",
    0x63F2: "warning: more data expected and proactive command pending",
    0x6400: "execution error: no information, memory unchanged",
    0x6500: "execution error: no information, memory changed",
    0x6581: "execution error: memory problem",
    0x6700: "wrong length",
    0x6800: "function in the class byte not supported: no information",
    0x6881: "logical channel not supported",
    0x6882: "secure messaging not supported",
    0x6900: "command not allowed: no information",
    0x6981: "command incompatible with file structure",
    0x6982: "security status not satisfied",
    0x6983: "PIN or authentication method blocked",
    0x6984: "referenced data invalidated",
    0x6985: "conditions of use not satisfied",
    0x6986: "command not allowed: no elementary file selected",
    0x6989: "command not allowed: secure channel, security not satisfied",
    0x6A80: "incorrect parameters in the data field",
    0x6A81: "function not supported",
    0x6A82: "file not found",
    0x6A83: "record not found",
    0x6A84: "not enough memory space",
    0x6A86: "incorrect parameters P1 to P2",
    0x6A87: "Lc inconsistent with P1 to P2",
    0x6A88: "referenced data not found",
    0x6B00: "wrong parameters P1 to P2",
    0x6D00: "instruction code not supported or invalid",
    0x6E00: "class not supported",
    0x6F00: "technical problem, no precise diagnosis",
    0x9850: "INCREASE cannot be performed, maximum value reached",
    0x9862: "authentication error, incorrect MAC",
    # GSM SIM cards, TS 51.011 clause 9.4
    0x9240: "memory problem",
    0x9400: "no elementary file selected",
    0x9402: "out of range, invalid address",
    0x9404: "file or pattern not found",
    0x9408: "file is inconsistent with the command",
    0x9804: "access condition not fulfilled, or PIN wrong",
    0x9808: "in contradiction with PIN status",
    0x9840: "PIN or PUK blocked",
}

# SW1 to text, with the number in SW2
_FAMILIES: dict[int, str] = {
    0x91: "done; the SIM toolkit has {n} bytes to send",
    0x92: "done after {n} internal retries",
    0x61: "done; {n} bytes are waiting (GET RESPONSE)",
    0x6C: "wrong length: {n} is correct",
    0x9E: "done with error; {n} bytes are waiting",
    0x9F: "done; {n} bytes are waiting (GET RESPONSE)",
    0x67: "wrong length",
    0x6F: "technical problem, specific to the SIM",
}

_REMEDIES: dict[int, str] = {
    0x6982: "Enter the PIN of the SIM card first.",
    0x6983: "The PIN is blocked. Unblock it with the PUK.",
    0x6985: "When the EID is read this is normal for a SIM card that is not a consumer eUICC.",
    0x6A82: "This SIM card does not have the file.",
    0x9804: "Enter the PIN of the SIM card first.",
    0x9840: "If the PIN is blocked, unblock it with the PUK.",
}


def status_word(word: int) -> Explanation:
    """Explain a status word of two bytes.

    >>> status_word(0x6A82).text, status_word(0x9F0C).text
    ('file not found', 'done; 12 bytes are waiting (GET RESPONSE)')
    """
    first, second = word >> 8, word & 0xFF
    text = STATUS_WORDS.get(word)
    if text is None and first == 0x63 and second >> 4 == 0xC:
        # The clause defines two meanings: one for VERIFY and the like, one for UPDATE.
        tries = second & 15
        text = f"wrong PIN, {tries} attempts left; for a write: done after {tries} retries"
    elif text is None:
        text = _FAMILIES.get(first, "unknown to the standard").format(n=second)
    success = word == 0x9000 or first in (0x91, 0x61, 0x9F)
    found: dict[str, object] = {"sw": f"{word:04X}", "success": success}
    return Explanation("SIM status", text, TS_102221, found, _REMEDIES.get(word, ""))


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
    remedy = "" if left > 1 else "Do not guess: the next wrong code blocks it."
    text = f"{code}: {left}{tail} attempts left"
    return Explanation("SIM", text, f"{TS_27007} clause 8.65", found, remedy)


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
