"""Explanations of signal lines: dBm and dB with a word for the level.

Strength comes first (RSRP on LTE and 5G); the text adds noise if that is worse than strength. The
words are those of :mod:`modemagent.explain.signal_levels`.
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
from modemagent.explain.signal_levels import LEVELS, MEASURES, decisive, level


def measured(signal: Signal) -> tuple[str, dict[str, object]]:
    """Return text and JSON fields of measured values."""
    values = signal.values
    parts: list[str] = []
    found: dict[str, object] = {}
    for name, measure in MEASURES.items():
        if name in values:
            value = round(values[name], 1)
            found[f"{name}_{measure.unit.lower()}"] = value
            parts.append(f"{measure.label} {value:g} {measure.unit}{signal.edges.get(name, '')}")
    strength, noise = decisive(values)
    if strength is not None:
        word = level(strength, values[strength])
        found["level"] = word
        parts.append(word)
        if noise:
            worst = max(noise, key=lambda name: LEVELS.index(level(name, values[name])))
            quality = level(worst, values[worst])
            found["quality"] = quality
            if LEVELS.index(quality) > LEVELS.index(word):
                parts.append(f"but disturbed ({MEASURES[worst].label} {quality})")
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
