"""A simulated fleet: gateways with clocks, modems and SIMs that are moved, swapped and cloned.

Physical units are objects of Python; what reaches the registry are reports with numbers, sequence
numbers, uptimes and wall clocks. Each report carries the time at which it is received.
"""

from __future__ import annotations

import hashlib
import random
from typing import NamedTuple

from modemagent.registry.history.derive import BatchClock, ReceivedReport
from modemagent.registry.history.readings import PlaceReading, Seen, SlotReading

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_767_225_600_000  # 2026-01-01


class SimCard:
    def __init__(self, number: str, imsi: str | None = None, eid: str | None = None) -> None:
        self.number, self.imsi, self.eid, self.extra = number, imsi or f"i{number}", eid, ""

    def copied(self) -> SimCard:
        return SimCard(self.number, self.imsi, self.eid)


class ModemUnit:
    """A modem; two objects with one number are clones."""

    def __init__(self, number: str, *cards: SimCard | None, maker: str = "Quectel") -> None:
        self.number, self.maker, self.model, self.reader = number, maker, "EG25-G", None
        self.slots: dict[int, SimCard | None] = dict(enumerate(cards, 1))
        self.unread = False
        self.unread_slots: set[int] = set()

    reader: str | None

    def read(self) -> PlaceReading:
        slots = []
        for number, card in self.slots.items():
            if number in self.unread_slots:
                continue
            if card is None:
                slots.append(SlotReading(number, None))
            else:
                slots.append(SlotReading(number, card.number, card.imsi, card.eid, card.extra))
        seen = Seen.UNREAD if self.unread else Seen.HERE
        unit = None if self.unread else self.number
        return PlaceReading(seen, unit, self.maker, self.model, self.reader, tuple(slots))


class SentReport(NamedTuple):
    """A report and the truth behind it: the modem that is at the place, and its SIMs."""

    report: ReceivedReport
    batch: BatchClock | None
    true_ms: int
    unit: ModemUnit | None
    slots: dict[int, SimCard | None]


class Gateway:
    """A gateway with a boot, a stream and a clock; ``sent`` collects its reports."""

    def __init__(self, name: str, sent: list[SentReport], delay_ms: int = 1000) -> None:
        self.name, self.sent, self.delay_ms = name, sent, delay_ms
        self.places: dict[str, ModemUnit | None] = {}
        self.streams = self.boots = 0
        self.up_since = START - 60_000
        self.clock_ahead_ms = 0
        self.is_synchronized = True
        self.renew_stream()
        self.boot(START)

    def renew_stream(self) -> None:
        """Lose the state directory: a new stream, in the same boot."""
        self.streams += 1
        self.stream = f"{self.name}-stream-{self.streams}"
        self.sequence = 0

    def boot(self, now_ms: int, name: str | None = None) -> None:
        self.boots += 1
        self.boot_id = name or f"{self.name}-boot-{self.boots}"
        self.up_since = now_ms - 20_000

    def lose(self) -> None:
        """Give a number to a report that never arrives."""
        self.sequence += 1

    def report(
        self,
        now_ms: int,
        place: str | None,
        *,
        removed: bool = False,
        received_ms: int | None = None,
        rejected: bool = False,
    ) -> SentReport:
        """Report what a place holds, or that it was removed."""
        self.sequence += 1
        unit = self.places.get(place) if place else None
        reading = None
        if removed:
            reading = PlaceReading(Seen.GONE)
        elif unit is not None:
            reading = unit.read()
        received_ms = received_ms or now_ms + self.delay_ms
        uptime_ms = now_ms - self.up_since
        one = ReceivedReport(
            gateway=self.name,
            stream=self.stream,
            sequence=self.sequence,
            boot=self.boot_id,
            uptime_ms=uptime_ms,
            wall_ms=now_ms + self.clock_ahead_ms,
            synchronized=self.is_synchronized,
            received_ms=received_ms,
            digest=b"",
            place=None if reading is None or rejected else (self.name, place),
            reading=None if rejected else reading,
            rejected=rejected,
        )
        digest = hashlib.sha256(repr(one).encode()).digest()
        one = ReceivedReport(**{**_fields(one), "digest": digest})
        batch = BatchClock(self.name, self.boot_id, received_ms - self.up_since, received_ms)
        held = None if removed or reading is None else unit
        report = SentReport(one, batch, now_ms, held, dict(held.slots) if held else {})
        self.sent.append(report)
        return report


def _fields(report: ReceivedReport) -> dict[str, object]:
    return {name: getattr(report, name) for name in report.__struct_fields__}


