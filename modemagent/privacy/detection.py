"""Detection of personal numbers in a response: by label, by command and by shape.

Used by :mod:`modemagent.privacy.pseudonyms`. A false detection is better than a missed one: a
number that is replaced without need does no harm, a missed one is published.

>>> detect("AT+CGSN", "\\r\\n867698040000013\\r\\n\\r\\nOK\\r\\n")
[DetectedNumber(kind='imei', value='867698040000013')]
>>> detect("AT+CRSM=176,28423,0,0,9", '+CRSM: 144,0,"082926100000000010"')
[DetectedNumber(kind='imsi', value='262010000000001')]
"""

import re
from typing import NamedTuple

from modemagent.identity.checkdigits import luhn_fits
from modemagent.identity.cleaning import swap_nibbles


class DetectedNumber(NamedTuple):
    """One number.

    :param kind: ``imei`` (14 or 15 digits, also of an IMEISV), ``meid``, ``esn``, ``iccid``,
        ``imsi``, ``eid``, ``serial_number``, ``phone_number``, or ``number`` for a long number of
        unknown kind
    :param value: in reading order and upper case, without separators and filler
    """

    kind: str
    value: str


#: Numbers that follow a label, in any response.
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
#: Numbers in the response to a command, if they have the form on the right.
_BY_COMMAND: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (command, kind, re.compile(rf"(?<![\w+]){pattern}(?!\w)", re.IGNORECASE))
    for command, kind, pattern in (
        (r"CIMI", "imsi", r"(\d{6,15})"),
        (r"CRSM=176,28423\b", "ef_imsi", r"([0-9A-F]{18})"),
        (r"CRSM=176,12258\b", "swapped_iccid", r"([0-9A-F]{20})"),
        (r"C?GSN", "esn", r"(?:0x)?((?=\d*[A-F])[0-9A-F]{8})"),
        (r"C?GSN", "meid", r"(?:0x)?((?=\d*[A-F])[0-9A-F]{14})"),
        (r"C?GSN", "imei", r"(\d{14,17})"),
        # a serial number of the maker instead of the IMEI or beside it
        (r"C?GSN", "serial_number", r"((?!0x|\d{14,17}\b)(?=\w*\d)[0-9A-Z]{8,32})"),
        (r"\w*CCID|SCID", "iccid", r"([0-9A-F]{17,20})"),
    )
)
#: Numbers that are detected by their shape alone.
_EID = re.compile(r"(?<![0-9A-F])\d{32}(?![0-9A-F])|(?<=5A10)\d{32}", re.IGNORECASE)
_ON_SIM = re.compile(r"(?<=5A0A)98[0-9A-F]{18}", re.IGNORECASE)
_RUN = re.compile(r"(?<![0-9A-Za-z.])[0-9][0-9A-Fa-f]{9,39}(?![0-9A-Za-z])")
_GROUPED = re.compile(r"(?<![\w.])\d{2,6}(?:[ -]\d{1,6}){2,9}(?![\w:])")
#: Responses without other numbers: revisions contain long digits too (0000000001 of a build), and
#: for files on the SIM there are rows above.
_REVISIONS = re.compile(r"C?GMR|GTPKGVER|MYGMR|CRSM|CGLA")
_PERSONAL = 10  # digits from which a number of unknown kind is treated as personal


def detect(command: str, answer: str) -> list[DetectedNumber]:
    """Return the numbers in one response, in their order, each once.

    :param command: the command line, "" for a URC
    :param answer: the text of the response, echo included
    """
    found: list[DetectedNumber] = []
    sent = command.upper().removeprefix("AT").lstrip("+^%#*!$_&@~")
    for line in re.split(r"[\r\n]+", answer):
        if line.strip().upper() == command.strip().upper():
            continue
        for kind, pattern in _LABELS:
            for match in pattern.finditer(line):
                _add(found, kind, match[1])
        for name, kind, pattern in _BY_COMMAND:
            if re.match(name, sent) or f";+{name}" in sent:
                for match in pattern.finditer(line):
                    _add(found, kind, match[1])
        for pattern in (_EID, _ON_SIM, _RUN, _GROUPED):
            for match in pattern.finditer(line):
                _add_by_shape(found, match[0], any_number=not _is_revision(sent, line))
    return found


def _bare(shown: str) -> str:
    return re.sub(r"[-/. ]", "", shown).upper()


def _add(found: list[DetectedNumber], kind: str, shown: str) -> None:
    value = _bare(shown)
    match kind:
        case "imei":
            # an IMEISV is the 14 digits of the IMEI and two digits of its own
            value = value if len(value) == 15 else value[:14]
        case "ef_imsi":
            kind, value = "imsi", swap_nibbles(value[2:])[1:].rstrip("F")
            if not value.isdigit():
                return
        case "swapped_iccid":
            kind, value = "iccid", swap_nibbles(value).rstrip("F")
        case "iccid":
            swapped = len(value) == 20 and value.startswith("98")
            value = (swap_nibbles(value) if swapped else value).rstrip("F")
        case "meid":
            value = value[2:] if len(value) == 16 else value
            if len(value) == 18:
                value = f"{int(value[:10]):08X}{int(value[10:]):06X}"
            value = value[:14]
        case "esn" if len(value) == 11:
            value = f"{int(value[:3]):02X}{int(value[3:]):06X}"
        case "serial_number":
            value = shown
    if value and all(value != number.value for number in found):
        found.append(DetectedNumber(kind, value))


def _is_revision(sent: str, line: str) -> bool:
    return bool(_REVISIONS.match(sent)) or line.lstrip().upper().startswith("REVISION")


def _add_by_shape(found: list[DetectedNumber], shown: str, *, any_number: bool) -> None:
    value = _bare(shown)
    half = len(value) // 2
    if len(value) in (36, 38, 40) and value[:half] == value[half:]:
        value = value[:half]  # one manual has the ICCID twice in one string
    if len(value) == 32 and value.isdigit():
        _add(found, "eid", value)
    elif re.fullmatch(r"89[0-9A-F]{16,18}|98[0-9A-F]{18}", value):
        _add(found, "iccid", value)
    elif not value.isdigit() or any(_extends(value, number.value) for number in found):
        return
    elif (len(value) == 15 and luhn_fits(value)) or len(value) == 16:
        _add(found, "imei", value)
    elif len(value) >= _PERSONAL and any_number:
        _add(found, "number", value)


def _extends(shown: str, known: str) -> bool:
    """Return True if a number is a detected one with at most two digits appended."""
    return shown.startswith(known) and len(shown) - len(known) <= 2
