"""Steps about the module itself: it answers, its numbers, its model and firmware."""

from __future__ import annotations

from modemagent.identity.problems import Problem, Severity
from modemagent.identity.snapshot import ReadState
from modemagent.provisioning.bay_run import PASSED, SKIPPED, BayRun, StepResult, failed, pending
from modemagent.provisioning.steps.context import StepContext, is_model, matches

#: Fields whose findings are about the module; those of the SIM card have a step of their own.
_OWN_FIELDS = frozenset({"imei", "imeisv", "meid", "eid"})
#: Findings that another step is about.
_ELSEWHERE = frozenset({"cross.imei_duplicate", "cross.tac_model_differ"})
_MUTE = "Put it into its socket again; then try another bay, then a golden unit in this bay."


def answers(run: BayRun, context: StepContext) -> StepResult:
    """AT answers, and a number was read that is meant to be the IMEI."""
    if run.reading is not None:
        modem = run.reading.modem
        if modem.imei or modem.imei_raw:
            return PASSED
        if run.is_complete:
            return failed("the module answers, but not with an IMEI")
        return pending("module", "the IMEI is being read")
    if context.now - run.began < context.settings.boot_s:
        return pending("module", run.silence or "no AT port yet")
    return failed(f"no answer to AT within {context.settings.boot_s:g} s", _MUTE)


def identity(run: BayRun, _: StepContext) -> StepResult:
    """Return the errors of the identity rules."""
    return _judged(run, Severity.ERROR)


def identity_hints(run: BayRun, _: StepContext) -> StepResult:
    """Return the warnings of the identity rules."""
    return _judged(run, Severity.WARNING)


def _judged(run: BayRun, severity: Severity) -> StepResult:
    if run.reading is None:
        return pending("module", "the IMEI is being read")
    found = [one for one in run.reading.problems if one.severity is severity and _is_own(one)]
    if not found:
        return PASSED
    codes = ", ".join(one.code for one in found)
    raw = run.reading.modem.imei_raw or ""
    return failed(f"{found[0].field.upper()}: {found[0].message}", codes=codes, raw=raw)


def _is_own(finding: Problem) -> bool:
    return finding.field in _OWN_FIELDS and finding.code not in _ELSEWHERE


def model(run: BayRun, _: StepContext) -> StepResult:
    """Compare maker and model with the row."""
    wanted = run.row and run.row.values
    if not wanted or not {"model", "manufacturer"} & wanted.keys():
        return SKIPPED
    if (unread := _unread(run, "model")) is not None:
        return unread
    assert run.reading is not None  # noqa: S101 - it was read
    modem = run.reading.modem
    if "model" in wanted and not is_model(wanted["model"], modem.model or ""):
        return failed(f"wants {wanted['model']}, is {modem.model or 'unknown'}")
    if "manufacturer" in wanted and not is_model(wanted["manufacturer"], modem.manufacturer or ""):
        return failed(f"wants {wanted['manufacturer']}, is {modem.manufacturer or 'unknown'}")
    return PASSED


def firmware(run: BayRun, _: StepContext) -> StepResult:
    """Compare the firmware with the row."""
    wanted = run.row.values.get("firmware") if run.row is not None else None
    if not wanted:
        return SKIPPED
    if (unread := _unread(run, "firmware")) is not None:
        return unread
    assert run.reading is not None  # noqa: S101 - it was read
    found = run.reading.modem.firmware or ""
    return PASSED if matches(wanted, found) else failed(f"wants {wanted}, has {found or 'unknown'}")


def tac(run: BayRun, context: StepContext) -> StepResult:
    """Compare the TAC with the lists of order and station, and with maker and model."""
    if not run.unit or run.reading is None:
        return SKIPPED if run.is_complete else pending("module", "the IMEI is being read")
    listed = (run.row.values.get("tac") if run.row is not None else None) or ""
    allowed = {*listed.replace("|", " ").split()} or {*context.settings.tacs}
    if allowed and run.unit[:8] not in allowed:
        return failed(f"TAC {run.unit[:8]} is not on the list")
    for one in run.reading.problems:
        if one.code == "cross.tac_model_differ":
            return failed(one.message)
    return PASSED


def _unread(run: BayRun, field: str) -> StepResult | None:
    """Return why a field cannot be compared, None if it was read."""
    if run.reading is None:
        return pending("module", f"{field} is being read")
    state = run.reading.modem.read.get(field)
    if state is ReadState.OK or getattr(run.reading.modem, field):
        return None
    if run.is_complete:
        return failed(f"the {field} was not read: {state or 'not read'}")
    return pending("module", f"{field} is being read")
