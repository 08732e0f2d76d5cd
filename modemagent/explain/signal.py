"""Signal answers: numbers into dBm and dB, and into a word.

The words follow the thresholds that Android draws its bars with (AOSP ``SignalStrengthTest`` and
``CellSignalStrengthGsm``, ``...Wcdma``, ``...Lte``, ``...Nr``; defaults of
``CarrierConfigManager``): its GREAT and GOOD are good here, MODERATE is fair, POOR is weak, and
below that the signal is unusable. Strength comes first (RSRP on LTE and 5G); where noise is worse
than strength, the text says so. RSSI is the weakest witness: on LTE it counts interference too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from modemagent.at.fields import parse_integer
from modemagent.explain.decoder import TS_27007, Decoder, Line, Said

# name: label, unit, lowest value that is good, fair, weak; in the order of the text
MEASURES: dict[str, tuple[str, str, tuple[float, float, float] | None]] = {
    "ss_rsrp": ("SS-RSRP", "dBm", (-105, -115, -125)),
    "ss_rsrq": ("SS-RSRQ", "dB", None),
    "ss_sinr": ("SS-SINR", "dB", (5, 1, -3)),
    "rsrp": ("RSRP", "dBm", (-108, -118, -128)),
    "rsrq": ("RSRQ", "dB", (-14, -17, -19)),
    "sinr": ("SINR", "dB", (5, 1, -3)),
    "rscp": ("RSCP", "dBm", (-95, -105, -115)),
    "ecno": ("Ec/No", "dB", None),
    "rxlev": ("RXLEV", "dBm", (-97, -103, -107)),
    "rssi": ("RSSI", "dBm", (-97, -103, -107)),
}
LEVELS = ("good", "fair", "weak", "unusable")
_STRENGTH = ("ss_rsrp", "rsrp", "rscp", "rxlev", "rssi")
_NOISE = ("ss_sinr", "sinr", "rsrq")


class Scale(NamedTuple):
    """How a number stands for a value: ``offset + step * number``, an interval's lower end."""

    name: str
    offset: float
    step: float
    highest: int
    unknown: int


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

# Huawei ME909s AT manual, ^HCSQ: technology to the meaning of the values behind it
HCSQ: dict[str, tuple[Scale, ...]] = {
    "GSM": (Scale("rssi", -121, 1, 96, 255),),
    "WCDMA": (
        Scale("rssi", -121, 1, 96, 255),
        Scale("rscp", -121, 1, 96, 255),
        Scale("ecno", -32.5, 0.5, 65, 255),
    ),
    "LTE": (
        Scale("rssi", -121, 1, 96, 255),
        Scale("rsrp", -141, 1, 97, 255),
        Scale("sinr", -20.2, 0.2, 251, 255),
        Scale("rsrq", -20, 0.5, 34, 255),
    ),
}

# Quectel EC2x/EG9x/EG2x-G AT manual, +QCSQ: technology to the names of the values behind it
QCSQ: dict[str, tuple[str, ...]] = {
    "GSM": ("rssi",),
    "WCDMA": ("rssi", "rscp", "ecno"),
    "TDSCDMA": ("rssi", "rscp", "ecno"),
    **dict.fromkeys(
        ("LTE", "CAT-M1", "CAT-NB1", "EMTC", "NBIOT"), ("rssi", "rsrp", "sinr_index", "rsrq")
    ),
}
_QUECTEL = "Quectel EC2x/EG9x/EG2x-G AT commands manual"
_HUAWEI = "Huawei ME909s AT command manual"


def level(name: str, value: float) -> str | None:
    """Return the word for one measure; None where no threshold is known.

    >>> level("rsrp", -85), level("rsrp", -120), level("sinr", -4), level("ecno", -7)
    ('good', 'weak', 'unusable', None)
    """
    thresholds = MEASURES[name][2]
    if thresholds is None:
        return None
    return next(
        (word for word, low in zip(LEVELS, thresholds, strict=False) if value >= low), LEVELS[3]
    )


def measured(
    values: Mapping[str, float], edges: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, dict[str, object]]:
    """Return text and JSON fields for measured values.

    :param values: name of :data:`MEASURES` to dBm or dB
    :param edges: name to ``" or less"``, ``" or more"`` where a scale ends
    """
    parts: list[str] = []
    found: dict[str, object] = {}
    for name, (label, unit, _) in MEASURES.items():
        if name in values:
            value = round(values[name], 1)
            found[f"{name}_{unit.lower()}"] = value
            parts.append(f"{label} {value:g} {unit}{edges.get(name, '')}")
    strength = next((level(name, values[name]) for name in _STRENGTH if name in values), None)
    if strength is None:
        return ", ".join(parts), found
    found["level"] = strength
    parts.append(strength)
    noise = [(level(n, values[n]) or LEVELS[0], MEASURES[n][0]) for n in _NOISE if n in values]
    if noise:
        worst, label = max(noise, key=lambda each: LEVELS.index(each[0]))
        found["quality"] = worst
        if LEVELS.index(worst) > LEVELS.index(strength):
            parts.append(f"but disturbed ({label} {worst})")
    return ", ".join(parts), found


