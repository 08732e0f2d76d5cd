"""Where personal numbers stand in what a module answers: found by label, by question, by shape.

The finding side of :mod:`modemagent.privacy.pseudonyms`. Wrongly found is better than missed:
a number that is replaced without need costs nothing, one that is missed has been published.

>>> detect("AT+CGSN", "\\r\\n867698040000013\\r\\n\\r\\nOK\\r\\n")
[Sighting(kind='imei', value='867698040000013')]
>>> detect("AT+CRSM=176,28423,0,0,9", '+CRSM: 144,0,"082926100000000010"')
[Sighting(kind='imsi', value='262010000000001')]
"""

from __future__ import annotations

import re
from typing import NamedTuple

from modemagent.identity.checkdigits import luhn_fits
from modemagent.identity.cleaning import swap_nibbles


class DetectedNumber(NamedTuple):
    """One number.

    :param kind: ``imei`` (14 digits or 15, also of an IMEISV), ``meid``, ``esn``, ``iccid``,
        ``imsi``, ``eid``, ``serial_number``, ``phone_number``, or ``number`` for a long one that
        nothing else is known of
    :param value: upright, in upper case, without separators and filler
    """

    kind: str
    value: str


#: Labels that say what stands behind them, wherever they come up.
_LABELS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("esn", r"\bESN\b[^0-9A-F]{0,4}(?:0x)?([0-9A-F]{8}|\d{11})\b"),
        ("meid", r"\bMEID\b\W{0,4}(?:0x)?((?:00)?[0-9A-F]{14,15}|\d{18})\b"),
        ("imei", r"\bIMEI\b(?! ?SV)\W{0,4}(\d(?:[-/. ]?\d){13,16})(?!\d)"),
        ("imsi", r"\bIMSI\b\W{0,4}(\d{6,15})\b"),
        ("iccid", r"\b\w{0,4}CCID\b\W{0,4}((?:[0-9A-F][ -]?){17,20})\b"),
        (
            "serial_number",
            r"(?:\b[FP]SN|\bS/?N|\bserial(?: ?(?:number|no\.?))?)"
            r"\s*[:=]\s*([0-9A-Z][0-9A-Z-]{5,31})\b",
        ),
        ("phone_number", r"\+CNUM ?:[^,]*,\"?\+?(\d{7,20})"),
        # callers, senders, forwarding: any international number in quotes
        ("phone_number", r"\"\+(\d{7,18})\""),
    )
)
#: What the answer to a question is, when it has the form on the right.
_ASKED: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (asked, kind, re.compile(rf"(?<![\w+]){pattern}(?!\w)", re.IGNORECASE))
    for asked, kind, pattern in (
        (r"CIMI", "imsi", r"(\d{6,15})"),
        (r"CRSM=176,28423\b", "ef_imsi", r"([0-9A-F]{18})"),
        (r"CRSM=176,12258\b", "swapped_iccid", r"([0-9A-F]{20})"),
        (r"C?GSN", "esn", r"(?:0x)?((?=\d*[A-F])[0-9A-F]{8})"),
        (r"C?GSN", "meid", r"(?:0x)?((?=\d*[A-F])[0-9A-F]{14})"),
        (r"C?GSN", "imei", r"(\d{14,17})"),
        # a maker's own number in place of the IMEI or beside it
        (r"C?GSN", "serial_number", r"((?!0x|\d{14,17}\b)(?=\w*\d)[0-9A-Z]{8,32})"),
        (r"\w*CCID|SCID", "iccid", r"([0-9A-F]{17,20})"),
    )
)
#: By their look alone.
_EID = re.compile(r"(?<![0-9A-F])\d{32}(?![0-9A-F])|(?<=5A10)\d{32}", re.IGNORECASE)
_ON_CARD = re.compile(r"(?<=5A0A)98[0-9A-F]{18}", re.IGNORECASE)
_RUN = re.compile(r"(?<![0-9A-Za-z.])[0-9][0-9A-Fa-f]{9,39}(?![0-9A-Za-z])")
_GROUPED = re.compile(r"(?<![\w.])\d{2,6}(?:[ -]\d{1,6}){2,9}(?![\w:])")
#: Revisions hold long digits too (0000000001 of a build), files of the card have rows above.
_NO_NUMBERS = re.compile(r"C?GMR|GTPKGVER|MYGMR|CRSM|CGLA")
_OTHERS = 10  # digits from which an unknown number is taken for somebody's


