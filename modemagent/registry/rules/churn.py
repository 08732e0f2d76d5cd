"""Many SIMs in one slot within a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from modemagent.registry.rules.changes import slot_of
from modemagent.registry.rules.inputs import PairChange, RuleFinding, UnitHistory

WINDOW_MS = 24 * 3_600_000
#: Different ICCIDs in one slot within the window that are a finding.
FEWEST_SIMS = 4


def churn(unit: UnitHistory) -> Iterator[RuleFinding]:
    """Yield ``sim.churn`` at the change that brings the fourth SIM within 24 hours."""
    slots: dict[str, list[PairChange]] = defaultdict(list)
    for one in unit.changes:
        if one.kind in ("sim.swapped", "sim.profile_switched"):
            slots[slot_of(one)].append(one)
    for slot, changes in slots.items():
        was_many = False
        for number, one in enumerate(changes):
            recent = [
                each
                for each in changes[: number + 1]
                if one.at.hi_ms - each.at.hi_ms <= WINDOW_MS
            ]  # fmt: skip
            sims = {each.new.sim for each in recent} | {recent[0].old.sim}
            is_many = len(sims) >= FEWEST_SIMS
            if is_many and not was_many:
                yield RuleFinding("sim.churn", one.at, slot)
            was_many = is_many
