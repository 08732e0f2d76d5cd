"""The state of the line as screens draw it. Numbers are masked here, once for all screens."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import quote

from modemagent.provisioning.attempt import (
    BayState,
    BayView,
    Blame,
    RunVerdict,
    StepState,
    StepView,
)
from modemagent.provisioning.bay_run import Bay, BayRun, StepResult
from modemagent.provisioning.figures import per_hour
from modemagent.provisioning.line import LineView, NeedView, OrderCounts, StationView
from modemagent.provisioning.lot_stop import STOPPED, lot_needs
from modemagent.provisioning.state import LineState, masked_tail
from modemagent.provisioning.steps.catalogue import STEPS
from modemagent.provisioning.steps.context import label_rule

_LONGEST_REASON = 60
#: Age at which the counters are made again, because units per hour decrease.
_COUNTS_S = 10.0
#: Recalls that are shown, the latest ones.
_RECALLS = 3
_PROMPTS = {"label": "bay, then label", "label_back": "bay, then its label"}


def line_view(line: LineState, station: StationView) -> LineView:
    """Return everything that a screen draws.

    :param station: what the runtime states: registry, queue, printer
    """
    bays = tuple(bay_view(line, bay) for bay in line.bays.values())
    checked = line.ledger.checked_at
    station = station._replace(
        name=line.settings.station,
        url=_registry_page(line),
        checked=checked[11:16],
        person=_plain(line.person),
        lead=line.lead[0] if line.lead[1] > line.now else "",
    )
    return LineView(
        now=line.now,
        revision=line.revision,
        order=order_counts(line),
        station=station,
        bays=bays,
        needs=tuple(
            need._replace(text=_plain(need.text))
            for need in (*lot_needs(line, bays), *_recalls(line), *_needs(bays))
        ),
        last_scan=line.last_scan,
        hint=_hint(line, bays),
        message=_plain(line.message),
        columns=line.settings.columns,
    )


def _registry_page(line: LineState) -> str:
    """Return the address of the station's page in its registry, "" if that has no pages."""
    url = line.settings.registry_url.rstrip("/")
    is_used = line.settings.registry != "none" and url.startswith(("http://", "https://"))
    return f"{url}/bench/{quote(line.settings.station, safe='')}" if is_used else ""


def held_view(view: LineView, fault: str) -> LineView:
    """Return a view in which all units are on hold.

    A verdict of the turn that failed is in the state, but not on the disk.
    """
    reason = "the journal cannot be written"
    bays = tuple(
        bay._replace(state=BayState.HOLD, verdict=None, reason=reason, remedy="", prompt="")
        if bay.run
        else bay
        for bay in view.bays
    )
    needs = (NeedView((), fault, Blame.STATION), *view.needs)
    return view._replace(bays=bays, needs=needs, message=fault)


def order_counts(line: LineState) -> OrderCounts:
    """Return the counters of the order; they are made again after a verdict and periodically."""
    kept = line.counts
    if kept is None or kept[0] != line.ledger.verdicts or line.now - kept[1] > _COUNTS_S:
        kept = line.counts = line.ledger.verdicts, line.now, _order_counts(line)
    return kept[2]


def report_counts(line: LineState, stage: str) -> dict[str, Any]:
    """Return the counts of the order and of the shift for a report, empty without a verdict."""
    if stage != "ended":
        return {}
    order = {**line.ledger.counts.to_json(), "size": line.order.size or None}
    return {"order": order, "shift": line.ledger.shift.to_json()}


def _order_counts(line: LineState) -> OrderCounts:
    counts, order = line.ledger.counts, line.order
    first = order.rows[0].values if order.rows else {}
    size = order.size or None
    steps = Counter({step: count for step, count in counts.steps.items() if step and count > 0})
    return OrderCounts(
        name=order.name,
        model=first.get("model", ""),
        lot=first.get("lot", ""),
        size=size,
        passed=counts.verdicts[RunVerdict.PASS],
        waived=counts.verdicts[RunVerdict.WAIVED],
        failed=counts.verdicts[RunVerdict.FAIL],
        left=max(0, size - counts.passing) if size is not None else None,
        per_hour=per_hour(line.ledger, line.now),
        first_pass=counts.first_pass,
        failures=tuple(steps.most_common()),
        lots=tuple(filter(None, line.lots)),
        needs_second=bool(line.second_lots),
    )


def bay_view(line: LineState, bay: Bay) -> BayView:
    """Return one bay as its tile shows it."""
    run = bay.run
    if run is None:
        return BayView(
            bay.number, bay.state, bay.since, device=bay.device, reason=_plain(bay.reason),
            needs_person=bay.state is BayState.HOLD,
        )  # fmt: skip
    shown = run.hold or run.failure or _current(run)
    modem = run.reading.modem if run.reading is not None else None
    sim = run.reading.active_sim if run.reading is not None else None
    step = run.hold_step if run.hold is not None else run.failed_step
    needs_person = bay.is_plugged and bay.state in _NEEDING_STATES
    return BayView(
        number=bay.number,
        state=bay.state,
        since=bay.since,
        verdict=run.verdict,
        manufacturer=_plain(modem.manufacturer if modem else None),
        model=_plain(modem.model if modem else None),
        firmware=_plain(modem.firmware if modem else None),
        imei=masked_tail(str(modem.imei)) if modem is not None and modem.imei else "",
        iccid=masked_tail(str(sim.iccid)) if sim is not None and sim.iccid else "",
        sim=str(sim.state) if sim is not None else "",
        device=bay.device,
        reason=_plain(bay.reason)[:_LONGEST_REASON],
        remedy=_plain(shown.remedy if shown is not None else ""),
        blame=shown.blame if shown is not None else None,
        step=step,
        steps=_ladder(line, run),
        needs_person=needs_person,
        prompt=_prompt(bay, run),
        others=shown.others if shown is not None else (),
        label=_label(run),
        run=run.number,
    )


