"""The measured signal of the serving cell, judged for data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from modemagent.diagnosis.checks.responses import all_decoded, decoded, is_answered
from modemagent.diagnosis.facts import Decoded, Facts
from modemagent.diagnosis.managed import QUALITY
from modemagent.dialects.diagnostic_reads import SIGNAL
from modemagent.explain.signal import MEASURES

#: The best measure of strength first: RSSI includes interference, and in EN-DC the values of NR
#: are those of the second cell.
_STRENGTHS: Final = ("rsrp", "ss_rsrp", "rscp", "rxlev", "rssi")
#: Strength to the measures of its quality.
_QUALITIES: Final = {
    "rsrp": ("rsrq", "sinr"),
    "ss_rsrp": ("ss_rsrq", "ss_sinr", "sinr"),
    "rscp": ("ecno",),
}
#: Lowest dBm and dB at which data works without many repetitions.
_LOWEST: Final[Mapping[str, float]] = {
    "rsrp": -109,
    "ss_rsrp": -109,
    "rscp": -99,
    "rxlev": -94,
    "rssi": -94,
    "rsrq": -16.5,
    "ss_rsrq": -16.5,
    "sinr": 0,
    "ss_sinr": 0,
    "ecno": -15,
}
#: Lowest values of the scales of AT+CSQ and AT+CESQ: this or less.
_FLOOR: Final[Mapping[str, float]] = {
    "rsrp": -139,
    "ss_rsrp": -139,
    "rscp": -119,
    "rxlev": -110,
    "rssi": -113,
}


class Measurement(NamedTuple):
    """What the modem reports about its signal.

    :param values: name of the measure to dBm or dB; no strength if it is unknown
    :param line: the response line with the strength
    :param is_reported: the modem has a command for its signal
    :param is_out_of_service: the modem reports that no cell serves it
    :param percent: quality by ModemManager, which converts RSSI or RSRP to it by the technology
    """

    values: Mapping[str, float] = {}
    line: str = ""
    is_reported: bool = False
    is_out_of_service: bool = False
    percent: int | None = None

    @property
    def strength(self) -> str | None:
        """The measure that counts, None if the strength is unknown."""
        return next((name for name in _STRENGTHS if name in self.values), None)

    @property
    def is_weak(self) -> bool:
        return self.strength is not None and self._is_low(self.strength)

    @property
    def is_at_floor(self) -> bool:
        """True if the strength is below what any modem can use: an open antenna connector."""
        return self.strength is not None and self.values[self.strength] <= _FLOOR[self.strength]

    @property
    def is_disturbed(self) -> bool:
        return any(map(self._is_low, self._qualities))

    @property
    def text(self) -> str:
        """The measures that count, for example ``RSRP -88 dBm, SINR 20 dB``."""
        names = (self.strength, *self._qualities) if self.strength else ()
        return ", ".join(
            f"{MEASURES[name][0]} {self.values[name]:g} {MEASURES[name][1]}" for name in names
        )

    @property
    def _qualities(self) -> list[str]:
        known = _QUALITIES.get(self.strength or "", ())
        return [name for name in known if name in self.values]

    def _is_low(self, name: str) -> bool:
        return self.values[name] < _LOWEST[name]


def measure(facts: Facts) -> Measurement:
    """Return the signal of the serving cell from all commands that report it."""
    values: dict[str, float] = {}
    line = ""
    is_reported = is_out_of_service = False
    dialect = facts.snapshot.dialect if facts.snapshot else ""
    for command in ("AT+CESQ", *SIGNAL.get(dialect, ()), "AT+CSQ"):
        is_reported = is_reported or is_answered(facts, command)
        for found in _serving_cell(facts, command):
            is_out_of_service |= "no service" in found.text.lower()
            measured = dict(_values(found))
            if not line and any(name in measured for name in _STRENGTHS):
                line = found.line
            values = {**measured, **values}
    quality = decoded(facts, QUALITY)
    percent = int(str(quality.fields["percent"])) if quality else None
    is_reported = is_reported or quality is not None
    return Measurement(values, line, is_reported, is_out_of_service and not line, percent)


def _serving_cell(facts: Facts, command: str) -> Iterator[Decoded]:
    """Yield the lines of the first cell, which is the serving one or the anchor of EN-DC."""
    has_cell = False
    for found in all_decoded(facts, command):
        if "technology" in found.fields:
            if has_cell:
                return
            has_cell = True
        yield found


def _values(found: Decoded) -> Iterator[tuple[str, float]]:
    for name, (_, unit, _) in MEASURES.items():
        value = found.fields.get(f"{name}_{unit.lower()}")
        if isinstance(value, int | float):
            yield name, value
