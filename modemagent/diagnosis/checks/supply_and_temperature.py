"""Checks of supply voltage and temperature."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from modemagent.diagnosis.checks.port import STEADY_SUPPLY
from modemagent.diagnosis.checks.registration import is_registered
from modemagent.diagnosis.checks.responses import all_decoded
from modemagent.diagnosis.facts import Decoded, Facts
from modemagent.diagnosis.finding import Finding, ok, skipped, warning, wrong
from modemagent.dialects.diagnostic_reads import STANDARD_SUPPLY, SUPPLY, TEMPERATURE

#: Highest degrees of the extended range of industrial modules, in the makers' hardware designs.
_HOTTEST: Final = 85
#: Lowest supply in V: dialect, pattern in the model, and the value in the hardware designs. Modules
#: for mini PCIe and M.2 have a supply of 3.3 V, so 3.2 V is the limit for all others.
_LOWEST: Final = (
    ("quectel", r"BG[0-9]|BC[0-9]", 2.2),
    ("nordic", "", 3.0),
    ("simcom", r"SIM7[0-9]{2}0[A-Z]*[-_ ]?[A-Z]*|SIM8[0-9]{2}|A76", 3.4),
    ("", "", 3.2),
)
#: Models of SIMCom with a range of supply that begins at 3.0 V or less.
_WIDE_RANGE: Final = r"SIM70[0-9]{2}"
#: Lower values are not a supply: a field that the board does not measure.
_NOT_MEASURED_V: Final = 1.5
#: URCs: UNDER-VOLTAGE WARNNING (SIMCom), ^SBC: Undervoltage (Cinterion), POWER LOW.
_UNDERVOLTAGE: Final = re.compile(r"UNDER[-_ ]?VOLTAGE", re.IGNORECASE)


def supply(facts: Facts) -> Finding:
    if line := _warned(facts):
        return wrong("the modem reports that its supply voltage is too low", STEADY_SUPPLY, line)
    commands = (*SUPPLY.get(_dialect(facts), ()), STANDARD_SUPPLY)
    found = next(_reporting(facts, commands, "voltage_v"), None)
    if found is None:
        return skipped("the modem does not report its supply voltage")
    volts = found.fields["voltage_v"]
    if not isinstance(volts, float) or volts < _NOT_MEASURED_V:
        return skipped("the modem does not measure its supply voltage")
    lowest = _lowest(facts)
    if volts >= lowest:
        return ok(f"{volts:g} V", found.line)
    finding = warning if is_registered(facts) else wrong
    return finding(
        f"the supply voltage is low: {volts:g} V, at least {lowest:g} V is required",
        STEADY_SUPPLY,
        found.line,
    )


def temperature(facts: Facts) -> Finding:
    sensors = list(_reporting(facts, TEMPERATURE.get(_dialect(facts), ()), "temperatures_c"))
    if not sensors:
        return skipped("the modem does not report its temperature")
    found = max(sensors, key=_highest)
    hottest = _highest(found)
    if hottest <= _HOTTEST:
        return ok(f"{hottest:g} °C", found.line)
    finding = warning if is_registered(facts) else wrong
    return finding(
        f"the modem is too hot: {hottest:g} °C, at most {_HOTTEST} °C is allowed",
        "Cool the modem: ventilate the enclosure, keep it out of the sun and away from sources of "
        "heat, or attach a heat sink. A hot modem slows down, and then switches itself off.",
        found.line,
    )


def _dialect(facts: Facts) -> str:
    return facts.snapshot.dialect if facts.snapshot else ""


def _reporting(facts: Facts, commands: Iterable[str], field: str) -> Iterator[Decoded]:
    """Yield the lines with a field, in the order of the commands."""
    for command in commands:
        for each in all_decoded(facts, command):
            if field in each.fields:
                yield each


def _highest(found: Decoded) -> float:
    values = found.fields["temperatures_c"]
    return max(values) if isinstance(values, list) else 0.0


def _lowest(facts: Facts) -> float:
    dialect = _dialect(facts)
    model = (facts.snapshot.modem.model if facts.snapshot else None) or ""
    if dialect == "simcom" and re.search(_WIDE_RANGE, model, re.IGNORECASE):
        return 3.0
    return next(
        volts
        for maker, pattern, volts in _LOWEST
        if maker in ("", dialect) and re.search(pattern, model, re.IGNORECASE)
    )


def _warned(facts: Facts) -> str:
    lines = (
        line
        for response in facts.responses.values()
        for line in (*response.lines, *response.foreign)
    )
    return next(filter(_UNDERVOLTAGE.search, lines), "")
