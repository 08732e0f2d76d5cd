"""The derived history is what happened to the physical modems and SIMs of a simulated fleet.

The expected history is taken from the objects of the simulation at their true times: it has no
clocks, no spans and no rules about clones. Everything is reported at once, in an order that does
not matter, so nothing has to be guessed.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from modemagent.registry.history.derive import derive
from modemagent.registry.history.individuals import Related
from modemagent.registry.history.readings import Seen
from tests.registry.history.world import DAY, START, Gateway, ModemUnit, SentReport, SimCard

Key = Any


class TruthfulFleet:
    """Six gateways that report each change at once; modems and SIMs that travel, two clones."""

    def __init__(self, seed: int, steps: int = 40) -> None:
        self.random = random.Random(seed)
        self.sent: list[SentReport] = []
        self.now_ms = START
        self.gateways = [Gateway(name, self.sent) for name in "abcdef"]
        cards = [SimCard(f"c{number}") for number in range(7)]
        units = [ModemUnit(f"m{number}", cards[number], None) for number in range(5)]
        twin = ModemUnit("m0", SimCard("c8"), None)
        self.fixed = [twin, units[0], ModemUnit("m8", cards[5].copied(), None)]
        for gateway, unit in zip(self.gateways, self.fixed, strict=False):
            gateway.places = {"p1": unit, "p2": None}
        for gateway in self.gateways[3:]:
            gateway.places = {"p1": None, "p2": None}
        self.cards, self.stock = [cards[6]], units[1:]
        self.gateways[5].places["p1"] = ModemUnit("m9", cards[5], None)
        self.fixed.append(self.gateways[5].places["p1"])
        self._report_all()
        for _ in range(steps):
            getattr(self, self.random.choice(("_place", "_remove", "_carry", "_swap", "_jump")))()
            self._report_all()

    def _report_all(self) -> None:
        self.now_ms += self.random.choice((3 * DAY, 5 * DAY))  # three steps are longer than a week
        for gateway in self.gateways:
            for place in gateway.places:
                if gateway.places[place] is not None:
                    self._report(gateway, place)

    def _report(self, gateway: Gateway, place: str, *, removed: bool = False) -> None:
        self.now_ms += 1000
        gateway.delay_ms = 500
        gateway.report(self.now_ms, place, removed=removed)

    def _free_places(self) -> list[tuple[Gateway, str]]:
        return [
            (one, place) for one in self.gateways for place in one.places if not one.places[place]
        ]

    def _movable(self) -> list[tuple[Gateway, str]]:
        return [
            (one, place)
            for one in self.gateways
            for place, unit in one.places.items()
            if unit is not None and unit not in self.fixed
        ]

    def _place(self) -> None:
        if self.stock and self._free_places():
            gateway, place = self.random.choice(self._free_places())
            gateway.places[place] = self.stock.pop(self.random.randrange(len(self.stock)))

    def _remove(self) -> None:
        if self._movable():
            gateway, place = self.random.choice(self._movable())
            unit = gateway.places[place]
            assert unit is not None
            self.stock.append(unit)
            gateway.places[place] = None
            self._report(gateway, place, removed=True)

    def _carry(self) -> None:
        """Move a modem from a gateway that is off."""
        if self._movable() and self._free_places():
            gateway, place = self.random.choice(self._movable())
            other, where = self.random.choice(self._free_places())
            other.places[where], gateway.places[place] = gateway.places[place], None
            gateway.boot(self.now_ms)

    def _swap(self) -> None:
        if self._movable():
            gateway, place = self.random.choice(self._movable())
            unit = gateway.places[place]
            assert unit is not None
            slot = self.random.choice((1, 2))
            if unit.slots[slot] is not None:
                self.cards.append(unit.slots[slot])  # type: ignore[arg-type]
                unit.slots[slot] = None
                if self.random.random() < 0.5:
                    return
            if not self.cards:
                return
            card = self.cards.pop(self.random.randrange(len(self.cards)))
            unit.slots[slot] = card

    def _jump(self) -> None:
        """Set the clock of a gateway 90 days ahead for one reading within a boot."""
        gateway = self.random.choice(self.gateways)
        gateway.clock_ahead_ms = 90 * DAY
        self._report_all()
        gateway.clock_ahead_ms = 0


class Truth:
    """Where each object was, by the reports that show it first."""

    def __init__(self) -> None:
        self.rows: list[list[Key]] = []
        self._open: dict[int, list[Key]] = {}  # by object
        self._at: dict[Key, int] = {}  # object at a place

    def show(self, place: Key, one: object, number: str, report: Key) -> None:
        """Note that a place holds an object."""
        if self._at.get(place) != id(one):
            self.empty(place, report, "replaced")
        row = self._open.get(id(one))
        if row is not None and row[1] != place:
            self._close(id(one), report, "moved")
            row = None
        if row is None:
            self._open[id(one)] = row = [number, place, report, None, None]
            self.rows.append(row)
        self._at[place] = id(one)

    def empty(self, place: Key, report: Key, cause: str) -> None:
        """Note that a place does not hold its object any longer."""
        before = self._at.pop(place, None)
        if before is not None and self._open.get(before, [None, None])[1] == place:
            self._close(before, report, cause)

    def _close(self, one: int, report: Key, cause: str) -> None:
        self._open.pop(one)[3:] = [report, cause]


def truth(sent: list[SentReport]) -> tuple[list[Key], list[Key]]:
    """Return the true stays of modems and of SIMs."""
    modems, sims = Truth(), Truth()
    names: dict[int, str] = {}
    for one in sorted(sent, key=lambda one: one.true_ms):
        report, reading = one.report, one.report.reading
        assert reading is not None
        if reading.seen == Seen.GONE:
            modems.empty(report.place, report.key, "removed")
            continue
        unit = one.unit
        assert unit is not None
        names[id(unit)] = unit.number
        modems.show(report.place, unit, unit.number, report.key)
        for slot, card in one.slots.items():
            if card is None:
                sims.empty((id(unit), slot), report.key, "removed")
        for slot, card in one.slots.items():
            if card is not None:
                sims.show((id(unit), slot), card, card.number, report.key)
    pairs = [(number, (names[unit], slot), *rest) for number, (unit, slot), *rest in sims.rows]
    return sorted(map(tuple, modems.rows), key=repr), sorted(pairs, key=repr)


def shown(units: dict[Key, Related], *, in_slots: bool) -> list[Key]:
    return sorted(
        (
            (
                stay.unit,
                (stay.place[0], stay.place[2]) if in_slots else stay.place,
                stay.opened_by.report,
                stay.closed_by and stay.closed_by.report,
                stay.cause,
            )
            for related in units.values()
            for individual in related.individuals
            for stay in individual.stays
        ),
        key=repr,
    )


@pytest.mark.parametrize("seed", range(40))
def test_history_is_what_happened(seed: int) -> None:
    sent = TruthfulFleet(seed).sent
    history = derive([one.report for one in sent], [one.batch for one in sent if one.batch])
    modems, sims = truth(sent)
    assert shown(history.modems, in_slots=False) == modems
    assert shown(history.sims, in_slots=True) == sims
    findings = {(one.kind, one.subject, one.grade) for one in history.findings if one.grade}
    assert findings == {("imei.duplicate", "m0", "certain"), ("sim.cloned", "c5", "certain")}
