"""Swaps, switches, unlocks and first sights between two readings."""

from __future__ import annotations

from modemagent.identity import crosscheck
from modemagent.identity.changes import Change, changes, remember
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot

IMEI, OTHER_IMEI = "867698040000013", "867698040000021"
ICCID, OTHER_ICCID = "8988303000000000010", "8949210000000001111"
IMSI, OTHER_IMSI = "901288000000001", "262010000000001"
EID = "89049032000000000000000000000066"


def sim(state: SimState = SimState.READY, slot: int = 1, **values: str | None) -> Sim:
    """A slot whose given fields were read; None stands for a field that timed out."""
    read = {
        name: ReadState.TIMEOUT if value is None else ReadState.OK for name, value in values.items()
    }
    return Sim(
        slot=slot,
        state=state,
        iccid=values.get("iccid"),
        imsi=values.get("imsi"),
        eid=values.get("eid"),
        read=read,
    )


def snapshot(*sims: Sim, imei: str | None = IMEI) -> Snapshot:
    state = ReadState.OK if imei else ReadState.FAILED
    return Snapshot(port="/dev/ttyUSB2", modem=Modem(imei=imei, read={"imei": state}), sims=sims)


def kinds(before: Snapshot | None, after: Snapshot) -> list[str]:
    return [change.kind for change in changes(before, after)]


CARD = sim(iccid=ICCID, imsi=IMSI)
ABSENT = sim(SimState.ABSENT)


def test_first_sight() -> None:
    assert kinds(None, snapshot(CARD)) == ["modem.first_seen", "sim.first_seen"]
    assert kinds(None, snapshot(ABSENT)) == ["modem.first_seen"]
    assert kinds(snapshot(ABSENT), snapshot(CARD)) == ["sim.first_seen"]


def test_nothing_changed() -> None:
    assert changes(snapshot(CARD), snapshot(CARD)) == ()


def test_sim_swapped() -> None:
    after = snapshot(sim(iccid=OTHER_ICCID, imsi=OTHER_IMSI))
    assert changes(snapshot(CARD), after) == (
        Change("sim.swapped", "iccid", ICCID, OTHER_ICCID, 1),
    )
    assert changes(snapshot(CARD), after)[0].to_json()["slot"] == 1


def test_a_twentieth_digit_is_no_swap() -> None:
    assert kinds(snapshot(CARD), snapshot(sim(iccid=ICCID + "7", imsi=IMSI))) == []


def test_profile_switched_on_the_same_euicc() -> None:
    before = snapshot(sim(iccid=ICCID, eid=EID))
    assert kinds(before, snapshot(sim(iccid=OTHER_ICCID, eid=EID))) == ["sim.profile_switched"]
    assert kinds(before, snapshot(sim(iccid=OTHER_ICCID, eid=None))) == ["sim.swapped"]
    assert kinds(before, snapshot(sim(iccid=OTHER_ICCID, eid=EID[::-1]))) == ["sim.swapped"]


def test_imsi_switched_on_the_same_card() -> None:
    after = snapshot(sim(iccid=ICCID, imsi=OTHER_IMSI))
    assert kinds(snapshot(CARD), after) == ["sim.imsi_switched"]


def test_pin_unlock_is_no_swap() -> None:
    locked = snapshot(sim(SimState.PIN_REQUIRED, iccid=ICCID, imsi=None))
    assert kinds(locked, snapshot(CARD)) == []
    assert kinds(snapshot(CARD), locked) == []


def test_what_was_not_read_did_not_change() -> None:
    unread = snapshot(sim(SimState.BUSY, iccid=None, imsi=None), imei=None)
    assert kinds(snapshot(CARD), unread) == []
    assert kinds(snapshot(CARD), snapshot(sim(iccid=None, imsi=OTHER_IMSI))) == []


def test_an_unread_field_with_a_value_does_not_count() -> None:
    stale = Sim(state=SimState.READY, iccid=OTHER_ICCID, read={"iccid": ReadState.FAILED})
    assert kinds(snapshot(CARD), snapshot(stale)) == []


def test_without_iccid_the_imsi_tells() -> None:
    before = snapshot(sim(imsi=IMSI))
    assert kinds(None, before) == ["modem.first_seen", "sim.first_seen"]
    assert kinds(before, snapshot(sim(imsi=OTHER_IMSI))) == ["sim.swapped"]
    assert kinds(before, before) == []


def test_sim_removed_once() -> None:
    assert kinds(snapshot(CARD), snapshot(ABSENT)) == ["sim.removed"]
    assert kinds(snapshot(ABSENT), snapshot(ABSENT)) == []
    assert kinds(snapshot(sim(SimState.BUSY)), snapshot(ABSENT)) == []


def test_modem_swapped() -> None:
    assert kinds(snapshot(CARD), snapshot(CARD, imei=OTHER_IMEI)) == ["modem.swapped"]
    assert kinds(snapshot(CARD, imei=None), snapshot(CARD)) == ["modem.first_seen"]


