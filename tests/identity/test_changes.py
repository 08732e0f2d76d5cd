"""Changes between two readings: swaps, profile switches, removals, first readings."""

from __future__ import annotations

from typing import TypeVar

from modemagent.identity.changes import Change, SimNumbers, changes, compare_sims, remember
from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.identifier import Identifier
from modemagent.identity.imei import Imei
from modemagent.identity.imsi import Imsi
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot

IMEI, OTHER_IMEI = "867698040000013", "867698040000021"
ICCID, OTHER_ICCID = "8988303000000000010", "8949210000000001111"
IMSI, OTHER_IMSI = "901288000000001", "262010000000001"
EID = "89049032000000000000000000000066"


T = TypeVar("T", bound=Identifier)


def typed(kind: type[T], value: str | None) -> T | None:
    return None if value is None else kind(value)


def sim(state: SimState = SimState.READY, slot: int = 1, **values: str | None) -> Sim:
    """Return a slot with these fields read; None is a field that timed out."""
    read = {
        name: ReadState.TIMEOUT if value is None else ReadState.OK for name, value in values.items()
    }
    return Sim(
        slot=slot,
        state=state,
        iccid=typed(Iccid, values.get("iccid")),
        imsi=typed(Imsi, values.get("imsi")),
        eid=typed(Eid, values.get("eid")),
        read=read,
    )


def snapshot(*sims: Sim, imei: str | None = IMEI) -> Snapshot:
    state = ReadState.OK if imei else ReadState.FAILED
    modem = Modem(imei=typed(Imei, imei), read={"imei": state})
    return Snapshot(port="/dev/ttyUSB2", modem=modem, sims=sims)


def kinds(before: Snapshot | None, after: Snapshot) -> list[str]:
    return [change.kind for change in changes(before, after)]


READY = sim(iccid=ICCID, imsi=IMSI)
ABSENT = sim(SimState.ABSENT)


def test_first_reading() -> None:
    assert kinds(None, snapshot(READY)) == ["modem.first_seen", "sim.first_seen"]
    assert kinds(None, snapshot(ABSENT)) == ["modem.first_seen"]
    assert kinds(snapshot(ABSENT), snapshot(READY)) == ["sim.first_seen"]


def test_equal_readings_have_no_change() -> None:
    assert changes(snapshot(READY), snapshot(READY)) == ()


def test_sim_swapped() -> None:
    after = snapshot(sim(iccid=OTHER_ICCID, imsi=OTHER_IMSI))
    assert changes(snapshot(READY), after) == (
        Change("sim.swapped", "iccid", ICCID, OTHER_ICCID, 1),
    )


def test_a_twentieth_digit_is_not_a_swap() -> None:
    assert kinds(snapshot(READY), snapshot(sim(iccid=ICCID + "7", imsi=IMSI))) == []


def test_profile_switched_on_the_same_euicc() -> None:
    before = snapshot(sim(iccid=ICCID, eid=EID))
    assert kinds(before, snapshot(sim(iccid=OTHER_ICCID, eid=EID))) == ["sim.profile_switched"]
    assert kinds(before, snapshot(sim(iccid=OTHER_ICCID, eid=None))) == ["sim.swapped"]
    assert kinds(before, snapshot(sim(iccid=OTHER_ICCID, eid=EID[::-1]))) == ["sim.swapped"]


def test_imsi_switched_on_the_same_sim() -> None:
    after = snapshot(sim(iccid=ICCID, imsi=OTHER_IMSI))
    assert kinds(snapshot(READY), after) == ["sim.imsi_switched"]


def test_pin_entry_is_not_a_swap() -> None:
    locked = snapshot(sim(SimState.PIN_REQUIRED, iccid=ICCID, imsi=None))
    assert kinds(locked, snapshot(READY)) == []
    assert kinds(snapshot(READY), locked) == []


def test_a_field_that_was_not_read_is_unchanged() -> None:
    unread = snapshot(sim(SimState.BUSY, iccid=None, imsi=None), imei=None)
    assert kinds(snapshot(READY), unread) == []
    assert kinds(snapshot(READY), snapshot(sim(iccid=None, imsi=OTHER_IMSI))) == []


def test_a_value_without_state_ok_is_ignored() -> None:
    stale = Sim(state=SimState.READY, iccid=Iccid(OTHER_ICCID), read={"iccid": ReadState.FAILED})
    assert kinds(snapshot(READY), snapshot(stale)) == []


def test_without_iccid_the_imsi_identifies_the_sim() -> None:
    before = snapshot(sim(imsi=IMSI))
    assert kinds(None, before) == ["modem.first_seen", "sim.first_seen"]
    assert kinds(before, snapshot(sim(imsi=OTHER_IMSI))) == ["sim.swapped"]
    assert kinds(before, before) == []


def test_removal_is_one_event() -> None:
    assert kinds(snapshot(READY), snapshot(ABSENT)) == ["sim.removed"]
    assert kinds(snapshot(ABSENT), snapshot(ABSENT)) == []
    assert kinds(snapshot(sim(SimState.BUSY)), snapshot(ABSENT)) == []


def test_modem_swapped() -> None:
    assert kinds(snapshot(READY), snapshot(READY, imei=OTHER_IMEI)) == ["modem.swapped"]
    assert kinds(snapshot(READY, imei=None), snapshot(READY)) == ["modem.first_seen"]


def test_slots_are_compared_one_by_one() -> None:
    two = snapshot(READY, sim(slot=2, iccid=OTHER_ICCID))
    swapped = snapshot(sim(slot=2, iccid=ICCID), READY)
    assert [(change.kind, change.slot) for change in changes(two, swapped)] == [("sim.swapped", 2)]


def test_baseline_shows_a_swap_across_an_empty_slot() -> None:
    known = remember(snapshot(READY), snapshot(ABSENT))
    assert known.sims[0].state is SimState.ABSENT
    assert kinds(known, snapshot(ABSENT)) == []
    assert kinds(known, snapshot(sim(iccid=OTHER_ICCID))) == ["sim.swapped"]
    assert kinds(known, snapshot(READY)) == []


def test_baseline_drops_the_numbers_of_another_sim() -> None:
    known = remember(snapshot(READY), snapshot(sim(iccid=OTHER_ICCID, imsi=None)))
    assert known.sims[0].imsi is None
    assert remember(None, known) is known


def test_baseline_keeps_the_modem_unless_swapped() -> None:
    unread = snapshot(ABSENT, imei=None)
    assert remember(snapshot(READY), unread).modem.imei == IMEI
    assert remember(snapshot(READY), snapshot(imei=OTHER_IMEI)).modem.imei == OTHER_IMEI
    assert remember(snapshot(READY), snapshot()).sims == (READY,)


def test_compare_sims_ignores_numbers_that_were_not_read() -> None:
    unread = SimNumbers(None, None, None)
    full = SimNumbers(ICCID, IMSI, EID)
    assert compare_sims(unread, full) is None
    assert compare_sims(full, unread) is None
    assert compare_sims(full, SimNumbers(None, OTHER_IMSI, None)) is None
    assert compare_sims(full, SimNumbers(OTHER_ICCID, IMSI, None)) == "sim.swapped"
    assert compare_sims(full, SimNumbers(OTHER_ICCID, None, EID)) == "sim.profile_switched"
    assert compare_sims(full, SimNumbers(ICCID + "7", OTHER_IMSI, EID)) == "sim.imsi_switched"