_NEEDING_STATES = frozenset({BayState.SCANNING, BayState.VERIFYING, BayState.HOLD, BayState.FAIL})


def _current(run: BayRun) -> StepResult | None:
    """Return the failure that is requested again."""
    if run.verdict is not None:
        return None
    return next((one for one in run.results.values() if one.state is StepState.FAILED), None)


def _prompt(bay: Bay, run: BayRun) -> str:
    if bay.state is BayState.VERIFYING:
        return _PROMPTS["label_back"]
    if bay.state is not BayState.SCANNING:
        return ""
    wrong = _current(run)
    if wrong is not None and wrong.blame is Blame.OPERATOR:
        return "swap the SIM cards back"
    return _PROMPTS["label"]


def _label(run: BayRun) -> str:
    if not run.label:
        return ""
    copy = f", copy {run.copies}" if run.copies > 1 else ""
    status = "not printed" if run.label_problem else run.label_status or "printing"
    return f"label {run.label:02} {status}{copy}"


def _ladder(line: LineState, run: BayRun) -> tuple[StepView, ...]:
    views = []
    rule = label_rule(run.row)
    for step in STEPS:
        result = run.results.get(step.name)
        if result is not None:
            state, reason = result.state, result.reason
        else:
            state, reason = _acting_state(line, run, step.name, rule), ""
        views.append(StepView(step.name, step.title, state, _plain(reason)))
    return tuple(views)


def _acting_state(line: LineState, run: BayRun, name: str, rule: str) -> StepState:
    """Return the state of a step that acts: register or print."""
    if name in run.waivers:
        return StepState.WAIVED
    needed = {
        "register": line.settings.registry != "none" and not run.is_golden,
        "print": rule.startswith("print"),
        "label_back": rule == "print+scan",
    }
    is_done = run.is_registered if name == "register" else bool(run.label_status)
    if not needed.get(name, True) or (run.verdict is RunVerdict.FAIL and not is_done):
        return StepState.SKIPPED
    stage = {"register": "registering", "print": "printing"}.get(name, "")
    if stage and is_done:
        return StepState.PASSED
    return StepState.RUNNING if stage and run.stage == stage else StepState.PENDING


def _recalls(line: LineState) -> list[NeedView]:
    """Return the units that have left their bay with a verdict that was revoked later."""
    found = []
    for recall in line.ledger.recalls[-_RECALLS:]:
        entry = line.ledger.units.get(recall["unit"])
        if entry is None or entry.verdict is not RunVerdict.FAIL:
            continue
        if recall.get("by") == "registry" and entry.runs[-1] > recall["run"]:
            continue  # it has been brought back
        row = line.index.rows.get(recall["row"])
        names = [f"line {row.line}" if row is not None else "",
                 f"label {recall['label']}" if recall["label"] else ""]  # fmt: skip
        text = f"Bring back the unit {masked_tail(recall['unit'])}"
        text += f" ({', '.join(filter(None, names))})"
        found.append(NeedView((), f"{text}: {recall['reason']}.", Blame.UNIT))
    return found


def _needs(bays: tuple[BayView, ...]) -> list[NeedView]:
    found: dict[tuple[str, ...], NeedView] = {}
    for bay in bays:
        if not bay.needs_person or bay.remedy == STOPPED:
            continue
        numbers = (
            tuple(sorted({bay.number, *bay.others})) if bay.step == "unique" else (bay.number,)
        )
        if bay.state in (BayState.SCANNING, BayState.VERIFYING):
            text = f"{bay.reason}: {bay.prompt}."
        else:
            step = f"{bay.step}: " if bay.step else ""
            reason = bay.reason
            if bay.step == "unique" and bay.others:
                reason = f"the same IMEI in the bays {' and '.join(numbers)}"
            text = f"{step}{reason}. {bay.remedy}".strip()
        found.setdefault(numbers, NeedView(numbers, text, bay.blame))
    merged: dict[tuple[str, Blame | None], NeedView] = {}
    for need in found.values():  # a printer without paper is one need, however many bays it holds
        key = need.text, need.blame
        before = merged.get(key)
        merged[key] = need if before is None else need._replace(bays=before.bays + need.bays)
    urgency = {Blame.STATION: 0, Blame.OPERATOR: 1}
    return sorted(merged.values(), key=lambda need: urgency.get(need.blame, 2) if need.blame else 1)


def _hint(line: LineState, bays: tuple[BayView, ...]) -> str:
    if line.selected[0]:
        return f"label of bay {line.selected[0]}"
    if line.loose is not None:
        return "plug the module of this label in"
    waiting = [bay for bay in bays if bay.state in (BayState.SCANNING, BayState.VERIFYING)]
    return f"bay {waiting[0].number}, then its label" if waiting else ""


def _plain(text: str | None) -> str:
    """Return text of a modem without control characters."""
    return "".join(one if one.isprintable() else "?" for one in text or "")
