"""Swaps, moves and switches: each change of a modem or SIM that people may have to decide about."""

from __future__ import annotations

from collections.abc import Iterator

from modemagent.registry.rules.inputs import PairChange, RuleFinding, UnitHistory

#: Changes that are findings, and the events after which a change is no longer the present state.
KINDS: dict[str, frozenset[str]] = {
    "sim.swapped": frozenset({"sim.swapped", "sim.profile_switched", "sim.removed"}),
    "sim.profile_switched": frozenset({"sim.swapped", "sim.profile_switched", "sim.removed"}),
    "sim.imsi_switched": frozenset(
        {"sim.swapped", "sim.profile_switched", "sim.imsi_switched", "sim.removed"}
    ),
    "sim.moved": frozenset({"sim.moved"}),
    "modem.moved": frozenset({"modem.moved"}),
    "modem.swapped": frozenset({"modem.moved"}),
}
_IN_SLOT = frozenset({"sim.swapped", "sim.profile_switched", "sim.imsi_switched", "sim.removed"})


def changes(unit: UnitHistory) -> Iterator[RuleFinding]:
    """Yield a finding for each change; late if a newer reading contradicts it already."""
    for number, one in enumerate(unit.changes):
        if one.kind in KINDS:
            later = unit.changes[number + 1 :]
            is_late = any(
                other.kind in KINDS[one.kind] and slot_of(other) == slot_of(one) for other in later
            )
            yield RuleFinding(one.kind, one.at, slot_of(one), is_late=is_late)


def slot_of(change: PairChange) -> str:
    """Return the slot that a change is about; empty: the whole modem, or the SIM."""
    if change.kind not in _IN_SLOT:
        return ""
    slot = change.old.slot if change.new.slot is None else change.new.slot
    return "" if slot is None else str(slot)
