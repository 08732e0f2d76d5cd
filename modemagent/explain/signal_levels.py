"""The scale of signal words: good, fair, weak and unusable for each measure.

``explain``, ``watch`` and ``diagnose`` share it, so one value never has two words. ``diagnose``
warns of every value that is weak or unusable.

Sources of the limits, from the best to the worst:

* RSRP and RSCP: where GREAT, GOOD and POOR of Android's signal bars begin (AOSP
  ``SignalStrengthTest`` and ``CellSignalStrengthLte``, ``...Wcdma``). Android's MODERATE is weak
  here: a modem in a cabinet needs a margin for weather, load and a closed door. SS-RSRP has the
  limits of RSRP, because both are the power of one resource element.
* RSSI and RXLEV: the usual ranges of ``AT+CSQ``: 15 to 31, 10 to 14, 2 to 9 (m2msupport.net,
  Signal Quality). They are stricter than Android's, because RSSI includes interference.
* SINR and RSRQ: where GOOD, MODERATE and POOR of Android begin, one step lower than for strength,
  because noise changes with the load of the cell. SS-SINR and SS-RSRQ have the same limits.
* Ec/No: good to -10 dB and poor to -20 dB as in router manuals (Digi TransPort WR21), divided at
  -15 dB.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple


class Measure(NamedTuple):
    """One measure of a signal.

    :param good: lowest value that is good; ``fair`` and ``weak`` likewise, lower ones are unusable
    """

    label: str
    unit: str
    good: float
    fair: float
    weak: float


#: In the order of the text.
MEASURES: Mapping[str, Measure] = {
    "ss_rsrp": Measure("SS-RSRP", "dBm", -98, -108, -128),
    "ss_rsrq": Measure("SS-RSRQ", "dB", -14, -17, -19),
    "ss_sinr": Measure("SS-SINR", "dB", 5, 1, -3),
    "rsrp": Measure("RSRP", "dBm", -98, -108, -128),
    "rsrq": Measure("RSRQ", "dB", -14, -17, -19),
    "sinr": Measure("SINR", "dB", 5, 1, -3),
    "rscp": Measure("RSCP", "dBm", -85, -95, -115),
    "ecno": Measure("Ec/No", "dB", -10, -15, -20),
    "rxlev": Measure("RXLEV", "dBm", -83, -93, -109),
    "rssi": Measure("RSSI", "dBm", -83, -93, -109),
}
LEVELS = ("good", "fair", "weak", "unusable")
#: Measures of strength, the decisive one first: RSSI includes interference, and in EN-DC the values
#: of NR are those of the second cell. To each, the measures of noise in the same cell.
STRENGTHS: Mapping[str, tuple[str, ...]] = {
    "rsrp": ("rsrq", "sinr"),
    "ss_rsrp": ("ss_rsrq", "ss_sinr", "sinr"),
    "rscp": ("ecno",),
    "rxlev": (),
    "rssi": (),
}


def level(name: str, value: float) -> str:
    """Return the word for the value of a measure.

    >>> level("rsrp", -85), level("rsrp", -120), level("sinr", -4), level("ecno", -7)
    ('good', 'weak', 'unusable', 'good')
    """
    measure = MEASURES[name]
    if value >= measure.fair:
        return LEVELS[0] if value >= measure.good else LEVELS[1]
    return LEVELS[2] if value >= measure.weak else LEVELS[3]


def is_low(name: str, value: float) -> bool:
    """Return True for a value that is worth a warning: it is weak or unusable."""
    return value < MEASURES[name].fair


def decisive(names: Collection[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return the measure of strength that decides, and the measures of noise beside it.

    >>> decisive(("rssi", "rsrp", "sinr")), decisive(("sinr",))
    (('rsrp', ('sinr',)), (None, ()))
    """
    strength = next((name for name in STRENGTHS if name in names), None)
    noise = STRENGTHS[strength] if strength else ()
    return strength, tuple(name for name in noise if name in names)
