"""What a wanted value looks like: readers that take it out of one information line, or refuse.

A shape never guesses. It is given one line and says what it found there: a value that fits, a
value that is offered but does not fit (kept as evidence), or that the line is about something
else. Whether a value may be believed is decided where the whole answer is known
(:mod:`modemagent.modem.interpret`).

Some lines above 300: a table of readers, each of a few lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from modemagent.identity.checkdigits import luhn_fits

_LABEL = re.compile(r"([+^%#*!$_&@~]?)([A-Za-z][A-Za-z0-9_/ ]{0,30}?)\s*[:=]+\s*(.*)", re.DOTALL)
_SPACES = re.compile(r"\s+")
_FIELD_GAPS = str.maketrans("", "", " -\t")


class Parsed(NamedTuple):
    """What one line holds for one want.

    :param value: the value in the form identity rules read, or None: the line is foreign
    :param fits: it has the shape that was asked for; otherwise it is only evidence
    :param labelled: the line carried the label of this very question, so it says what it
        answers; the label of another question for the same thing (``+QCCID`` after ``AT+CCID``)
        may be its late answer and proves nothing
    """

    value: str | None
    fits: bool = False
    labelled: bool = False


UNRELATED = Parsed(None)


class Parser(NamedTuple):
    """One kind of value.

    :param labels: pattern of the label names (without the leading sign) it may stand behind
    :param extract: body of the line -> (value, fits) or None
    :param signed_only: a word and a colon without a leading sign belong to the text itself
    """

    labels: str
    extract: Callable[[str], tuple[str, bool] | None]
    signed_only: bool = False


def fields(body: str) -> list[str]:
    """Split at commas outside quotes and take the quotes off.

    >>> fields('"EG25, GLOBAL",1, "x"')
    ['EG25, GLOBAL', '1', 'x']
    """
    out, field, quoted = [], "", False
    for character in body:
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            out.append(field.strip())
            field = ""
        else:
            field += character
    out.append(field.strip())
    return out


def split_label(line: str, *, signed_only: bool = False) -> tuple[str, str]:
    """Return the label without its sign (or "") and the body.

    >>> split_label('+CCID : "8988"'), split_label("867698040000013")
    (('CCID', '"8988"'), ('', '867698040000013'))
    """
    match = _LABEL.match(line)
    if match is None or (signed_only and not match[1]):
        return "", line
    return match[2], match[3]


def _number(text: str) -> str:
    """Take blanks and hyphens out, as people and some phones write numbers."""
    return text.translate(_FIELD_GAPS)


def _imei(body: str) -> tuple[str, bool] | None:
    offered = None
    for field in fields(body):
        number = _number(field.upper().removesuffix("/SV"))
        if not (number.isascii() and number.isdigit()):
            continue
        if len(number) == 15 and luhn_fits(number) and number.strip("0"):
            return number, True
        if offered is None and (14 <= len(number) <= 17 or not number.strip("0")):
            offered = number
    return (offered, False) if offered is not None else None


def _imeisv(body: str) -> tuple[str, bool] | None:
    for field in fields(body):
        number = _number(field)
        if len(number) == 16 and number.isascii() and number.isdigit():
            return number, True
    return None


def _serial(body: str) -> tuple[str, bool] | None:
    value = fields(body)[0]
    return (value, True) if re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z-]{3,31}", value) else None


def _serial_second(body: str) -> tuple[str, bool] | None:
    parts = fields(body)
    return _serial(parts[1]) if len(parts) > 1 else None


def _iccid(body: str) -> tuple[str, bool] | None:
    offered = None
    for field in fields(body):
        number = _number(field).upper()
        half = len(number) // 2
        if len(number) in (36, 38, 40) and number[:half] == number[half:]:
            number = number[:half]  # one manual prints it twice in one string
        bare = number.rstrip("F")
        if re.fullmatch(r"89[0-9A-F]{16,18}", bare) or re.fullmatch(r"98[0-9A-F]{18}", number):
            return number, True
        if offered is None and re.fullmatch(r"[0-9A-F]{17,24}", number):
            offered = number
    return (offered, False) if offered is not None else None


def _imsi(body: str) -> tuple[str, bool] | None:
    number = _number(fields(body)[0])
    if number.isascii() and number.isdigit():
        return number, 6 <= len(number) <= 15
    return None


def _eid(body: str) -> tuple[str, bool] | None:
    for field in fields(body):
        number = _number(field).upper()
        if len(number) == 32 and number.isascii() and number.isdigit():
            return number, True
        if re.fullmatch(r"(BF3E125A10|5A10)[0-9]{32}(9000)?", number):
            return number, True
    return None


def _sim_state(body: str) -> tuple[str, bool] | None:
    word = _SPACES.sub(" ", fields(body)[0]).upper().strip()
    return (word, True) if word else None


#: Telit's status: no card; card in; PIN done; card read. Every value settles the state, since
#: AT+CPIN? has told a missing PIN before this is asked.
_QSS = {"0": "NOT INSERTED", "1": "SIM BUSY", "2": "READY", "3": "READY"}


def _sim_state_qss(body: str) -> tuple[str, bool] | None:
    parts = fields(body)
    word = _QSS.get(parts[1]) if len(parts) > 1 else None
    return (word, True) if word else None


#: ``AT^SIND="simstatus",2``: 3 is PIN or PUK, and 1 (inserted) says nothing of its state
_SIND = {"0": "NOT INSERTED", "2": "READY", "5": "READY"}


def _sim_state_sind(body: str) -> tuple[str, bool] | None:
    parts = fields(body)
    word = _SIND.get(parts[2]) if len(parts) > 2 and parts[0].lower() == "simstatus" else None
    return (word, True) if word else None


def _sim_state_csmins(body: str) -> tuple[str, bool] | None:
    """Take only "no card": that there is one says nothing of its state."""
    parts = fields(body)
    return ("NOT INSERTED", True) if len(parts) > 1 and parts[1] == "0" else None


def plain(text: str) -> str:
    """Take the quotes off what a modem calls itself and leave single blanks."""
    return _SPACES.sub(" ", text).strip().strip('"').strip()


def _is_identifier(text: str) -> bool:
    """A maker, a model or a revision is no IMEI, IMSI, ICCID or EID."""
    number = _number(text)
    return len(number) >= 14 and number.isascii() and number.isdigit()


def _text(body: str) -> tuple[str, bool] | None:
    value = plain(body)
    return (value, True) if value and not _is_identifier(value) else None


def _model(body: str) -> tuple[str, bool] | None:
    """Take the short name where a description goes before it (Fibocom L850)."""
    parts = fields(body)
    if len(parts) == 2 and parts[1] and parts[1].lower() in parts[0].lower():
        return _text(parts[1])
    return _text(body)


def crsm_data(body: str) -> bytes | None:
    """Return the data of a successful READ BINARY (TS 27.007 clause 8.18)."""
    parts = fields(body)
    if len(parts) < 3 or not parts[2]:
        return None
    if not (parts[0] == "144" and parts[1] == "0") and parts[0] not in ("145", "146", "159"):
        return None
    try:
        return bytes.fromhex(parts[2])
    except ValueError:
        return None


def _crsm_iccid(body: str) -> tuple[str, bool] | None:
    data = crsm_data(body)
    return _iccid(data.hex().upper()) if data is not None and len(data) == 10 else None


def _crsm_imsi(body: str) -> tuple[str, bool] | None:
    data = crsm_data(body)
    if data is None or len(data) != 9 or not 1 <= data[0] <= 8:
        return None
    swapped = "".join(f"{byte & 15:X}{byte >> 4:X}" for byte in data[1 : 1 + data[0]])
    digits = swapped[1:].rstrip("F")  # the first nibble is the parity (TS 31.102 4.2.2)
    return _imsi(digits)


def _crsm_ad(body: str) -> tuple[str, bool] | None:
    data = crsm_data(body)
    if data is None or len(data) < 4 or data[3] & 15 not in (2, 3):
        return None
    return str(data[3] & 15), True


_TEXT_LABELS = "C?GM[IMR]|GTPKGVER|MYGMR"
SHAPES: Mapping[str, Parser] = {
    "imei": Parser("C?GSN|IMEI", _imei),
    "imeisv": Parser("[CK]?GSN|IMEI ?SV", _imeisv),
    "serial": Parser("[CK]?GSN|C?FSN|S/?N", _serial),
    "serial_second": Parser("C?GSN", _serial_second),
    "iccid": Parser(r"\w*C?CID", _iccid),
    "imsi": Parser("CIMI|IMSI", _imsi),
    "eid": Parser(r"QESIM|EID|\w*C?CID", _eid),
    "sim_state": Parser("CPIN", _sim_state),
    "sim_state_qss": Parser("QSS", _sim_state_qss),
    "sim_state_sind": Parser("SIND", _sim_state_sind),
    "sim_state_csmins": Parser("CSMINS", _sim_state_csmins),
    "text": Parser(_TEXT_LABELS, _text, signed_only=True),
    "model": Parser(_TEXT_LABELS, _model, signed_only=True),
    "revision": Parser(_TEXT_LABELS, _text, signed_only=True),
    "crsm_iccid": Parser("CRSM", _crsm_iccid),
    "crsm_imsi": Parser("CRSM", _crsm_imsi),
    "crsm_ad": Parser("CRSM", _crsm_ad),
}


def shape_named(name: str) -> Parser:
    """Return a shape; those of the slots are imported for the modems that have some."""
    if name in SHAPES:
        return SHAPES[name]
    from modemagent.dialects.slot_parsers import SLOT_SHAPES

    return SLOT_SHAPES[name]


def parse_line(shape_name: str, line: str, *, command: str, prefix: str = "") -> Parsed:
    """Say what one information line holds.

    >>> parse_line("imei", '+CGSN: "352656100000010"', command="AT+CGSN=1")
    Parsed(value='352656100000010', fits=True, labelled=True)
    >>> parse_line("imei", "+CSQ: 20,99", command="AT+CGSN")
    Parsed(value=None, fits=False, labelled=False)
    """
    shape = shape_named(shape_name)
    own = command_name(command)
    label, body = split_label(line, signed_only=shape.signed_only)
    if not label and own:
        # "+GMR X200": the command's name without a colon (Alcatel X200)
        head, _, rest = line.partition(" ")
        if rest and head[:1] in "+#^%$!*" and head[1:].upper() == own:
            label, body = own, rest
    answers = False
    if label:
        name = label.upper()
        answers = name in (own, command_name(prefix))
        if not answers and not re.fullmatch(shape.labels, name, re.IGNORECASE):
            return UNRELATED
    found = shape.extract(body)
    if found is None:
        return Parsed(None, labelled=answers)
    return Parsed(found[0], found[1], answers)


def command_name(command: str) -> str:
    """Return the bare name of a command or prefix: ``CGSN`` of ``AT+CGSN=1``.

    >>> command_name("AT^ICCID?"), command_name("+QCCID"), command_name("ATI")
    ('ICCID', 'QCCID', 'I')
    """
    text = command.upper().removeprefix("AT").lstrip("+^%#*!$_&@~")
    return text.partition("=")[0].partition("?")[0]
