"""The fold itself: cases that the order of arrival has no part in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.registry.timeline import (
    GRACE_MS,
    Changes,
    Identities,
    PlaceState,
    Reading,
    UnitTimeline,
    advance_place,
    advance_unit,
    item_key,
)

ONE, TWO = "8988303000000000010", "8988303000000000028"
IMEI = "867698040000013"


def sighting(
    at_ms: int, seat: str, *, reason_continues: bool = True, session: str = "s/1", item: str = IMEI
) -> Reading:
    gateway = seat.partition("\t")[0]
    return Reading(
        order=(at_ms, gateway, session, 1, at_ms, at_ms, -1),
        report=f"{gateway}/{session}/{at_ms}",
        seat=seat,
        item=item,
        pair=Identities(imei=item, gateway_id=gateway, port=seat.partition("\t")[2]),
        via="",
        session=session,
        continuing=reason_continues,
        facts={},
    )


def card(
    at_ms: int, iccid: str | None, *, via: str = "a\tx", continuing: bool = True, **pair: str
) -> Reading:
    return Reading(
        order=(at_ms, "a", "s", 1, at_ms, at_ms, 1),
        report=f"a/s/{at_ms}",
        seat=f"{IMEI[:14]}\t1",
        item=iccid,
        pair=Identities(imei=IMEI, slot=1, iccid=iccid, **pair),
        via=via,
        session=f"{via}/1",
        continuing=continuing,
        facts={},
    )


def of_slot(*readings: Reading) -> list[str]:
    seat, out = PlaceState(), Changes()
    for reading in readings:
        advance_place("card", seat, reading, out)
    return [event.type for event in sorted(out.events.values(), key=lambda one: one.at_ms)]


def of_modem(*readings: Reading) -> Changes:
    line, out = UnitTimeline(), Changes()
    for reading in readings:
        advance_unit("modem", line, reading, out)
    return out


@pytest.mark.parametrize(
    ("readings", "told"),
    [
        ([card(1, ONE), card(2, ONE)], []),
        ([card(1, ONE), card(2, TWO)], ["sim.swapped"]),
        ([card(1, ONE), card(2, None), card(3, None)], ["sim.removed"]),
        ([card(1, ONE), card(2, None), card(3, ONE)], ["sim.removed"]),
        ([card(1, ONE), card(2, None), card(3, TWO)], ["sim.removed", "sim.swapped"]),
        ([card(1, None), card(2, ONE)], []),
        ([card(1, ONE, eid="E"), card(2, TWO, eid="E")], ["sim.profile_switched"]),
        ([card(1, ONE, eid="E"), card(2, TWO, eid="F")], ["sim.swapped"]),
        ([card(1, ONE, eid="E"), card(2, TWO)], ["sim.swapped"]),
        ([card(1, ONE, imsi="1"), card(2, ONE), card(3, ONE, imsi="1")], []),
        ([card(1, ONE, imsi="1"), card(2, ONE), card(3, ONE, imsi="2")], ["sim.imsi_switched"]),
        ([card(1, ONE), card(2, ONE + "4"), card(3, ONE)], []),
    ],
)
def test_a_slot(readings: list[Reading], told: list[str]) -> None:
    assert of_slot(*readings) == told


def test_two_units_with_one_number_are_no_flood_of_swaps() -> None:
    here, there = "a\tx", "b\tx"
    readings = [card(1, ONE, via=here), card(2, TWO, via=there, continuing=False)]
    for at_ms in range(3, 40, 2):
        readings += [card(at_ms, ONE, via=here), card(at_ms + 1, TWO, via=there)]
    assert of_slot(*readings) == ["sim.swapped"]
    assert of_slot(*readings, card(50, TWO, via=here)) == ["sim.swapped", "sim.swapped"]


def test_a_move_is_withdrawn_when_the_old_place_never_lost_sight() -> None:
    arrives = sighting(1_000, "b\tx", reason_continues=False, session="t/1")
    moved = of_modem(sighting(1, "a\tx"), arrives)
    assert [event.type for event in moved.events.values()] == ["modem.first_seen", "modem.moved"]
    soon = of_modem(sighting(1, "a\tx"), arrives, sighting(2_000, "a\tx"))
    assert soon.events.keys() == moved.events.keys(), "two clocks may disagree that much"
    later = of_modem(sighting(1, "a\tx"), arrives, sighting(2_000 + GRACE_MS, "a\tx"))
    assert moved.events.keys() - later.events.keys() == later.withdrawn
    assert all(stay.cause is None for stay in later.stays.values())


def test_a_modem_that_comes_back_has_moved_twice() -> None:
    out = of_modem(
        sighting(1, "a\tx"),
        sighting(2, "b\tx", reason_continues=False, session="t/1"),
        sighting(GRACE_MS * 3, "a\tx", reason_continues=False),
    )
    assert [event.type for event in out.events.values()].count("modem.moved") == 2


def test_the_20th_digit() -> None:
    line, out = UnitTimeline(), Changes()
    for at_ms, number in enumerate(("89860000000000000012", "89860000000000000013")):
        advance_unit("card", line, card(at_ms, number), out)
    assert len(line.items) == 2
    assert len(out.events) == 2
    assert item_key("card", ONE) == item_key("card", ONE + "4")


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from(("s/1", "s/2"))),
        max_size=30,
    ),
)
def test_stays_of_a_modem_are_well_formed(steps: list[tuple[str, bool, str]]) -> None:
    out = of_modem(
        *(
            sighting(at * 400_000, f"{place}\tx", reason_continues=continues, session=session)
            for at, (place, continues, session) in enumerate(steps, start=1)
        )
    )
    for stay in out.stays.values():
        assert stay.first_ms <= stay.last_ms
        assert (stay.closed_ms is None) == (stay.cause is None) == (stay.closed_by is None)
        assert stay.closed_ms is None or stay.closed_ms >= stay.last_ms
    moves = {event.id for event in out.events.values() if event.type == "modem.moved"}
    assert moves >= {stay.move for stay in out.stays.values() if stay.move}
    assert not moves & out.withdrawn
