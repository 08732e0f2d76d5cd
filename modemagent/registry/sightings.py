"""From a kept report to the readings of the seats and items it speaks of.

One report speaks of at most one port (a seat that holds modems), one modem (an item), some slots
(seats that hold cards) and some cards (items). Which of them, and what it says, is decided here
and nowhere else: for a report that just came in and for one read back from the store.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from modemagent.registry.observation import CardReading, Observation
from modemagent.registry.timeline import Identities, Order, Reading, item_key

LineKey = tuple[str, str]  # kind of item (modem, card) and key

_CONTINUING = frozenset({"refresh", "heartbeat", "sim_changed"})


class Sighting(msgspec.Struct, frozen=True):
    """A kept report with its date, as far as history is concerned."""

    gateway_id: str
    stream_id: str
    sequence: int
    boot_count: int
    uptime_ms: int
    at_ms: int
    reason: str
    place: str | None
    imei: str | None
    facts: dict[str, str]
    cards: tuple[CardReading, ...]

    @property
    def key(self) -> str:
        return report_key(self.gateway_id, self.stream_id, self.sequence)

    def seats(self) -> Iterator[tuple[LineKey, Reading]]:
        """Yield the complete readings of seats in this report."""
        if self.place is None:
            return
        if self.reason == "removed":
            # modem and sims are the last known ones here: they say what left, not what is there
            yield self._port_line, self._reading(None, self._port_seat)
            return
        if self.imei is None:
            return
        yield self._port_line, self._reading(self.imei, self._port_seat)
        for card in self.cards:
            if card.iccid is not None or card.state == "absent":
                seat = slot_seat(self.imei, card.slot)
                item = None if card.state == "absent" else card.iccid
                yield ("card", seat), self._reading(item, seat, card)

    def items(self) -> Iterator[tuple[LineKey, Reading]]:
        """Yield the sightings of items in this report."""
        if self.place is None or self.imei is None or self.reason == "removed":
            return
        modem = self._reading(self.imei, self._port_seat)
        yield ("modem", item_key("modem", self.imei)), modem
        for card in self.cards:
            if card.iccid is not None and card.state != "absent":
                sighting = self._reading(card.iccid, slot_seat(self.imei, card.slot), card)
                yield ("card", item_key("card", card.iccid)), sighting

    @property
    def _port_seat(self) -> str:
        return port_seat(self.gateway_id, self.place or "")

    @property
    def _port_line(self) -> LineKey:
        return ("modem", self._port_seat)

    def _reading(self, item: str | None, seat: str, card: CardReading | None = None) -> Reading:
        order: Order = (
            self.at_ms,
            self.gateway_id,
            self.stream_id,
            self.boot_count,
            self.uptime_ms,
            self.sequence,
            card.slot if card else -1,
        )
        with_card = card or next((one for one in self.cards if one.iccid), None)
        here = with_card is not None and with_card.iccid is not None
        return Reading(
            order=order,
            report=self.key,
            seat=seat,
            item=item,
            pair=Identities(
                imei=self.imei,
                slot=with_card.slot if with_card else None,
                iccid=with_card.iccid if with_card else None,
                imsi=with_card.imsi if with_card and here else None,
                eid=with_card.eid if with_card else None,
                gateway_id=self.gateway_id,
                port=self.place,
            ),
            via="" if card is None else self._port_seat,
            session=f"{self.stream_id}/{self.boot_count}",
            continuing=self.reason in _CONTINUING,
            facts=self.facts if card is None else _card_facts(card),
            bare=not here and any(one.state == "absent" for one in self.cards),
        )


def told(observation: Observation, at_ms: int) -> Sighting:
    """Return what a report that just came in tells, dated."""
    return Sighting(
        gateway_id=observation.gateway_id,
        stream_id=observation.stream_id,
        sequence=observation.sequence,
        boot_count=observation.boot_count,
        uptime_ms=observation.uptime_ms,
        at_ms=at_ms,
        reason=observation.reason,
        place=observation.place,
        imei=observation.imei,
        facts=observation.modem,
        cards=observation.cards,
    )


def report_key(gateway_id: str, stream_id: str, sequence: int) -> str:
    """Return a report's key as one text, the evidence of stays and events."""
    return f"{gateway_id}/{stream_id}/{sequence}"


def port_seat(gateway_id: str, place: str) -> str:
    """Return the key of a gateway's port; a tab can stand in neither part."""
    return f"{gateway_id}\t{place}"


def slot_seat(imei: str, slot: int) -> str:
    """Return the key of a modem's slot."""
    return f"{imei[:14]}\t{slot}"


def _card_facts(card: CardReading) -> dict[str, str]:
    facts = {"state": card.state, "imsi": card.imsi, "eid": card.eid}
    return {name: value for name, value in facts.items() if value is not None}