def test_slots_are_compared_one_by_one() -> None:
    two = snapshot(CARD, sim(slot=2, iccid=OTHER_ICCID))
    swapped = snapshot(sim(slot=2, iccid=ICCID), CARD)
    assert [(change.kind, change.slot) for change in changes(two, swapped)] == [("sim.swapped", 2)]


def test_memory_sees_a_swap_across_an_empty_slot() -> None:
    known = remember(snapshot(CARD), snapshot(ABSENT))
    assert known.sims[0].state is SimState.ABSENT
    assert kinds(known, snapshot(ABSENT)) == []
    assert kinds(known, snapshot(sim(iccid=OTHER_ICCID))) == ["sim.swapped"]
    assert kinds(known, snapshot(CARD)) == []


def test_memory_of_another_card_is_void() -> None:
    known = remember(snapshot(CARD), snapshot(sim(iccid=OTHER_ICCID, imsi=None)))
    assert known.sims[0].imsi is None
    assert remember(None, known) is known


def test_memory_keeps_the_modem_unless_it_was_swapped() -> None:
    unread = snapshot(ABSENT, imei=None)
    assert remember(snapshot(CARD), unread).modem.imei == IMEI
    assert remember(snapshot(CARD), snapshot(imei=OTHER_IMEI)).modem.imei == OTHER_IMEI
    assert remember(snapshot(CARD), snapshot()).sims == (CARD,)


# --- cross


def codes(modem: Modem, card: Sim | None = None) -> list[str]:
    return [problem.code for problem in crosscheck.compare(modem, card)]


def test_imei_and_imeisv() -> None:
    assert codes(Modem(imei=IMEI, imeisv=IMEI[:14] + "07")) == ["cross.tac_unknown"]
    found = codes(Modem(imei=IMEI, imeisv=OTHER_IMEI[:14] + "07"))
    assert found == ["cross.imei_imeisv_differ", "cross.tac_unknown"]


def test_dual_mode_meid() -> None:
    dual = "990000123456784"
    assert codes(Modem(imei=dual, meid=dual[:14])) == ["cross.tac_unknown"]
    assert "cross.meid_imei_differ" in codes(Modem(imei=dual, meid="AF0123450ABCDE"))
    assert "cross.meid_imei_differ" not in codes(Modem(imei=IMEI, meid="AF0123450ABCDE"))


def test_tac_and_model() -> None:
    imei = "865326060000017"
    assert codes(Modem(imei=imei, manufacturer="Quectel", model="EG25")) == []
    assert codes(Modem(imei=imei)) == []
    wrong = codes(Modem(imei=imei, manufacturer="Telit", model="LE910C4-EU"))
    assert wrong == ["cross.tac_model_differ"]
    simcom = Modem(
        imei="868822040000010", manufacturer="SIMCOM INCORPORATED", model="SIMCOM_SIM7600G-H"
    )
    assert codes(simcom) == []
    sierra = Modem(imei="001027000000013", manufacturer="Sierra Wireless", model="EM7565")
    assert codes(sierra) == []


def test_countries() -> None:
    german = Sim(iccid=OTHER_ICCID, imsi=IMSI)
    assert codes(Modem(), german) == ["cross.iccid_imsi_country"]
    assert codes(Modem(), Sim(iccid=ICCID, imsi=IMSI)) == []
    assert codes(Modem(), Sim(iccid=OTHER_ICCID, imsi=OTHER_IMSI)) == []
    assert codes(Modem(), Sim(iccid="8901260000000000000", imsi="302720000000001")) == []
    assert codes(Modem(), Sim(iccid="8900000000000000001", imsi=IMSI)) == []


def test_label_and_duplicates() -> None:
    assert crosscheck.compare_label(IMEI, IMEI) == ()
    assert crosscheck.compare_label(OTHER_IMEI, IMEI)[0].code == "cross.imei_label_differ"
    assert crosscheck.duplicates([IMEI, IMEI[:14] + "07", OTHER_IMEI, None]) == (IMEI[:14],)


def test_pairs_over_time() -> None:
    def pair(imei: str, card: Sim) -> tuple[Modem, Sim]:
        return Modem(imei=imei, read={"imei": ReadState.OK}), card

    def found(before: tuple[Modem, Sim], after: tuple[Modem, Sim]) -> list[str]:
        return [problem.code for problem in crosscheck.compare_pairs(before, after)]

    card = sim(iccid=ICCID, imsi=IMSI, eid=EID)
    assert found(pair(IMEI, card), pair(IMEI, card)) == []
    other = sim(iccid=OTHER_ICCID, imsi=IMSI, eid=EID)
    assert found(pair(IMEI, card), pair(IMEI, other)) == ["cross.iccid_changed"]
    assert found(pair(IMEI, card), pair(OTHER_IMEI, card)) == ["cross.imei_changed"]
    other = sim(iccid=ICCID, imsi=OTHER_IMSI, eid=EID)
    assert found(pair(IMEI, card), pair(IMEI, other)) == ["cross.imsi_changed"]
    other = sim(iccid=ICCID, imsi=IMSI, eid=EID[::-1])
    assert found(pair(IMEI, card), pair(IMEI, other)) == ["cross.eid_changed"]
    assert found(pair(IMEI, card), pair(IMEI, sim(iccid=None, imsi=None))) == []