def scaled(
    scales: Sequence[Scale], numbers: Sequence[int | None]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the values and edges of numbers on their scales; what is not known is left out."""
    values: dict[str, float] = {}
    edges: dict[str, str] = {}
    for scale, number in zip(scales, numbers, strict=False):
        if number is None or number == scale.unknown or not 0 <= number <= scale.highest:
            continue
        # the lowest number is everything below the first step
        values[scale.name] = scale.offset + scale.step * max(number, 1)
        if number in (0, scale.highest):
            edges[scale.name] = " or more" if number else " or less"
    return values, edges


def strength(line: Line) -> Said | None:
    """``+CSQ``, ``^RSSI``: RSSI in steps of 2 dB (TS 27.007 clause 8.5)."""
    number = line.number(0)
    if number is None or number < 0:
        return None
    source = f"{TS_27007} clause 8.5"
    if number in (99, 199):
        text = "signal not known; on LTE and 5G AT+CESQ says more"
        return Said("signal", text, source)
    if number <= 31:
        dbm = 2 * number - 113
        edge = " or less" if number == 0 else " or more" if number == 31 else ""
    elif 100 <= number <= 191:
        # SIMCom and Quectel manuals: TD-SCDMA, in steps of 1 dB
        dbm = number - 216
        edge = " or less" if number == 100 else " or more" if number == 191 else ""
        source = "SIMCom SIM7500/SIM7600 AT command manual, +CSQ"
    else:
        return Said("signal", f"level {number}, unknown to the standard", source)
    word = level("rssi", dbm)
    found: dict[str, object] = {"rssi_dbm": dbm, "level": word}
    errors = line.number(1)
    if errors is not None and 0 <= errors <= 7:
        found["ber_class"] = errors
    return Said("signal", f"signal {dbm} dBm{edge}, {word}", source, found)


def extended(line: Line) -> Said | None:
    """``+CESQ``: one number for each technology's measures."""
    numbers = [parse_integer(field) for field in line.fields]
    if None in numbers[:6]:
        return None
    values, edges = scaled(CESQ, numbers)
    bit_errors = values.pop("ber", None)
    text, found = measured(values, edges)
    if bit_errors is not None:
        found["ber_class"] = numbers[1]
    return Said("signal", text or "signal not known", f"{TS_27007} clause 8.69", found)


def nordic(line: Line) -> Said | None:
    """``%CESQ: <rsrp>,<threshold>,<rsrq>,<threshold>``, on the scales of ``+CESQ``."""
    values, edges = scaled((CESQ[5], CESQ[4]), (line.number(0), line.number(2)))
    text, found = measured(values, edges)
    return Said("signal", text or "signal not known", "nRF91 AT commands reference guide", found)


def huawei(line: Line) -> Said | None:
    """``^HCSQ``: technology, then one number for each of its measures."""
    technology = line.text(0).upper()
    if technology == "NOSERVICE":
        return Said("signal", "no service", f"{_HUAWEI}, ^HCSQ")
    scales = HCSQ.get(technology)
    if scales is None:
        return None
    values, edges = scaled(scales, [parse_integer(field) for field in line.fields[1:]])
    text, found = measured(values, edges)
    found["technology"] = technology
    return Said("signal", f"{technology}, {text or 'not known'}", f"{_HUAWEI}, ^HCSQ", found)


def quectel(line: Line) -> Said | None:
    """``+QCSQ``: technology, then dBm and dB; SINR in fifths of a dB from -20."""
    technology = line.text(0).upper()
    source = f"{_QUECTEL}, +QCSQ"
    if technology == "NOSERVICE":
        return Said("signal", "no service", source)
    names = QCSQ.get(technology)
    if names is None:
        return None
    values: dict[str, float] = {}
    for name, field in zip(names, line.fields[1:], strict=False):
        number = parse_integer(field)
        if number is None:
            continue
        if name == "sinr_index" and 0 <= number <= 250:
            values["sinr"] = number / 5 - 20
        elif number < 0 and name in MEASURES:
            values[name] = number
    text, found = measured(values)
    found["technology"] = line.text(0)
    return Said("signal", f"{line.text(0)}, {text or 'not known'}", source, found)


DECODERS: Mapping[str, Decoder] = MappingProxyType(
    {
        "+CSQ": strength,
        "^RSSI": strength,
        "+CESQ": extended,
        "%CESQ": nordic,
        "^HCSQ": huawei,
        "+QCSQ": quectel,
    }
)