class Fleet:
    """Gateways, modems and SIMs, and what happens to them at random."""

    def __init__(self, seed: int, *, steps: int = 30, clones: bool = True) -> None:
        self.random = random.Random(seed)
        self.sent: list[SentReport] = []
        self.now_ms = START
        self.cards = [SimCard(f"c{n}", eid=f"e{n}" if n % 3 == 0 else None) for n in range(6)]
        self.units = [
            ModemUnit(f"m{n}", card, maker="SIMCom" if n % 2 else "Quectel")
            for n, card in enumerate(self.cards[:4])
        ]
        self.units[0].slots[2] = self.cards[4]
        if clones:
            self.cards.append(self.cards[0].copied())
            self.units.append(ModemUnit("m1", self.cards[5], maker="SIMCom"))
            self.units.append(ModemUnit("m1", self.cards[6], maker="Telit"))
        self.gateways = [Gateway(name, self.sent) for name in "abc"]
        self.stock = self.units[:]
        for gateway in self.gateways:
            gateway.places = {"p1": None, "p2": None}
        for _ in range(steps):
            self._step()

    def _step(self) -> None:
        pick = self.random
        self.now_ms += pick.choice((10_000, 7 * MINUTE, 40 * MINUTE, HOUR, 9 * HOUR, 2 * DAY))
        gateway = pick.choice(self.gateways)
        gateway.delay_ms = pick.choice((500, 500, 500, HOUR, 30 * DAY, 200 * DAY))
        act = pick.choice(_ACTS)
        getattr(self, f"_{act}")(gateway)

    def _send(self, gateway: Gateway, place: str, *, removed: bool = False) -> None:
        chance = self.random.random()
        if chance < 0.12:
            gateway.lose()
        elif chance < 0.16:
            gateway.report(self.now_ms, place, rejected=True)
        elif removed or gateway.places[place] is not None:
            gateway.report(self.now_ms, place, removed=removed)
        else:
            gateway.report(self.now_ms, None)

    def _refresh(self, gateway: Gateway) -> None:
        for place in gateway.places:
            self._send(gateway, place)

    def _insert(self, gateway: Gateway) -> None:
        place = self.random.choice(list(gateway.places))
        if gateway.places[place] is not None:
            self.stock.append(gateway.places[place])
            gateway.places[place] = None
        if self.stock:
            unit = self.random.choice(self.stock)
            self.stock.remove(unit)
            gateway.places[place] = unit
        self._send(gateway, place)

    def _remove(self, gateway: Gateway) -> None:
        place = self.random.choice(list(gateway.places))
        unit = gateway.places[place]
        if unit is not None:
            gateway.places[place] = None
            self.stock.append(unit)
            if self.random.random() < 0.7:
                self._send(gateway, place, removed=True)

    def _swap_sims(self, gateway: Gateway) -> None:
        unit, other = self.random.sample(self.units, 2)
        unit.slots[1], other.slots[1] = other.slots[1], unit.slots[1]
        self._refresh(gateway)

    def _empty_slot(self, gateway: Gateway) -> None:
        unit = self.random.choice(self.units)
        unit.slots[1] = self.random.choice((None, *self.cards))
        self._refresh(gateway)

    def _misread(self, gateway: Gateway) -> None:
        unit = self.random.choice(self.units)
        unit.unread = self.random.random() < 0.3
        unit.unread_slots = {1} if self.random.random() < 0.3 else set()
        unit.reader = self.random.choice((None, None, "at", "modemmanager"))
        self.random.choice(self.cards).imsi = self.random.choice(("i1", "i2", None))
        self._refresh(gateway)

    def _boot(self, gateway: Gateway) -> None:
        gateway.boot(self.now_ms)
        gateway.is_synchronized = self.random.random() < 0.8
        gateway.clock_ahead_ms = self.random.choice(
            (0, 0, 0, 0, -START + 11_000, 90 * DAY, 2 * HOUR)
        )
        self._refresh(gateway)

    def _set_clock(self, gateway: Gateway) -> None:
        gateway.is_synchronized, gateway.clock_ahead_ms = True, 0
        self._refresh(gateway)

    def _jump(self, gateway: Gateway) -> None:
        gateway.clock_ahead_ms = self.random.choice((-300 * DAY, 90 * DAY, 3 * MINUTE))
        self._refresh(gateway)

    def _renew(self, gateway: Gateway) -> None:
        gateway.renew_stream()
        if self.random.random() < 0.5:
            gateway.boot(self.now_ms)
            gateway.is_synchronized = self.random.random() < 0.6
        self._refresh(gateway)

    def _copy_disk(self, gateway: Gateway) -> None:
        kept = gateway.sequence, gateway.boot_id, gateway.up_since, gateway.places
        gateway.sequence = max(0, gateway.sequence - self.random.randrange(4))
        gateway.boot(self.now_ms, name=f"{gateway.name}-copy-{self.now_ms}")
        gateway.places = {"p1": ModemUnit("m9", SimCard("c9")), "p2": None}
        for _ in range(self.random.randrange(1, 4)):
            self._refresh(gateway)
        gateway.sequence, gateway.boot_id, gateway.up_since, gateway.places = kept


_ACTS = (
    *("refresh",) * 8, *("insert",) * 6, *("remove",) * 2, *("swap_sims",) * 2, "empty_slot",
    *("misread",) * 2, *("boot",) * 3, "set_clock", "jump", "renew", "copy_disk",
)  # fmt: skip
