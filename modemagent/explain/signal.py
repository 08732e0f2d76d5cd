"""Explanations of signal lines: dBm and dB with a word for the level.

The words follow the thresholds of Android's signal bars (AOSP ``SignalStrengthTest`` and
``CellSignalStrengthGsm``, ``...Wcdma``, ``...Lte``, ``...Nr``; defaults of
``CarrierConfigManager``): its GREAT and GOOD are good here, MODERATE is fair, POOR is weak, and
below that the signal is unusable. Strength comes first (RSRP on LTE and 5G); the text adds noise
if that is worse than strength. RSSI is the least reliable: on LTE it includes interference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from modemagent.at.fields import InformationLine
from modemagent.at.signal import (
    NO_SERVICE,
    Signal,
    parse_cesq,
    parse_csq,
    parse_hcsq,
    parse_nordic_cesq,
    parse_qcsq,
)
from modemagent.explain.explanation import (
    HUAWEI,
    NORDIC,
    QUECTEL,
    SIMCOM,
    TS_27007,
    Decoder,
    Explanation,
)

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


def level(name: str, value: float) -> str | None:
    """Return the word for one measure, None if no threshold is known.

    >>> level("rsrp", -85), level("rsrp", -120), level("sinr", -4), level("ecno", -7)
    ('good', 'weak', 'unusable', None)
    """
    thresholds = MEASURES[name][2]
    if thresholds is None:
        return None
    return next(
        (word for word, low in zip(LEVELS, thresholds, strict=False) if value >= low), LEVELS[3]
    )


def measured(signal: Signal) -> tuple[str, dict[str, object]]:
    """Return text and JSON fields of measured values."""
    values = signal.values
    parts: list[str] = []
    found: dict[str, object] = {}
    for name, (label, unit, _) in MEASURES.items():
        if name in values:
            value = round(values[name], 1)
            found[f"{name}_{unit.lower()}"] = value
            parts.append(f"{label} {value:g} {unit}{signal.edges.get(name, '')}")
    strength = next((level(name, values[name]) for name in _STRENGTH if name in values), None)
    if strength is not None:
        found["level"] = strength
        parts.append(strength)
        noise = [(level(n, values[n]) or LEVELS[0], MEASURES[n][0]) for n in _NOISE if n in values]
        if noise:
            worst, label = max(noise, key=lambda each: LEVELS.index(each[0]))
            found["quality"] = worst
            if LEVELS.index(worst) > LEVELS.index(strength):
                parts.append(f"but disturbed ({label} {worst})")
    if signal.ber_class is not None:
        found["ber_class"] = signal.ber_class
    return ", ".join(parts), found


def strength(line: InformationLine) -> Explanation | None:
    """Explain ``+CSQ`` and ``^RSSI``."""
    signal, number = parse_csq(line), line.integer(0)
    if signal is None or number is None:
        return None
    source = f"{TS_27007} clause 8.5" if number < 100 else f"{SIMCOM}, +CSQ"
    if signal.values:
        _, fields = measured(signal)
        text = f"signal {fields['rssi_dbm']} dBm{signal.edges['rssi']}, {fields['level']}"
        return Explanation("signal", text, source, fields)
    if number in (99, 199):
        text = "signal unknown; on LTE and 5G try AT+CESQ"
        return Explanation("signal", text, f"{TS_27007} clause 8.5")
    return Explanation("signal", f"level {number}, unknown to the standard", source)


def _explained(
    line: InformationLine, parse: Callable[[InformationLine], Signal | None], source: str
) -> Explanation | None:
    """Explain a line that a parser turns into measured values."""
    signal = parse(line)
    if signal is None:
        return None
    if signal.technology == NO_SERVICE:
        return Explanation("signal", "no service", source)
    text, fields = measured(signal)
    text = text or "signal unknown"
    if signal.technology:
        fields["technology"] = signal.technology
        text = f"{signal.technology}, {text}"
    return Explanation("signal", text, source, fields)


DECODERS: Mapping[str, Decoder] = {
    "+CSQ": strength,
    "^RSSI": strength,
    "+CESQ": partial(_explained, parse=parse_cesq, source=f"{TS_27007} clause 8.69"),
    "%CESQ": partial(_explained, parse=parse_nordic_cesq, source=NORDIC),
    "^HCSQ": partial(_explained, parse=parse_hcsq, source=f"{HUAWEI}, ^HCSQ"),
    "+QCSQ": partial(_explained, parse=parse_qcsq, source=f"{QUECTEL}, +QCSQ"),
}
