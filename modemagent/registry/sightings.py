"""Stored reports, and the readings of places and units that each of them contains.

A report describes at most one position of a gateway (a place of modems), one modem (a unit), some
slots (places of SIMs) and some SIMs (units). This module derives the readings of each, both for a
report that was just received and for one loaded from the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from modemagent.registry.timeline import Identities, Order, Reading, UnitKind, unit_key
from modemagent.registry.validation import SimReading, ValidReport

#: Kind of unit, and key of a place or unit.
TimelineKey = tuple[UnitKind, str]

_CONTINUING = frozenset({"refresh", "heartbeat", "sim_changed"})


class Sighting(msgspec.Struct, frozen=True):
    """The part of a stored report that intervals and events are derived from, with its date."""

    gateway_id: str
    stream_id: str
    sequence: int
    boot_count: int
    uptime_ms: int
    at_ms: int
    reason: str
    device_id: str | None
    imei: str | None
    facts: dict[str, str]
    sims: tuple[SimReading, ...]

    def place_readings(self) -> Iterator[tuple[TimelineKey, Reading]]:
        """Yield the complete readings of places in this report."""
        if self.device_id is None:
            return
        removed = self.reason == "removed"  # such a report holds the modem and SIMs that were there
        if removed or self.imei is not None:
            imei = None if removed else self.imei
            yield (UnitKind.MODEM, self._modem_place), self._reading(imei, self._modem_place)
        if removed or self.imei is None:
            return
        for sim in self.sims:
            if sim.iccid is not None or sim.absent:
                place = sim_place(self.imei, sim.slot)
                iccid = None if sim.absent else sim.iccid
                yield (UnitKind.SIM, place), self._reading(iccid, place, sim)

    def unit_readings(self) -> Iterator[tuple[TimelineKey, Reading]]:
        """Yield the readings of units in this report."""
        for (kind, _), reading in self.place_readings():
            if reading.number is not None:
                yield (kind, unit_key(kind, reading.number)), reading

    @property
    def _modem_place(self) -> str:
        return modem_place(self.gateway_id, self.device_id or "")

    def _reading(self, number: str | None, place: str, sim: SimReading | None = None) -> Reading:
        order: Order = (
            self.at_ms,
            self.gateway_id,
            self.stream_id,
            self.boot_count,
            self.uptime_ms,
            self.sequence,
            sim.slot if sim else -1,
        )
        shown = sim or next((one for one in self.sims if one.iccid), None)
        has_sim = shown is not None and shown.iccid is not None
        return Reading(
            order=order,
            report=f"{self.gateway_id}/{self.stream_id}/{self.sequence}",
            place=place,
            number=number,
            identities=Identities(
                imei=self.imei,
                slot=shown.slot if shown else None,
                iccid=shown.iccid if shown else None,
                imsi=shown.imsi if shown and has_sim else None,
                eid=shown.eid if shown else None,
                gateway_id=self.gateway_id,
                port=self.device_id,
            ),
            modem_place="" if sim is None else self._modem_place,
            session=f"{self.stream_id}/{self.boot_count}",
            continuing=self.reason in _CONTINUING,
            facts=self.facts if sim is None else _sim_facts(sim),
            no_sim=not has_sim and any(one.absent for one in self.sims),
        )


def sighting_of(report: ValidReport, at_ms: int) -> Sighting:
    """Return a received report as a sighting with this date."""
    names = (name for name in Sighting.__struct_fields__ if name != "at_ms")
    values: dict[str, Any] = {name: getattr(report, name) for name in names}
    return Sighting(**values, at_ms=at_ms)


def modem_place(gateway_id: str, device_id: str) -> str:
    """Return the key of a position of a gateway; neither part contains a tab."""
    return f"{gateway_id}\t{device_id}"


def sim_place(imei: str, slot: int) -> str:
    """Return the key of a slot of a modem."""
    return f"{imei[:14]}\t{slot}"


def _sim_facts(sim: SimReading) -> dict[str, str]:
    facts = {"state": sim.state, "imsi": sim.imsi, "eid": sim.eid}
    return {name: value for name, value in facts.items() if value is not None}
