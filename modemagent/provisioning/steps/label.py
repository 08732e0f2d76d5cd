"""Steps about labels: one that is on the module, and ours after it was printed.

Only a scan that is tied to the bay by place counts: swapped labels are those of modules that exist.
"""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.provisioning.bay_run import (
    PASSED,
    SKIPPED,
    BayRun,
    LabelScan,
    StepResult,
    failed,
    pending,
)
from modemagent.provisioning.steps.context import StepContext, label_rule

_TITLES = {"imei": "IMEI", "iccid": "ICCID", "eid": "EID", "serial_number": "serial number"}


def label(run: BayRun, context: StepContext) -> StepResult:
    """Compare the label on a module with what the module reports, field by field."""
    if label_rule(run.row) != "scan":
        return SKIPPED
    if run.reading is None:
        return pending("module", "the IMEI is being read")
    tied = [scan for scan in run.labels if scan.tie != "value"]
    if not context.settings.allow_typed:
        tied = [scan for scan in tied if not scan.is_typed]
    own = _own_fields(run)
    is_compared = False
    for scan in tied:
        for name, value in scan.fields.items():
            if name not in own:
                continue
            is_compared = True
            if value != own[name]:
                return _mismatch(run, name, value, own[name], context)
    return PASSED if is_compared else pending("scan", "label not scanned")


def label_back(run: BayRun, context: StepContext) -> StepResult:
    """Compare our label, scanned at its bay, with the module."""
    if label_rule(run.row) != "print+scan":
        return SKIPPED
    scan = run.back
    if scan is None:
        return pending("scan", "printed label not scanned")
    own = _own_fields(run)
    for name, value in scan.fields.items():
        if name in own and value != own[name]:
            return _mismatch(run, name, value, own[name], context)
    if own.keys() & scan.fields.keys():
        return PASSED
    return failed("the scan is not one of our labels")


def _own_fields(run: BayRun) -> dict[str, str]:
    """Return what the module reports, and the serial number of its row."""
    found: dict[str, str | None] = {"imei": run.unit or None}
    if run.reading is not None:
        sim = run.reading.active_sim
        found["serial_number"] = run.reading.modem.serial_number
        if sim is not None:
            found |= {"iccid": sim.iccid and sim.iccid.sim_key, "eid": sim.eid}
    if run.row is not None and not found.get("serial_number"):
        found["serial_number"] = run.row.values.get("serial_number")
    return {name: str(value) for name, value in found.items() if value}


def _mismatch(run: BayRun, name: str, scanned: str, own: str, context: StepContext) -> StepResult:
    title = _TITLES.get(name, name)
    bay = bay_with(run, {name: scanned}, context)
    if bay is None:
        result = failed(f"the label has another {title} than the module")
    else:
        result = failed(f"the label is that of bay {bay}: another {title}")._replace(others=(bay,))
    return result._replace(private={"field": name, "label": scanned, "module": own})


def bay_with(run: BayRun, fields: Mapping[str, str], context: StepContext) -> str | None:
    """Return the other bay whose module has one of the numbers."""
    for bay in context.bays.values():
        other = bay.run
        if other is None or other is run:
            continue
        own = _own_fields(other)
        if any(own.get(name) == value for name, value in fields.items()):
            return bay.number
    return None


def fits(run: BayRun, scan: LabelScan | Mapping[str, str]) -> bool:
    """Return True if a scan has a number of the unit."""
    fields = scan.fields if isinstance(scan, LabelScan) else scan
    own = _own_fields(run)
    return any(own.get(name) == value for name, value in fields.items())
