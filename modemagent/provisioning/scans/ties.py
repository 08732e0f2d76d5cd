"""How a scan comes to its bay: by the code of the bay, by the next plug, or by the number alone.

A number proves that such a module exists. Only the first two prove that the label is on it.
"""

from __future__ import annotations

from modemagent.provisioning import acts, outcome, progress
from modemagent.provisioning.attempt import BayState, StepState
from modemagent.provisioning.bay_run import Bay, BayRun, LabelScan
from modemagent.provisioning.events import CodeScanned, PersonActed
from modemagent.provisioning.line import ScanView
from modemagent.provisioning.scans.shapes import ParsedScan, parse_scan
from modemagent.provisioning.state import TIE_S, LineState, LooseLabel, masked_tail
from modemagent.provisioning.steps import label as label_steps
from modemagent.provisioning.steps.label import fits
from modemagent.provisioning.unit_counts import PASSING

#: A second module that appears within this time makes it unclear whose the label is.
_AMBIGUOUS_S = 1.0


def on_scanned(line: LineState, event: CodeScanned) -> None:
    """Give a scan to its bay, or keep it until its module appears."""
    frame = line.settings.frames.get(event.source)
    if frame is not None:
        event = event._replace(text=frame.without(event.text))
    scan = parse_scan(event.text, formats=line.label_formats, serial=line.serial_format)
    if scan.problem:
        signs = "1 character" if len(event.text) == 1 else f"{len(event.text)} characters"
        _show(line, event, signs, f"refused: {scan.problem}", is_refused=True, remedy=scan.remedy)
    elif scan.bay:
        _select(line, event, scan.bay)
    elif scan.command:
        _command(line, event, scan)
    else:
        _label(line, event, scan)


def _select(line: LineState, event: CodeScanned, number: str) -> None:
    bay = line.bays.get(number)
    if bay is None:
        _show(line, event, f"bay {number}", "refused: no such bay", is_refused=True)
        return
    line.selected = (number, line.now)
    acts.starts_turn(line, number, "scan")
    _show(line, event, f"bay {number}", f"bay {number}")


def _command(line: LineState, event: CodeScanned, scan: ParsedScan) -> None:
    if scan.command == "badge":
        acts.on_acted(line, PersonActed("person", person=scan.argument))
        is_refused = bool(line.message)
        result = f"refused: {line.message}" if is_refused else scan.argument
        _show(line, event, "badge", result, is_refused=is_refused)
    elif scan.command == "check":
        result = f"refused: {scan.argument}" if scan.argument else "the scanner is right"
        _show(line, event, "check sheet", result, is_refused=bool(scan.argument))
    else:
        do = {"print": "reprint", "retest": "retest", "ok": "go"}[scan.command]
        acts.on_acted(line, PersonActed(do, line.selected[0]))
        _show(line, event, scan.command, f"bay {line.selected[0] or '?'}")


def _label(line: LineState, event: CodeScanned, scan: ParsedScan) -> None:
    text = masked_tail(next(iter(scan.fields.values())))
    number, since = line.selected
    if number and line.now - since <= TIE_S:
        line.selected = (number, line.now)
        bay = line.bays[number]
        if bay.run is not None and bay.is_plugged:
            _give(line, bay, bay.run, LabelScan(scan.fields, "bay", line.now, event.is_typed),
                  event.source)  # fmt: skip
            _show(line, event, text, f"bay {number}")
        else:
            bay.waiting_label = LabelScan(scan.fields, "bay", line.now, event.is_typed)
            _show(line, event, text, f"bay {number}, which is empty")
        return
    found = _by_value(line, scan)
    if found is not None and found.run is not None:
        _give(line, found, found.run, LabelScan(scan.fields, "value", line.now, event.is_typed),
              event.source)  # fmt: skip
        _show(line, event, text, f"number of bay {found.number}: scan the bay first")
        return
    if line.loose is not None:
        _stray(line, line.loose)
    line.loose = LooseLabel(LabelScan(scan.fields, "plug", line.now, event.is_typed), event.source)
    _show(line, event, text, "plug its module in")
    line.announce("scan.read", bay=None, source=event.source, fields=sorted(scan.fields), tie=None,
                  result="no module here has this number: plug its module in")  # fmt: skip


