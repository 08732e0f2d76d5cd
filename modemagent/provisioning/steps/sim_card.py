"""Steps about the SIM card: its state, and whether it belongs to the unit."""

from __future__ import annotations

from modemagent.identity.snapshot import Sim, SimState
from modemagent.provisioning.bay_run import PASSED, SKIPPED, BayRun, StepResult, failed, pending
from modemagent.provisioning.steps.context import StepContext

_STATES = {
    SimState.ABSENT: "no SIM card",
    SimState.PIN_REQUIRED: "the SIM card waits for its PIN, which is never tried",
    SimState.PUK_REQUIRED: "the SIM card is blocked and waits for its PUK",
    SimState.LOCKED: "the module accepts only certain SIM cards",
    SimState.NO_PROFILE: "the eUICC has no enabled profile",
    SimState.BUSY: "the SIM card stayed busy",
    SimState.FAILURE: "the SIM card failed",
    SimState.OFF: "the SIM interface is switched off",
    SimState.UNKNOWN: "the state of the SIM card could not be read",
}


def sim(run: BayRun, context: StepContext) -> StepResult:
    """Compare the state of the SIM with what the row expects."""
    rule = _rule(run, context)
    if rule == "any":
        return SKIPPED
    if not run.is_complete:
        return pending("sim" if run.reading else "module", "SIM starts")
    found = run.reading.active_sim if run.reading is not None else None
    state = found.state if found is not None else SimState.UNKNOWN
    if rule == "absent":
        return PASSED if state is SimState.ABSENT else failed(f"a SIM card is in it: {state}")
    if state is not SimState.READY:
        return failed(_STATES[state], "Insert the SIM card again; then try another one.")
    if found is None or found.iccid is None:
        return failed("the ICCID was not read", "Insert the SIM card again.")
    return PASSED


def pairing(run: BayRun, context: StepContext) -> StepResult:
    """Return PASSED if the SIM card is that of the row, or free in the list."""
    rule = _rule(run, context)
    if rule in ("any", "absent") or run.row is None:
        return SKIPPED
    if not run.is_complete:
        return pending("sim" if run.reading else "module", "SIM starts")
    found = run.reading.active_sim if run.reading is not None else None
    if found is None or found.iccid is None:
        return SKIPPED  # the step before has failed
    wanted = run.row.values.get("iccid")
    if wanted is not None and not found.iccid.same_sim(wanted):
        owner = context.order_index.row_of_sim(found.iccid)
        where = f"it belongs to line {owner.line}" if owner is not None else "no line has it"
        return failed(f"the SIM card is not that of line {run.row.line}; {where}",
                      wanted=wanted, found=str(found.iccid))  # fmt: skip
    if wanted is None and (owner := context.order_index.row_of_sim(found.iccid)) is not None:
        return failed(f"the SIM card belongs to line {owner.line}", found=str(found.iccid))
    return _free_in_list(run, found, context)


def _free_in_list(run: BayRun, found: Sim, context: StepContext) -> StepResult:
    assert found.iccid is not None  # noqa: S101 - the caller has checked it
    if not context.order_index.is_listed_sim(found.iccid):
        return failed("the SIM card is not in the list", found=str(found.iccid))
    imsi = run.row.values.get("imsi") if run.row is not None else None
    if imsi is not None and found.imsi is not None and found.imsi != imsi:
        return failed("the IMSI is not that of the line", wanted=imsi, found=str(found.imsi))
    user = context.ledger.sims.get(found.iccid.sim_key)
    if user is not None and user != run.unit:
        return failed("the SIM card was used with another unit of this order",
                      found=str(found.iccid), unit=user)  # fmt: skip
    key = found.iccid.sim_key
    for bay in context.bays.values():
        other = bay.run
        if bay.number != run.bay and other is not None and other.sim_key == key and bay.is_plugged:
            result = failed(f"the SIM card is reported in bay {bay.number} as well",
                            found=str(found.iccid))  # fmt: skip
            return result._replace(others=(bay.number,))
    return PASSED


def _rule(run: BayRun, context: StepContext) -> str:
    return context.order.sim_rule(run.row) if run.row is not None else "any"
