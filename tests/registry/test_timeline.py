"""Intervals and events derived from readings in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.registry.fold import GRACE_MS, advance_place, advance_unit
from modemagent.registry.timeline import (
    Changes,
    Identities,
    PlaceState,
    Reading,
    UnitKind,
    UnitTimeline,
    unit_key,
)

ONE, TWO = "8988303000000000010", "8988303000000000028"
IMEI = "867698040000013"


def modem_reading(
    at_ms: int, place: str, *, continuing: bool = True, session: str = "s/1", number: str = IMEI
) -> Reading:
    gateway = place.partition("\t")[0]
    return Reading(
        order=(at_ms, gateway, session, 1, at_ms, at_ms, -1),
        report=f"{gateway}/{session}/{at_ms}",
        place=place,
        number=number,
        identities=Identities(imei=number, gateway_id=gateway, port=place.partition("\t")[2]),
        modem_place="",
        session=session,
        continuing=continuing,
        facts={},
    )


def sim_reading(
    at_ms: int,
    iccid: str | None,
    *,
    modem_place: str = "a\tx",
    continuing: bool = True,
    **more: str,
) -> Reading:
    return Reading(
        order=(at_ms, "a", "s", 1, at_ms, at_ms, 1),
        report=f"a/s/{at_ms}",
        place=f"{IMEI[:14]}\t1",
        number=iccid,
        identities=Identities(imei=IMEI, slot=1, iccid=iccid, **more),
        modem_place=modem_place,
        session=f"{modem_place}/1",
        continuing=continuing,
        facts={},
    )


def of_slot(*readings: Reading) -> list[str]:
    state, changes = PlaceState(), Changes(UnitKind.SIM)
    for reading in readings:
        advance_place(state, reading, changes)
    return [event.type for event in sorted(changes.events.values(), key=lambda one: one.at_ms)]


def of_modem(*readings: Reading) -> Changes:
    timeline, changes = UnitTimeline(), Changes(UnitKind.MODEM)
    for reading in readings:
        advance_unit(timeline, reading, changes)
    return changes


@pytest.mark.parametrize(
    ("readings", "events"),
    [
        ([sim_reading(1, ONE), sim_reading(2, ONE)], []),
        ([sim_reading(1, ONE), sim_reading(2, TWO)], ["sim.swapped"]),
        ([sim_reading(1, ONE), sim_reading(2, None), sim_reading(3, None)], ["sim.removed"]),
        ([sim_reading(1, ONE), sim_reading(2, None), sim_reading(3, ONE)], ["sim.removed"]),
        (
            [sim_reading(1, ONE), sim_reading(2, None), sim_reading(3, TWO)],
            ["sim.removed", "sim.swapped"],
        ),
        ([sim_reading(1, None), sim_reading(2, ONE)], []),
        ([sim_reading(1, ONE, eid="E"), sim_reading(2, TWO, eid="E")], ["sim.profile_switched"]),
        ([sim_reading(1, ONE, eid="E"), sim_reading(2, TWO, eid="F")], ["sim.swapped"]),
        ([sim_reading(1, ONE, eid="E"), sim_reading(2, TWO)], ["sim.swapped"]),
        ([sim_reading(1, ONE, imsi="1"), sim_reading(2, ONE), sim_reading(3, ONE, imsi="1")], []),
        (
            [sim_reading(1, ONE, imsi="1"), sim_reading(2, ONE), sim_reading(3, ONE, imsi="2")],
            ["sim.imsi_switched"],
        ),
        ([sim_reading(1, ONE), sim_reading(2, ONE + "4"), sim_reading(3, ONE)], []),
    ],
)
def test_events_of_a_slot(readings: list[Reading], events: list[str]) -> None:
    assert of_slot(*readings) == events


def test_two_modems_with_one_imei_do_not_alternate_swaps() -> None:
    here, there = "a\tx", "b\tx"
    readings = [
        sim_reading(1, ONE, modem_place=here),
        sim_reading(2, TWO, modem_place=there, continuing=False),
    ]
    for at_ms in range(3, 40, 2):
        readings += [
            sim_reading(at_ms, ONE, modem_place=here),
            sim_reading(at_ms + 1, TWO, modem_place=there),
        ]
    assert of_slot(*readings) == ["sim.swapped"]
    assert of_slot(*readings, sim_reading(50, TWO, modem_place=here)) == [
        "sim.swapped",
        "sim.swapped",
    ]


def test_move_is_withdrawn_if_the_old_place_still_sees_it() -> None:
    arrives = modem_reading(1_000, "b\tx", continuing=False, session="t/1")
    moved = of_modem(modem_reading(1, "a\tx"), arrives)
    assert [event.type for event in moved.events.values()] == ["modem.first_seen", "modem.moved"]
    soon = of_modem(modem_reading(1, "a\tx"), arrives, modem_reading(2_000, "a\tx"))
    assert soon.events.keys() == moved.events.keys(), "clocks may differ that much"
    later = of_modem(modem_reading(1, "a\tx"), arrives, modem_reading(2_000 + GRACE_MS, "a\tx"))
    assert moved.events.keys() - later.events.keys() == later.withdrawn
    assert all(interval.cause is None for interval in later.intervals.values())


def test_modem_that_returns_has_moved_twice() -> None:
    changes = of_modem(
        modem_reading(1, "a\tx"),
        modem_reading(2, "b\tx", continuing=False, session="t/1"),
        modem_reading(GRACE_MS * 3, "a\tx", continuing=False),
    )
    assert [event.type for event in changes.events.values()].count("modem.moved") == 2


def test_20th_digit_distinguishes_two_sims() -> None:
    timeline, changes = UnitTimeline(), Changes(UnitKind.SIM)
    for at_ms, number in enumerate(("89860000000000000012", "89860000000000000013")):
        advance_unit(timeline, sim_reading(at_ms, number), changes)
    assert len(timeline.units) == 2
    assert len(changes.events) == 2
    assert unit_key(UnitKind.SIM, ONE) == unit_key(UnitKind.SIM, ONE + "4")


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from(("s/1", "s/2"))),
        max_size=30,
    ),
)
def test_intervals_of_a_modem_are_well_formed(steps: list[tuple[str, bool, str]]) -> None:
    changes = of_modem(
        *(
            modem_reading(at * 400_000, f"{place}\tx", continuing=continues, session=session)
            for at, (place, continues, session) in enumerate(steps, start=1)
        )
    )
    for interval in changes.intervals.values():
        assert interval.first_ms <= interval.last_ms
        assert (
            (interval.closed_ms is None) == (interval.cause is None) == (interval.closed_by is None)
        )
        assert interval.closed_ms is None or interval.closed_ms >= interval.last_ms
    moves = {event.id for event in changes.events.values() if event.type == "modem.moved"}
    assert moves >= {
        interval.move_event for interval in changes.intervals.values() if interval.move_event
    }
    assert not moves & changes.withdrawn
