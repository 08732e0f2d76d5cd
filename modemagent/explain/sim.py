"""Explanations of SIM responses: status words, own number.

Status words: ETSI TS 102 221 clause 10.2.1 (tables 10.8 to 10.16), the same numbers as ISO 7816-4.
``+CRSM`` sends them as two decimal numbers (3GPP TS 27.007 clause 8.18).
"""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.at.alphabets import plain_name, plain_number
from modemagent.at.fields import InformationLine, is_hex
from modemagent.explain.explanation import TS_27007, Decoder, Explanation
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


def open_channel(line: InformationLine) -> Explanation | None:
    """Explain ``+CCHO: <session>``; some modems send the number without the prefix."""
    session = line.text(0)
    if not is_hex(session):
        return None
    text = f"logical channel {session} to the eUICC is open"
    return Explanation("eUICC", text, f"{TS_27007} clause 8.45", {"session": session})


def own_number(line: InformationLine) -> Explanation | None:
    """Explain ``+CNUM: [<name>],<number>,<type>`` (clause 7.1)."""
    number = plain_number(line.text(1))
    if not number:
        return None
    found: dict[str, object] = {"number": number}
    if name := plain_name(line.text(0)):
        found["name"] = name
    kind = line.integer(2)
    if kind in (145, 161, 129):
        found["international"] = kind == 145
    return Explanation("own number", f"own number {number}", f"{TS_27007} clause 7.1", found)


DECODERS: Mapping[str, Decoder] = {
    "+CRSM": restricted_access,
    "+CSIM": generic_access,
    "+CGLA": generic_access,
    "+CCHO": open_channel,
    "+CNUM": own_number,
}
