"""Slots: all are listed, one is in use, the others are never read and never a change."""

from __future__ import annotations

import pytest

from modemagent.channel.runner import run_plans
from modemagent.identity.changes import changes
from modemagent.identity.snapshot import ReadState, Sim, SimState, Snapshot
from modemagent.modem.identify import identify
from modemagent.modem.slots import all_slots, slots_of
from tests.simulated import simulated

#: transcript, state -> (slot, in use, state) of each slot
PLAYED = [
    ("quectel-rm500u-cnv", "", [(1, True, "ready"), (2, False, "unknown")]),
    ("meig-slm770a", "slot 1 active", [(1, True, "ready"), (2, False, "unknown")]),
    ("meig-slm770a", "slot 2 active", [(1, False, "unknown"), (2, True, "ready")]),
    ("quectel-eg25-g", "", [(1, True, "ready")]),
]


def identified(name: str, state: str = "", *faults: str) -> Snapshot:
    with simulated(name, state=state, faults=faults) as modem:
        outcome = run_plans({modem.path: identify(modem.path)}, timeout_s=40)[modem.path]
    assert isinstance(outcome, Snapshot), outcome
    return outcome


@pytest.mark.parametrize(("name", "state", "expected"), PLAYED)
def test_every_slot_is_listed(name: str, state: str, expected: list[tuple[int, bool, str]]) -> None:
    found = identified(name, state)
    assert [(sim.slot, sim.active, str(sim.state)) for sim in found.sims] == expected
    assert found.active_sim is not None and found.active_sim.iccid is not None
    for sim in found.sims:
        if not sim.active:
            assert sim.iccid is None and sim.read["iccid"] is ReadState.UNSUPPORTED


def test_failed_slot_command_is_harmless() -> None:
    found = identified("quectel-rm500u-cnv", "", "refuse=AT+QUIMSLOT?")
    assert [(sim.slot, sim.active) for sim in found.sims] == [(1, True)]
    assert found.sims[0].iccid is not None


def test_other_slots_are_never_a_change() -> None:
    before = identified("meig-slm770a", "slot 1 active")
    assert changes(before, before) == ()


@pytest.mark.parametrize(
    ("said", "count", "words"),
    [
        ("unknown*", 0, ["unknown"]),
        ("unknown*", 2, ["unknown", "unknown"]),
        ("absent,present*", 2, ["absent", "present"]),
        ("unknown,unknown*", 1, ["unknown", "unknown"]),
        ("unknown", 2, []),
        ("unknown*,unknown*", 2, []),
        ("unknown*", 999999, []),
    ],
)
def test_implausible_slot_list_is_rejected(said: str, count: int, words: list[str]) -> None:
    assert [slot.content for slot in slots_of(said, count)] == words


def test_empty_slot_is_reported_empty() -> None:
    read, other = all_slots(Sim(state=SimState.READY), slots_of("present*,absent"))
    assert (read.slot, read.active, other.slot, other.state) == (1, True, 2, SimState.ABSENT)
