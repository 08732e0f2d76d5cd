"""Events of the changes between readings: a SIM that is removed and inserted again."""

from __future__ import annotations

from typing import Any

import pytest

from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.report.message import PortPlace
from modemagent.watching.baseline import update_baseline
from modemagent.watching.events import EventBus, ModemEvent

PLACE = PortPlace(path="/dev/ttyUSB2")
SIM_1, OTHER = "8988303000000000010", "8988303000000000028"


def reading(state: SimState, iccid: str | None = None) -> Snapshot:
    modem = Modem(imei="867698040000013", read={"imei": ReadState.OK})
    read = {"iccid": ReadState.OK if iccid else ReadState.FAILED}
    return Snapshot(port=PLACE.path, modem=modem, sims=(Sim(state=state, iccid=iccid, read=read),))


IN, OUT = reading(SimState.READY, SIM_1), reading(SimState.ABSENT)
STARTING, LOCKED = reading(SimState.BUSY), reading(SimState.PIN_REQUIRED)
ANOTHER = reading(SimState.READY, OTHER)


def emitted(*readings: Snapshot) -> list[str]:
    """Return the SIM events of a series of readings, each with the number in the slot."""
    received: list[ModemEvent] = []
    events = EventBus()
    events.subscribe(received.append)
    baseline: Snapshot | None = None
    for each in readings:
        before, baseline = baseline, update_baseline(baseline, each)
        events.emit_changes(PLACE, before, each)
    return [
        f"{each.name} {each.data['after']}" for each in received if each.name.startswith("sim.")
    ]


@pytest.mark.parametrize(
    ("readings", "after"),
    [
        ((OUT, IN), [f"sim.inserted {SIM_1}"]),
        ((OUT, STARTING, STARTING, IN, IN), [f"sim.inserted {SIM_1}"]),
        ((OUT, LOCKED), ["sim.inserted None"]),
        ((OUT, ANOTHER), [f"sim.swapped {OTHER}"]),
        ((OUT, STARTING, ANOTHER), [f"sim.swapped {OTHER}"]),
        ((OUT, STARTING, OUT, STARTING), []),
    ],
)
def test_returning_sim_has_one_event_with_its_number(
    readings: tuple[Snapshot, ...], after: list[str]
) -> None:
    assert emitted(IN, *readings)[:2] == [f"sim.first_seen {SIM_1}", "sim.removed None"]
    assert [each for each in emitted(IN, *readings)[2:] if "removed" not in each] == after


@pytest.mark.parametrize("readings", [(STARTING, IN), (LOCKED, IN), (IN, STARTING, IN, IN)])
def test_sim_that_was_never_removed_is_not_inserted(readings: tuple[Snapshot, ...]) -> None:
    assert emitted(*readings) == [f"sim.first_seen {SIM_1}"]


def test_first_sim_of_a_slot_is_first_seen() -> None:
    assert emitted(OUT, IN) == [f"sim.first_seen {SIM_1}"]


def test_new_listener_gets_no_earlier_insertion() -> None:
    events, received = EventBus(), list[Any]()
    events.subscribe(received.append)()
    unsubscribe = events.subscribe(lambda _: None)
    events.emit_changes(PLACE, OUT, STARTING)
    unsubscribe()
    events.subscribe(received.append)
    events.emit_changes(PLACE, update_baseline(IN, STARTING), IN)
    assert received == []