def _by_value(line: LineState, scan: ParsedScan) -> Bay | None:
    for bay in line.bays.values():
        if bay.run is not None and bay.is_plugged and fits(bay.run, scan.fields):
            return bay
    return None


def _give(line: LineState, bay: Bay, run: BayRun, scan: LabelScan, source: str) -> None:
    is_back = bay.state is BayState.VERIFYING and scan.tie != "value"
    is_proof = bay.state is BayState.HOLD and run.label_status == "doubt"
    line.record("scan", run=run.number, bay=bay.number, source=source, fields=dict(scan.fields),
                tie=scan.tie, typed=scan.is_typed, back=is_back)  # fmt: skip
    line.announce("scan.read", bay=bay.number, source=source, fields=sorted(scan.fields),
                  tie=scan.tie)  # fmt: skip
    if run.verdict is not None:
        if run.verdict in PASSING and scan.tie == "bay" and not run.is_golden:
            _compare_late(line, bay, run, scan)
        return
    run.evidence += 1
    if is_proof and scan.tie == "bay":
        run.label_status, run.hold = "printed", None
        line.record("label_sent", is_synced=True, run=run.number, status="scanned")
    if is_back:
        run.back = scan
    else:
        run.labels.append(scan)
    progress.advance(line, bay)


def _compare_late(line: LineState, bay: Bay, run: BayRun, scan: LabelScan) -> None:
    """Compare another code of a label whose first one was right: the unit has passed with that."""
    run.labels.append(scan)
    result = label_steps.label(run, line.context())
    if result.state is StepState.FAILED:
        outcome.note(line, run, "label", result)
        outcome.withdraw(line, bay, run.number, "label", run.results["label"])


def on_plugged(line: LineState, bay: Bay) -> None:
    """Give a label that was scanned before to the module that has just appeared."""
    run = bay.run
    if run is None:
        return
    if bay.waiting_label is not None:
        waiting, bay.waiting_label = bay.waiting_label, None
        if line.now - waiting.at <= TIE_S:
            _give(line, bay, run, waiting, "")
    loose = line.loose
    if loose is None:
        return
    if not loose.given_to:
        line.loose = loose._replace(given_to=bay.number, given_at=line.now)
        return
    # two modules at once: neither gets the label
    line.message = f"bays {loose.given_to} and {bay.number}: scan the bay, then its label"
    line.loose = None
    line.revision += 1


def on_time(line: LineState) -> None:
    """Give a label whose module is clear; a label that no module took is a stray."""
    number, since = line.selected
    if number and line.now - since > TIE_S:
        line.selected = ("", 0.0)
        line.revision += 1
    loose = line.loose
    if loose is None:
        return
    if loose.given_to and line.now - loose.given_at >= _AMBIGUOUS_S:
        line.loose = None
        bay = line.bays[loose.given_to]
        if bay.run is not None and bay.is_plugged:
            _give(line, bay, bay.run, loose.scan, loose.source)
    elif not loose.given_to and line.now - loose.scan.at > TIE_S:
        line.loose = None
        _stray(line, loose)


def _stray(line: LineState, loose: LooseLabel) -> None:
    line.strays = [*line.strays[-1:], loose.scan]  # one alone may be that of the bay that waits
    line.record("scan", run=None, bay="", source=loose.source, fields=dict(loose.scan.fields),
                tie="none")  # fmt: skip
    waiting = [bay.number for bay in line.bays.values() if bay.state is BayState.SCANNING]
    likely = waiting[0] if len(waiting) == 1 and len(line.strays) == 1 else None
    line.announce("scan.stray", source=loose.source, fields=sorted(loose.scan.fields),
                  likely_bay=likely)  # fmt: skip
    line.message = "a scanned label belongs to no module here" + (
        f"; likely that of bay {likely}" if likely else ""
    )


def _show(
    line: LineState,
    event: CodeScanned,
    text: str,
    result: str,
    *,
    is_refused: bool = False,
    remedy: str = "",
) -> None:
    line.last_scan = ScanView(line.at[11:19], event.source, text, result, is_refused)
    line.revision += 1
    if is_refused:
        line.announce("scan.read", bay=None, source=event.source, fields=[], tie=None,
                      refused=result, what=text or None, remedy=remedy or None)  # fmt: skip
