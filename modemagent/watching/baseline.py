"""Baseline of a modem: the last reading, completed by earlier ones, and comparison with a new one.

A reading can be incomplete: a SIM is busy, a command times out. The baseline keeps the last value
of every field that was not read, so that a swap is detected across an incomplete reading, and a
field that was not read never counts as changed.
"""

from __future__ import annotations

from modemagent.identity.changes import changes, remember
from modemagent.identity.problems import Severity
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.report.message import Reason

#: Transient states of a SIM; the baseline keeps the state before them.
_TRANSIENT = (SimState.BUSY, SimState.UNKNOWN, SimState.FAILURE)
_NUMBERS = ("iccid", "imsi")
#: What every modem has, so that a refusal may pass.
_EQUIPMENT = ("manufacturer", "model", "firmware", "imei")
_UNREAD = (ReadState.FAILED, ReadState.TIMEOUT)


def reason_for(baseline: Snapshot | None, reading: Snapshot) -> Reason | None:
    """Return the reason to report a reading, None if it has no changes."""
    if baseline is None:
        return Reason.IDENTIFIED
    kinds = {change.kind.partition(".")[0] for change in changes(baseline, reading)}
    if "modem" in kinds:
        return Reason.MODEM_CHANGED
    if "sim" in kinds or _sims_have_more(baseline.sims, reading.sims):
        return Reason.SIM_CHANGED
    # the same modem with another firmware or software version, or with a new contradiction
    has_more = _has_more(baseline.modem, reading.modem, values=True)
    return Reason.REFRESH if has_more or _conflicts(reading) - _conflicts(baseline) else None


def update_baseline(baseline: Snapshot | None, reading: Snapshot) -> Snapshot:
    """Return the baseline after a reading: the reading, completed by the previous baseline."""
    if baseline is None or any(c.kind == "modem.swapped" for c in changes(baseline, reading)):
        return reading
    before = {sim.slot: sim for sim in baseline.sims}
    merged = remember(baseline, reading)
    return merged._replace(sims=tuple(_settled(before.get(sim.slot), sim) for sim in merged.sims))


def removal_snapshot(baseline: Snapshot) -> Snapshot:
    """Return what is removed with a modem, without the SIMs that were removed before it."""
    return baseline._replace(
        sims=tuple(
            Sim(slot=sim.slot, active=sim.active, state=sim.state)
            if sim.state is SimState.ABSENT
            else sim
            for sim in baseline.sims
        ),
    )


def is_incomplete(reading: Snapshot) -> bool:
    """Return True if another reading may have more: a value was refused, or a SIM is starting."""
    return any(reading.modem.read.get(name) in _UNREAD for name in _EQUIPMENT) or any(
        sim.active and _is_starting(sim) for sim in reading.sims
    )


def _is_starting(sim: Sim) -> bool:
    if sim.state is SimState.READY:
        return any(sim.read.get(name) in _UNREAD for name in _NUMBERS)
    return sim.state in (SimState.BUSY, SimState.UNKNOWN)


def _settled(before: Sim | None, after: Sim) -> Sim:
    if before is None or after.state not in _TRANSIENT or before.state is SimState.ABSENT:
        return after
    return after._replace(state=before.state, lock=before.lock, lock_code=before.lock_code)


def _conflicts(reading: Snapshot) -> set[str]:
    return {
        problem.code
        for problem in reading.problems
        if problem.code.startswith("cross.imei_") and problem.severity is Severity.ERROR
    }


def _has_more(before: Modem | Sim, after: Modem | Sim, *, values: bool = False) -> bool:
    for name, state in after.read.items():
        if state is not ReadState.OK:
            continue
        if before.read.get(name) is not ReadState.OK:
            return True
        if values and getattr(before, name, None) != getattr(after, name, None):
            return True
    return False


def _sims_have_more(before: tuple[Sim, ...], after: tuple[Sim, ...]) -> bool:
    slots = {sim.slot: sim for sim in before}
    for sim in after:
        old = slots.get(sim.slot)
        if old is None or _has_more(old, sim) or sim.active != old.active:
            return True
        if sim.state not in _TRANSIENT and _lock_state(sim) != _lock_state(old):
            return True
    return False


def _lock_state(sim: Sim) -> tuple[str | None, ...]:
    return sim.state, sim.lock, sim.lock_code
