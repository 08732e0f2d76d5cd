"""Parsers of signal lines: numbers on the scales of the standard and the makers, in dBm and dB."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from modemagent.at.fields import InformationLine, parse_integer


class Scale(NamedTuple):
    """A scale whose number n stands for ``offset + step * n``, the lower end of an interval."""

    name: str
    offset: float
    step: float
    highest: int
    unknown: int


class Signal(NamedTuple):
    """The measured values of one line.

    :param values: name of the measure to dBm or dB; unknown ones are left out
    :param edges: name to ``" or less"`` or ``" or more"`` at the end of a scale
    :param technology: as sent, ``""`` if the line names none
    :param ber_class: class of the bit error rate, 0 to 7
    """

    values: Mapping[str, float]
    edges: Mapping[str, str] = MappingProxyType({})
    technology: str = ""
    ber_class: int | None = None


# TS 27.007 clause 8.69; 99 and 255 are "not known or not detectable"
CESQ: tuple[Scale, ...] = (
    Scale("rxlev", -111, 1, 63, 99),
    Scale("ber", 0, 1, 7, 99),
    Scale("rscp", -121, 1, 96, 255),
    Scale("ecno", -24.5, 0.5, 49, 255),
    Scale("rsrq", -20, 0.5, 34, 255),
    Scale("rsrp", -141, 1, 97, 255),
    Scale("ss_rsrq", -43.5, 0.5, 126, 255),
    Scale("ss_rsrp", -157, 1, 126, 255),
    Scale("ss_sinr", -23.5, 0.5, 127, 255),
)
_HUAWEI_RSSI = Scale("rssi", -121, 1, 96, 255)
# Huawei ME909s and MH5000 AT manuals, ^HCSQ: technology to the scales of the numbers after it
HCSQ: dict[str, tuple[Scale, ...]] = {
    "GSM": (_HUAWEI_RSSI,),
    "WCDMA": (_HUAWEI_RSSI, Scale("rscp", -121, 1, 96, 255), Scale("ecno", -32.5, 0.5, 65, 255)),
    "LTE": (
        _HUAWEI_RSSI,
        Scale("rsrp", -141, 1, 97, 255),
        Scale("sinr", -20.2, 0.2, 251, 255),
        Scale("rsrq", -20, 0.5, 34, 255),
    ),
    "NR": (
        Scale("ss_rsrp", -141, 1, 97, 255),
        Scale("ss_sinr", -20.2, 0.2, 251, 255),
        Scale("ss_rsrq", -20, 0.5, 34, 255),
    ),
}
# Quectel EC2x/EG9x/EG2x-G AT manual, +QCSQ: technology to the names of the values after it
QCSQ: dict[str, tuple[str, ...]] = {
    "GSM": ("rssi",),
    "WCDMA": ("rssi", "rscp", "ecno"),
    "TDSCDMA": ("rssi", "rscp", "ecno"),
    **dict.fromkeys(
        ("LTE", "CAT-M1", "CAT-NB1", "EMTC", "NBIOT"), ("rssi", "rsrp", "sinr", "rsrq")
    ),
    # RG50xQ/RM5xxQ AT manual: SINR in dB
    "NR5G": ("ss_rsrp", "ss_sinr", "ss_rsrq"),
}
NO_SERVICE = "NOSERVICE"
# +CSQ: number to its lowest, highest, dBm of the lowest and step. From 100: TD-SCDMA, in the
# manuals of SIMCom and Quectel.
_CSQ = ((0, 31, -113, 2), (100, 191, -116, 1))


def parse_csq(line: InformationLine) -> Signal | None:
    """Parse ``+CSQ`` and ``^RSSI``: RSSI in steps of 2 dB (TS 27.007 clause 8.5)."""
    number, errors = line.integer(0), line.integer(1)
    if number is None or number < 0:
        return None
    for lowest, highest, dbm, step in _CSQ:
        if lowest <= number <= highest:
            edge = {lowest: " or less", highest: " or more"}.get(number, "")
            value = dbm + step * (number - lowest)
            ber_class = errors if errors is not None and 0 <= errors <= 7 else None
            return Signal({"rssi": value}, {"rssi": edge}, ber_class=ber_class)
    return Signal({})


def parse_cesq(line: InformationLine) -> Signal | None:
    """Parse ``+CESQ``: one number for each measure of each technology."""
    numbers = [parse_integer(field) for field in line.fields]
    if None in numbers[:6]:
        return None
    signal = scaled(CESQ, numbers)
    values = {name: value for name, value in signal.values.items() if name != "ber"}
    return Signal(values, signal.edges, ber_class=numbers[1] if "ber" in signal.values else None)


def parse_nordic_cesq(line: InformationLine) -> Signal:
    """Parse ``%CESQ: <rsrp>,<threshold>,<rsrq>,<threshold>``, on the scales of ``+CESQ``."""
    return scaled((CESQ[5], CESQ[4]), (line.integer(0), line.integer(2)))


def parse_hcsq(line: InformationLine) -> Signal | None:
    """Parse ``^HCSQ``: the technology, then one number for each of its measures."""
    technology = line.text(0).upper()
    if technology == NO_SERVICE:
        return Signal({}, technology=technology)
    scales = HCSQ.get(technology)
    if scales is None:
        return None
    found = scaled(scales, [parse_integer(field) for field in line.fields[1:]])
    return found._replace(technology=technology)


def parse_qcsq(line: InformationLine) -> Signal | None:
    """Parse ``+QCSQ``: the technology, then dBm and dB; SINR in fifths of a dB from -20."""
    technology = line.text(0).upper()
    if technology == NO_SERVICE:
        return Signal({}, technology=technology)
    names = QCSQ.get(technology)
    if names is None:
        return None
    values: dict[str, float] = {}
    for name, field in zip(names, line.fields[1:], strict=False):
        number = parse_integer(field)
        if number is None:
            continue
        if name == "sinr":
            if 0 <= number <= 250:
                values[name] = number / 5 - 20
        elif -200 < number < 0 or (name == "ss_sinr" and number <= 45):
            values[name] = number
    return Signal(values, technology=line.text(0))


def scaled(scales: Sequence[Scale], numbers: Sequence[int | None]) -> Signal:
    """Return the values of numbers on their scales, without the unknown ones."""
    values: dict[str, float] = {}
    edges: dict[str, str] = {}
    for scale, number in zip(scales, numbers, strict=False):
        if number is None or number == scale.unknown or not 0 <= number <= scale.highest:
            continue
        # The lowest number is everything below the first step.
        values[scale.name] = scale.offset + scale.step * max(number, 1)
        if number in (0, scale.highest):
            edges[scale.name] = " or more" if number else " or less"
    return Signal(values, edges)
