"""Parsers of identity values: one information line in, one value out.

A parser never guesses. It returns a value that has the expected form, a value in the right place
that has not (kept as evidence), or nothing. Whether a value is accepted is decided for the whole
response, in :mod:`modemagent.modem.interpret`.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from modemagent.at.fields import (
    SIGILS,
    InformationLine,
    parse_hex_bytes,
    parse_information,
    split_fields,
)
from modemagent.at.pin_state import pin_state
from modemagent.dialects.slot_parsers import SLOT_PARSERS
from modemagent.dialects.table_types import Extracted, Parser
from modemagent.identity.checkdigits import luhn_fits

_GAPS = str.maketrans("", "", " -\t")


class Parsed(NamedTuple):
    """The value of one line.

    :param value: in the form that the identity rules accept; None if the line is about
        something else
    :param fits: the value has the expected form; otherwise it is only evidence
    :param labelled: the line has the prefix of this command, which proves that it is the response
        to it; the prefix of another command for the same value (``+QCCID`` after ``AT+CCID``)
        may be a late response and proves nothing
    """

    value: str | None
    fits: bool = False
    labelled: bool = False


UNRELATED = Parsed(None)


def parse_value(name: str, line: str, *, command: str, prefix: str = "") -> Parsed:
    """Return the value in one information line.

    :param name: of the parser
    :param command: the command that was sent
    :param prefix: expected prefix if it differs from the command's name

    >>> parse_value("imei", '+CGSN: "352656100000010"', command="AT+CGSN=1")
    Parsed(value='352656100000010', fits=True, labelled=True)
    >>> parse_value("imei", "+CSQ: 20,99", command="AT+CGSN")
    Parsed(value=None, fits=False, labelled=False)
    """
    parser = PARSERS[name]
    own = command_name(command)
    found = parse_information(line)
    label = found.name.lstrip(SIGILS)
    if label and parser.sigil_only and label == found.name:
        label, found = "", InformationLine("", line, split_fields(line))
    if not label and own:
        # "+GMR X200": the command's name without a colon (Alcatel X200)
        head, _, rest = line.partition(" ")
        if rest and head[:1] in SIGILS and head[1:].upper() == own:
            label, found = own, InformationLine(head, rest, split_fields(rest))
    labelled = False
    if label:
        labelled = label in (own, command_name(prefix))
        if not labelled and not re.fullmatch(parser.labels, label):
            return UNRELATED
        found = _without_second_label(found, parser, own)
    extracted = parser.extract(found)
    if extracted is None:
        return Parsed(None, labelled=labelled)
    return Parsed(*extracted, labelled)


def _without_second_label(line: InformationLine, parser: Parser, own: str) -> InformationLine:
    """Return the line without a label inside its body, as in ``+CGSN: +CGSN: ...``."""
    inner = parse_information(line.body)
    label = inner.name.lstrip(SIGILS)
    if not label or (parser.sigil_only and label == inner.name):
        return line
    return inner if label == own or re.fullmatch(parser.labels, label) else line


def command_name(command: str) -> str:
    """Return the bare name of a command or prefix.

    >>> command_name("AT^ICCID?"), command_name("+QCCID"), command_name("ATI")
    ('ICCID', 'QCCID', 'I')
    """
    text = command.upper().removeprefix("AT").lstrip(SIGILS)
    return text.partition("=")[0].partition("?")[0]


def plain(text: str) -> str:
    """Return what a modem calls itself without quotes and repeated spaces."""
    return " ".join(text.split()).strip('"').strip()


def crsm_data(line: InformationLine) -> bytes | None:
    """Return the data of a successful READ BINARY (TS 27.007 clause 8.18)."""
    status = (line.text(0), line.text(1))
    if status != ("144", "0") and status[0] not in ("145", "146", "159"):
        return None
    return parse_hex_bytes(line.text(2)) or None


def _number(text: str) -> str:
    """Remove spaces and hyphens, which some modems put into numbers."""
    return text.translate(_GAPS)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _imei(line: InformationLine) -> Extracted | None:
    offered = None
    for field in line.fields:
        # the software version may follow: "/SV", or its two digits
        number = _number(re.sub(r"/(SV|[0-9]{2})$", "", field.upper()))
        if not _digits(number):
            continue
        if len(number) == 15 and luhn_fits(number) and number.strip("0"):
            return number, True
        if offered is None and (14 <= len(number) <= 17 or not number.strip("0")):
            offered = number
    return (offered, False) if offered is not None else None


def _imeisv(line: InformationLine) -> Extracted | None:
    for number in map(_number, line.fields):
        if len(number) == 16 and _digits(number):
            return number, True
    return None


def _serial(line: InformationLine, index: int = 0) -> Extracted | None:
    value = line.text(index)
    return (value, True) if re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z-]{3,31}", value) else None


def _serial_second(line: InformationLine) -> Extracted | None:
    return _serial(line, 1)


def _iccid(line: InformationLine) -> Extracted | None:
    offered = None
    for field in line.fields:
        number = _number(field).upper()
        half = len(number) // 2
        if len(number) in (36, 38, 40) and number[:half] == number[half:]:
            number = number[:half]  # One manual prints the ICCID twice in one string.
        bare = number.rstrip("F")
        if re.fullmatch(r"89[0-9A-F]{16,18}", bare) or re.fullmatch(r"98[0-9A-F]{18}", number):
            return number, True
        if offered is None and re.fullmatch(r"[0-9A-F]{17,24}", number):
            offered = number
    return (offered, False) if offered is not None else None


def _imsi(line: InformationLine) -> Extracted | None:
    return _imsi_digits(_number(line.text(0)))


def _imsi_digits(number: str) -> Extracted | None:
    return (number, 6 <= len(number) <= 15) if _digits(number) else None


def _eid(line: InformationLine) -> Extracted | None:
    for field in line.fields:
        number = _number(field).upper()
        if len(number) == 32 and _digits(number):
            return number, True
        if re.fullmatch(r"(BF3E125A10|5A10)[0-9]{32}(9000)?", number):
            return number, True
    return None


def _sim_state(line: InformationLine) -> Extracted | None:
    code = pin_state(line)
    return (code, True) if code else None


#: Telit's SIM status: absent, inserted, PIN entered, read. AT+CPIN? has reported a missing PIN
#: before this command is sent, so every value settles the state.
_QSS = {"0": "NOT INSERTED", "1": "SIM BUSY", "2": "READY", "3": "READY"}
#: ``AT^SIND="simstatus",2``: 3 is PIN or PUK, and 1 (inserted) does not name the state.
_SIND = {"0": "NOT INSERTED", "2": "READY", "5": "READY"}


def _sim_state_qss(line: InformationLine) -> Extracted | None:
    code = _QSS.get(line.text(1))
    return (code, True) if code else None


def _sim_state_sind(line: InformationLine) -> Extracted | None:
    code = _SIND.get(line.text(2)) if line.text(0).lower() == "simstatus" else None
    return (code, True) if code else None


def _sim_state_csmins(line: InformationLine) -> Extracted | None:
    """Accept only "not inserted": an inserted SIM may be in any state."""
    return ("NOT INSERTED", True) if line.text(1) == "0" else None


#: Words that some modules send before the value, as in ``Revision:1529B05SIM7000G``.
_HEADING = (
    r"(?i)(manufacturer|vendor|model( name| id)?"
    r"|((firmware|software|sw|fw) )?(revision|version)|firmware)\s*[:=]\s*"
)


def _text(line: InformationLine) -> Extracted | None:
    """Return a name; of a quoted list the most specific one.

    A comma outside quotes belongs to the name, as in ``Sierra Wireless, Incorporated``.
    """
    if line.body.startswith('"'):
        return _name(_most_specific(line.fields))
    return _name(line.body)


def _model(line: InformationLine) -> Extracted | None:
    return _name(_most_specific(line.fields))


def _name(text: str) -> Extracted | None:
    value = plain(text)
    if heading := re.match(_HEADING, value):
        value = value[heading.end() :]
    number = _number(value)
    # A maker, model or revision is never an IMEI, IMSI, ICCID or EID.
    is_identifier = len(number) >= 14 and _digits(number)
    return (value, True) if value and not is_identifier else None


def _most_specific(texts: tuple[str, ...]) -> str:
    """Return the name of several that tells most: the longest that begins as the first one.

    A description that contains the name of a model tells less than that name.

    >>> _most_specific(("FM150-AE", "FM150")), _most_specific(("FM150", "FM150-AE"))
    ('FM150-AE', 'FM150-AE')
    >>> _most_specific(("L850 LTE Module", "L850")), _most_specific(("Fibocom Inc.", "Fibocom"))
    ('L850', 'Fibocom Inc.')
    """
    first, *others = list(filter(None, map(plain, texts))) or [""]
    for text in others:
        if " " in first and text in first and not text.isalpha():
            return text
    longer = [text for text in others if text.lower().startswith(first.lower())]
    return max(longer, key=len, default=first)


def _crsm_iccid(line: InformationLine) -> Extracted | None:
    data = crsm_data(line)
    if data is None or len(data) != 10:
        return None
    return _iccid(line._replace(fields=(data.hex().upper(),)))


def _crsm_imsi(line: InformationLine) -> Extracted | None:
    data = crsm_data(line)
    if data is None or len(data) != 9 or not 1 <= data[0] <= 8:
        return None
    swapped = "".join(f"{byte & 15:X}{byte >> 4:X}" for byte in data[1 : 1 + data[0]])
    return _imsi_digits(swapped[1:].rstrip("F"))  # first nibble: parity (TS 31.102 4.2.2)


def _crsm_ad(line: InformationLine) -> Extracted | None:
    data = crsm_data(line)
    if data is None or len(data) < 4 or data[3] & 15 not in (2, 3):
        return None
    return str(data[3] & 15), True


_TEXT_LABELS = "C?GM[IMR]|GTPKGVER|MYGMR"
PARSERS: Mapping[str, Parser] = {
    "imei": Parser("C?GSN|IMEI", _imei),
    "imeisv": Parser("[CK]?GSN|IMEI ?SV", _imeisv),
    "serial": Parser("[CK]?GSN|C?FSN|S/?N", _serial),
    "serial_second": Parser("C?GSN", _serial_second),
    # "+SCID: SIM Card ID: 8988...": modules with RDA chips
    "iccid": Parser(r"\w*C?CID|SIM CARD ID", _iccid),
    "imsi": Parser("CIMI|IMSI", _imsi),
    "eid": Parser(r"QESIM|EID|\w*C?CID", _eid),
    "sim_state": Parser("CPIN", _sim_state),
    "sim_state_qss": Parser("QSS", _sim_state_qss),
    "sim_state_sind": Parser("SIND", _sim_state_sind),
    "sim_state_csmins": Parser("CSMINS", _sim_state_csmins),
    "text": Parser(_TEXT_LABELS, _text, sigil_only=True),
    "model": Parser(_TEXT_LABELS, _model, sigil_only=True),
    "revision": Parser(_TEXT_LABELS, _text, sigil_only=True),
    "crsm_iccid": Parser("CRSM", _crsm_iccid),
    "crsm_imsi": Parser("CRSM", _crsm_imsi),
    "crsm_ad": Parser("CRSM", _crsm_ad),
    **SLOT_PARSERS,
}
