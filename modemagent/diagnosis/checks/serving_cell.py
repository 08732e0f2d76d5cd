"""The measured signal of the serving cell, judged by the scale of the signal words.

See :mod:`modemagent.explain.signal_levels`.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from modemagent.diagnosis.checks.responses import all_decoded, decoded, is_answered
from modemagent.diagnosis.facts import Decoded, Facts
from modemagent.diagnosis.managed import QUALITY
from modemagent.dialects.diagnostic_reads import SIGNAL
from modemagent.explain.signal_levels import LEVELS, MEASURES, decisive, is_low, level


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
        """The measure that decides, None if the strength is unknown."""
        return decisive(self.values)[0]

    @property
    def is_weak(self) -> bool:
        """True if the strength is weak or unusable."""
        return self.strength is not None and is_low(self.strength, self.values[self.strength])

    @property
    def is_unusable(self) -> bool:
        strength = self.strength
        return strength is not None and level(strength, self.values[strength]) == LEVELS[-1]

    @property
    def is_disturbed(self) -> bool:
        """True if noise is weak or unusable, whatever the strength is."""
        return any(is_low(name, self.values[name]) for name in decisive(self.values)[1])

    @property
    def text(self) -> str:
        """The measures that count, for example ``RSRP -88 dBm, SINR 20 dB``."""
        strength, noise = decisive(self.values)
        names = (strength, *noise) if strength else ()
        return ", ".join(
            f"{MEASURES[name].label} {self.values[name]:g} {MEASURES[name].unit}" for name in names
        )


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
            if not line and decisive(measured)[0]:
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
    for name, row in MEASURES.items():
        value = found.fields.get(f"{name}_{row.unit.lower()}")
        if isinstance(value, int | float):
            yield name, value
