"""What lies between two readings of a port, told as events: here a card that comes back."""

from __future__ import annotations

from typing import Any

import pytest

from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.report.message import PortPlace
from modemagent.watching.baseline import update_baseline
from modemagent.watching.events import EventBus, ModemEvent

PLACE = PortPlace(path="/dev/ttyUSB2")
CARD, OTHER = "8988303000000000010", "8988303000000000028"


def reading(state: SimState, iccid: str | None = None) -> Snapshot:
    modem = Modem(imei="867698040000013", read={"imei": ReadState.OK})
    read = {"iccid": ReadState.OK if iccid else ReadState.FAILED}
    return Snapshot(port=PLACE.path, modem=modem, sims=(Sim(state=state, iccid=iccid, read=read),))


IN, OUT = reading(SimState.READY, CARD), reading(SimState.ABSENT)
STARTING, LOCKED = reading(SimState.BUSY), reading(SimState.PIN_REQUIRED)
ANOTHER = reading(SimState.READY, OTHER)


def told(*readings: Snapshot) -> list[str]:
    """Return the events of cards that a series of readings makes, with what is in the slot then."""
    heard: list[ModemEvent] = []
    events = EventBus()
    events.subscribe(heard.append)
    known: Snapshot | None = None
    for each in readings:
        before, known = known, update_baseline(known, each)
        events.tell_changes(PLACE, before, each)
    return [f"{each.name} {each.data['after']}" for each in heard if each.name.startswith("sim.")]


@pytest.mark.parametrize(
    ("readings", "after"),
    [
        ((OUT, IN), [f"sim.inserted {CARD}"]),
        ((OUT, STARTING, STARTING, IN, IN), [f"sim.inserted {CARD}"]),
        ((OUT, LOCKED), ["sim.inserted None"]),
        ((OUT, ANOTHER), [f"sim.swapped {OTHER}"]),
        ((OUT, STARTING, ANOTHER), [f"sim.swapped {OTHER}"]),
        ((OUT, STARTING, OUT, STARTING), []),
    ],
)
def test_a_card_that_comes_back_is_told_once_and_by_its_number(
    readings: tuple[Snapshot, ...], after: list[str]
) -> None:
    assert told(IN, *readings)[:2] == [f"sim.first_seen {CARD}", "sim.removed None"]
    assert [each for each in told(IN, *readings)[2:] if "removed" not in each] == after


@pytest.mark.parametrize("readings", [(STARTING, IN), (LOCKED, IN), (IN, STARTING, IN, IN)])
def test_a_card_that_was_never_out_is_not_put_in(readings: tuple[Snapshot, ...]) -> None:
    assert told(*readings) == [f"sim.first_seen {CARD}"]


def test_a_slot_that_was_empty_from_the_start_gets_a_card_for_the_first_time() -> None:
    assert told(OUT, IN) == [f"sim.first_seen {CARD}"]


def test_who_comes_later_is_not_told_of_what_was_before() -> None:
    events, heard = EventBus(), list[Any]()
    events.subscribe(heard.append)()
    leave = events.subscribe(lambda _: None)
    events.tell_changes(PLACE, OUT, STARTING)
    leave()
    events.subscribe(heard.append)
    events.tell_changes(PLACE, update_baseline(IN, STARTING), IN)
    assert heard == []
