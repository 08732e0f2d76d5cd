"""Another firmware or software version than in the complete reading before."""

from __future__ import annotations

from collections.abc import Iterator

from modemagent.registry.rules.inputs import ModemFacts, RuleFinding, UnitHistory


def firmware(unit: UnitHistory) -> Iterator[RuleFinding]:
    """Yield ``modem.firmware_changed`` for each other firmware or SVN.

    Firmware is compared only under one maker and model: ModemManager and the modem itself name all
    three differently. Facts of a shared IMEI belong to several modems and are not compared.
    """
    if unit.is_shared:
        return
    known: dict[tuple[str, str], str] = {}
    svn: str | None = None
    last: str | None = None  # what the last finding was about, for is_late
    found: list[tuple[ModemFacts, str]] = []
    for one in unit.facts:
        make = one.manufacturer, one.model
        before = known.get(make)
        other_svn = svn is not None and one.imeisv is not None and one.imeisv[14:] != svn
        if (before is not None and one.firmware and one.firmware != before) or other_svn:
            last = one.firmware
            found.append((one, last))
        if one.firmware:
            known[make] = one.firmware
        svn = svn if one.imeisv is None else one.imeisv[14:]
    for number, (one, _) in enumerate(found):
        yield RuleFinding("modem.firmware_changed", one.at, is_late=number < len(found) - 1)
