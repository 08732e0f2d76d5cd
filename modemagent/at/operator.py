"""Parsers of ``+COPS`` lines: the network in use, and the networks in range.

3GPP TS 27.007 clause 7.3.
"""

from typing import NamedTuple

from modemagent.at.alphabets import plain_name
from modemagent.at.fields import InformationLine, parse_integer, split_fields

PREFIX = "+COPS"
_HIGHEST_STATUS = 3
_HIGHEST_TECHNOLOGY = 16


class Operator(NamedTuple):
    """The network that a modem uses, as its response to ``AT+COPS?`` shows it.

    :param mode: automatic or manual selection, or deregistered
    :param name: name or number, decoded; None if no network is selected
    :param mcc: country code if the name is a PLMN number
    :param mnc: network code if the name is a PLMN number
    :param technology: <AcT>
    """

    mode: int
    name: str | None = None
    mcc: str | None = None
    mnc: str | None = None
    technology: int | None = None


class AvailableNetwork(NamedTuple):
    """One network of the response to ``AT+COPS=?``.

    :param status: 0 unknown, 1 available, 2 current, 3 forbidden
    :param name: long name, else the short one
    :param plmn: PLMN number
    """

    status: int
    name: str
    plmn: str
    technology: int | None = None


def parse_operator(line: InformationLine) -> Operator | None:
    """Return the operator in a line, None if the line is not a response to ``AT+COPS?``.

    >>> from modemagent.at.fields import parse_information
    >>> parse_operator(parse_information('+COPS: 0,2,"26201",7'))
    Operator(mode=0, name='26201', mcc='262', mnc='01', technology=7)
    """
    mode = line.integer(0)
    if line.name != PREFIX or mode is None or mode < 0:
        return None
    if len(line.fields) < 3:
        return Operator(mode)
    name = plain_name(line.text(2)).strip()
    mcc, mnc = split_plmn(name) or (None, None)
    return Operator(mode, name or None, mcc, mnc, line.integer(3))


def split_plmn(digits: str) -> tuple[str, str] | None:
    """Return country and network code of a PLMN number, or None.

    Firmware without a name for a network sends both codes with a space or hyphen between.

    >>> split_plmn("26201"), split_plmn("310 410"), split_plmn("Vodafone")
    (('262', '01'), ('310', '410'), None)
    """
    if digits[3:4] in (" ", "-"):
        digits = digits[:3] + digits[4:]
    if len(digits) not in (5, 6) or not (digits.isascii() and digits.isdecimal()):
        return None
    return digits[:3], digits[3:]


def parse_networks(line: InformationLine) -> list[AvailableNetwork]:
    """Return the networks in ``(status,long,short,numeric[,AcT]),...``, without the ranges.

    Some firmware closes a bracket too early: ``(2,"T - Mobile","T - Mobile","310260"),2)``.
    """
    networks: list[AvailableNetwork] = []
    for field in line.fields:
        if not field.startswith("("):
            technology = _technology(field.rstrip(")"))
            if technology is not None and networks and networks[-1].technology is None:
                networks[-1] = networks[-1]._replace(technology=technology)
            continue
        parts = [plain_name(part) for part in split_fields(field.strip("()"))]
        status = parse_integer(parts[0]) if parts else None
        if status is None or not 0 <= status <= _HIGHEST_STATUS or len(parts) < 4:
            continue
        plmn = parts[3]
        # seven digits: 3104100 from an Option Quicksilver
        if not (plmn.isascii() and plmn.isdecimal() and 5 <= len(plmn) <= 7):
            continue
        technology = _technology(parts[4]) if len(parts) > 4 else None
        networks.append(AvailableNetwork(status, parts[1] or parts[2], plmn, technology))
    return networks


def _technology(text: str) -> int | None:
    number = parse_integer(text)
    return number if number is not None and 0 <= number <= _HIGHEST_TECHNOLOGY else None
