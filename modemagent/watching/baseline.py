"""What is known of a port, and whether a new reading says something else.

A reading is never complete by itself: a card can be busy, a command can time out. What is known
keeps the last value of every field that was not read, so that a swap is seen across an
incomplete reading, and a field that was not read is never taken for changed.
"""

from __future__ import annotations

from dataclasses import replace

from modemagent.identity.changes import changes, remember
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.report.message import Reason

# states a card passes through; what it was before is still what is known of it
_PASSING = (SimState.BUSY, SimState.UNKNOWN, SimState.FAILURE)
_NUMBERS = ("iccid", "imsi")


def reason_for(known: Snapshot | None, reading: Snapshot) -> Reason | None:
    """Return why a reading must be reported, or None when it says nothing new."""
    if known is None:
        return Reason.IDENTIFIED
    kinds = {change.kind.partition(".")[0] for change in changes(known, reading)}
    if "modem" in kinds:
        return Reason.MODEM_CHANGED
    if "sim" in kinds or _sims_say_more(known.sims, reading.sims):
        return Reason.SIM_CHANGED
    # firmware, software version: the same modem with something else to say of itself
    return Reason.REFRESH if _says_more(known.modem, reading.modem, values=True) else None


def update_baseline(known: Snapshot | None, reading: Snapshot) -> Snapshot:
    """Return what is known after a reading: itself, completed by what was known before."""
    if known is None or any(c.kind == "modem.swapped" for c in changes(known, reading)):
        return reading
    before = {sim.slot: sim for sim in known.sims}
    memory = remember(known, reading)
    return replace(memory, sims=tuple(_settled(before.get(sim.slot), sim) for sim in memory.sims))


def removal_snapshot(known: Snapshot) -> Snapshot:
    """Return what leaves with a modem that is taken out: not the cards that left before it."""
    return replace(
        known,
        sims=tuple(
            Sim(slot=sim.slot, active=sim.active, state=sim.state)
            if sim.state is SimState.ABSENT
            else sim
            for sim in known.sims
        ),
    )


def sim_still_starting(reading: Snapshot) -> bool:
    """Tell whether a card is still coming up, so that reading again soon will say more."""
    return any(sim.active and _coming_up(sim) for sim in reading.sims)


def _coming_up(sim: Sim) -> bool:
    if sim.state is SimState.READY:
        passing = (ReadState.FAILED, ReadState.TIMEOUT)
        return any(sim.read.get(name) in passing for name in _NUMBERS)
    return sim.state in (SimState.BUSY, SimState.UNKNOWN)


def _settled(before: Sim | None, after: Sim) -> Sim:
    if before is None or after.state not in _PASSING or before.state is SimState.ABSENT:
        return after
    return replace(after, state=before.state, lock=before.lock, lock_code=before.lock_code)


def _says_more(before: Modem | Sim, after: Modem | Sim, *, values: bool = False) -> bool:
    for name, state in after.read.items():
        if state is not ReadState.OK:
            continue
        if before.read.get(name) is not ReadState.OK:
            return True
        if values and getattr(before, name, None) != getattr(after, name, None):
            return True
    return False


def _sims_say_more(before: tuple[Sim, ...], after: tuple[Sim, ...]) -> bool:
    known = {sim.slot: sim for sim in before}
    for sim in after:
        old = known.get(sim.slot)
        if old is None or _says_more(old, sim) or sim.active != old.active:
            return True
        if sim.state not in _PASSING and _condition(sim) != _condition(old):
            return True
    return False


def _condition(sim: Sim) -> tuple[str | None, ...]:
    return sim.state, sim.lock, sim.lock_code