def detect(command: str, answer: str) -> list[DetectedNumber]:
    """Return the numbers in one answer, in the order they come up, each once.

    :param command: the line that was asked, "" for what came unasked
    :param answer: its text, echo and all
    """
    found: dict[DetectedNumber, None] = {}
    asked = command.upper().removeprefix("AT").lstrip("+^%#*!$_&@~")
    for line in re.split(r"[\r\n]+", answer):
        if line.strip().upper() == command.strip().upper():
            continue
        for kind, pattern in _LABELS:
            for match in pattern.finditer(line):
                _add(found, kind, match[1])
        for question, kind, pattern in _ASKED:
            if re.match(question, asked) or f";+{question}" in asked:
                for match in pattern.finditer(line):
                    _add(found, kind, match[1])
        for pattern in (_EID, _ON_CARD, _RUN, _GROUPED):
            for match in pattern.finditer(line):
                _by_look(found, match[0], any_number=not _is_revision(asked, line))
    return list(found)


def _bare(shown: str) -> str:
    return re.sub(r"[-/. ]", "", shown).upper()


def _add(found: dict[DetectedNumber, None], kind: str, shown: str) -> None:
    value = _bare(shown)
    match kind:
        case "imei":
            # an IMEISV is the IMEI's fourteen digits and two of its own
            value = value if len(value) == 15 else value[:14]
        case "ef_imsi":
            kind, value = "imsi", swap_nibbles(value[2:])[1:].rstrip("F")
            if not value.isdigit():
                return
        case "swapped_iccid":
            kind, value = "iccid", swap_nibbles(value).rstrip("F")
        case "iccid":
            upside_down = len(value) == 20 and value.startswith("98")
            value = (swap_nibbles(value) if upside_down else value).rstrip("F")
        case "meid":
            value = value[2:] if len(value) == 16 else value
            if len(value) == 18:
                value = f"{int(value[:10]):08X}{int(value[10:]):06X}"
            value = value[:14]
        case "esn" if len(value) == 11:
            value = f"{int(value[:3]):02X}{int(value[3:]):06X}"
        case "serial_number":
            value = shown
    if value and all(value != sighting.value for sighting in found):
        found.setdefault(DetectedNumber(kind, value))


def _is_revision(asked: str, line: str) -> bool:
    return bool(_NO_NUMBERS.match(asked)) or line.lstrip().upper().startswith("REVISION")


def _by_look(found: dict[DetectedNumber, None], shown: str, *, any_number: bool) -> None:
    value = _bare(shown)
    half = len(value) // 2
    if len(value) in (36, 38, 40) and value[:half] == value[half:]:
        value = value[:half]  # one manual prints the ICCID twice in one string
    if len(value) == 32 and value.isdigit():
        _add(found, "eid", value)
    elif re.fullmatch(r"89[0-9A-F]{16,18}|98[0-9A-F]{18}", value):
        _add(found, "iccid", value)
    elif not value.isdigit() or any(_same(value, sighting.value) for sighting in found):
        return
    elif (len(value) == 15 and luhn_fits(value)) or len(value) == 16:
        _add(found, "imei", value)
    elif len(value) >= _OTHERS and any_number:
        _add(found, "number", value)


def _same(shown: str, known: str) -> bool:
    """Tell whether a number has been found already, perhaps with digits of its own behind it."""
    return shown.startswith(known) and len(shown) - len(known) <= 2
