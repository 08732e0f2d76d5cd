"""Changes that are reported, case by case; a field that was not read is not a change."""

from __future__ import annotations

import pytest

from modemagent.identity.imei import Imei
from modemagent.identity.sim_locks import LockCode, LockKind
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.report.message import Reason
from modemagent.watching.baseline import (
    is_incomplete,
    reason_for,
    removal_snapshot,
    update_baseline,
)

OK, FAILED, TIMEOUT = ReadState.OK, ReadState.FAILED, ReadState.TIMEOUT
MODEM = Modem(
    manufacturer="Quectel", model="EG25-G", firmware="R07", imei=Imei("867698040000013"),
    read={"manufacturer": OK, "model": OK, "firmware": OK, "imei": OK},
)  # fmt: skip
CARD = Sim(
    state=SimState.READY, iccid="8988303000000000010", imsi="901288000000001", mcc="901",
    mnc="28", read={"iccid": OK, "imsi": OK},
)  # fmt: skip
OTHER = CARD._replace(iccid="8988303000000000028", imsi="901288000000002")
UNREAD = Sim(state=SimState.READY, read={"iccid": FAILED, "imsi": TIMEOUT})
BUSY = UNREAD._replace(state=SimState.BUSY)
ABSENT = Sim(state=SimState.ABSENT, read={"iccid": ReadState.ABSENT, "imsi": ReadState.ABSENT})
LOCKED = Sim(
    state=SimState.PIN_REQUIRED, read={"iccid": ReadState.LOCKED, "imsi": ReadState.LOCKED}
)
MUTE = Modem(read={"imei": TIMEOUT, "model": FAILED})
ANOTHER = MODEM._replace(imei=Imei("867698040000021"))
UPDATED = MODEM._replace(firmware="R08")


def reading(modem: Modem = MODEM, *sims: Sim) -> Snapshot:
    return Snapshot(port="/dev/ttyUSB2", modem=modem, sims=sims or (CARD,))


CASES: list[tuple[str, list[Snapshot], list[Reason | None]]] = [
    ("the same", [reading(), reading()], [None]),
    ("another SIM", [reading(), reading(MODEM, OTHER)], [Reason.SIM_CHANGED]),
    ("another modem", [reading(), reading(ANOTHER)], [Reason.MODEM_CHANGED]),
    ("both", [reading(), reading(ANOTHER, OTHER)], [Reason.MODEM_CHANGED]),
    ("SIM out", [reading(), reading(MODEM, ABSENT)], [Reason.SIM_CHANGED]),
    ("SIM out and in", [reading(), reading(MODEM, ABSENT), reading()], [Reason.SIM_CHANGED] * 2),
    ("still out", [reading(MODEM, ABSENT), reading(MODEM, ABSENT)], [None]),
    ("not read", [reading(), reading(MODEM, UNREAD)], [None]),
    ("busy", [reading(), reading(MODEM, BUSY)], [None]),
    ("busy and back", [reading(), reading(MODEM, BUSY), reading()], [None, None]),
    (
        "a swap seen across a busy SIM",
        [reading(), reading(MODEM, BUSY), reading(MODEM, OTHER)],
        [None, Reason.SIM_CHANGED],
    ),
    (
        "a swap seen across an empty slot",
        [reading(), reading(MODEM, ABSENT), reading(MODEM, OTHER)],
        [Reason.SIM_CHANGED, Reason.SIM_CHANGED],
    ),
    ("locked", [reading(), reading(MODEM, LOCKED)], [Reason.SIM_CHANGED]),
    ("modem not read", [reading(), reading(MUTE)], [None]),
    (
        "another modem across one not read",
        [reading(), reading(MUTE), reading(ANOTHER)],
        [None, Reason.MODEM_CHANGED],
    ),
    ("SIM read at last", [reading(MODEM, BUSY), reading()], [Reason.SIM_CHANGED]),
    ("new firmware", [reading(), reading(UPDATED)], [Reason.REFRESH]),
    ("firmware not read", [reading(), reading(MODEM._replace(firmware=None, read={
        **MODEM.read, "firmware": TIMEOUT}))], [None]),
    (
        "a second slot appears",
        [reading(), reading(MODEM, CARD, ABSENT._replace(slot=2, active=False))],
        [Reason.SIM_CHANGED],
    ),
    (
        "the other slot is used",
        [
            reading(MODEM, CARD, ABSENT._replace(slot=2, active=False)),
            reading(MODEM, CARD._replace(active=False), ABSENT._replace(slot=2, active=True)),
        ],
        [Reason.SIM_CHANGED],
    ),
    ("no slots listed", [reading(), Snapshot(port="x", modem=MODEM, sims=())], [None]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("readings", "reasons"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_reason_of_each_reading(readings: list[Snapshot], reasons: list[Reason | None]) -> None:
    first, *rest = readings
    assert reason_for(None, first) is Reason.IDENTIFIED
    baseline = update_baseline(None, first)
    found = []
    for later in rest:
        found.append(reason_for(baseline, later))
        baseline = update_baseline(baseline, later)
    assert found == reasons


@pytest.mark.parametrize("readings", [case[1] for case in CASES], ids=[c[0] for c in CASES])
def test_repeated_reading_has_no_changes_after_a_restart(
    readings: list[Snapshot],
) -> None:
    baseline: Snapshot | None = None
    for one in readings:
        baseline = update_baseline(baseline, one)
        assert reason_for(baseline, one) is None
        stored = Snapshot.from_json(baseline.to_json())
        assert reason_for(stored, one) is None


def test_other_lock_is_a_change_and_kept_while_busy() -> None:
    locked = CARD._replace(state=SimState.LOCKED, lock=LockKind.NETWORK, lock_code=LockCode.PIN)
    blocked = locked._replace(lock_code=LockCode.PUK)
    before, after = Snapshot(port="x", sims=(locked,)), Snapshot(port="x", sims=(blocked,))
    assert reason_for(before, after) is Reason.SIM_CHANGED
    assert reason_for(after, after) is None
    (kept,) = update_baseline(after, Snapshot(port="x", sims=(BUSY,))).sims
    assert (kept.state, kept.lock, kept.lock_code) == (
        SimState.LOCKED, LockKind.NETWORK, LockCode.PUK,
    )  # fmt: skip


def test_removed_sim_is_not_removed_with_its_modem() -> None:
    baseline = update_baseline(update_baseline(None, reading()), reading(MODEM, ABSENT))
    (sim,) = removal_snapshot(baseline).sims
    assert (sim.state, sim.iccid, sim.read) == (SimState.ABSENT, None, {})
    assert removal_snapshot(reading()).sims == (CARD,)


def test_only_a_starting_sim_is_read_again_soon() -> None:
    assert is_incomplete(reading(MODEM, BUSY))
    assert is_incomplete(reading(MODEM, UNREAD))
    for settled in (CARD, ABSENT, LOCKED, BUSY._replace(active=False)):
        assert not is_incomplete(reading(MODEM, settled))
