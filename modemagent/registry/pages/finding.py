"""The page of a finding with its decision box, and the decisions that people make there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from modemagent.registry.pages import finding_context as context
from modemagent.registry.pages.event_rows import EventRow, event_row
from modemagent.registry.pages.evidence import AtAnswer, ReportAnswers
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.finding_acts import (
    FindingDifference,
    HistoryRow,
    UndoOffer,
    difference_of,
    effects_of,
    history_rows,
    undo_of,
)
from modemagent.registry.pages.finding_facts import ChangeFacts, Fact, facts_about
from modemagent.registry.pages.finding_rows import FindingRow, finding_row
from modemagent.registry.pages.frame import (
    Answer,
    Ask,
    Page,
    SeeOther,
)
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.words import GRADES
from modemagent.registry.store.findings import finding_reader
from modemagent.registry.store.findings.authorised import OF_PAIRS
from modemagent.registry.store.findings.decisions import (
    AUTHORISABLE,
    NOT_SUPPRESSIBLE,
    Decision,
    DecisionAction,
    DecisionRefused,
    StaleRevision,
)
from modemagent.registry.store.findings.decisions import decide as make_decision
from modemagent.registry.store.intake.batch import Batch

_MOST_REASON = 2000
_MOST_TICKET = 80
_MOST_EVIDENCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingPage:
    """A finding, what it rests on, and the decisions about it.

    :param grade: how certain it is, as text
    :param change: the event that the finding is about, if it is about a change
    :param facts: what speaks for a planned change, and against it; None: it is not about a change
    :param effects: what its authorisation will change
    :param undo: the last decision, if the viewer can undo it
    :param authorised: what the authorisation of the finding has allowed: label and when it ended
    :param can_withdraw: a decision can be taken back
    :param allows: the policy that allows the SIM once the finding is authorised
    :param newer: events of the same object after it
    :param others: findings about the same object that wait
    :param is_over: its cause is gone
    :param is_decided: a person has resolved it
    :param case: what it is about, or the open case about the same modem or SIM
    :param deadlines: address of the deadlines of the modem, if it is about one
    :param difference: what has changed elsewhere while the form was open
    :param problem: why a decision was not made
    :param opened: the decision whose form is open
    :param typed: the reason that was typed
    :param ticket: the ticket that was typed
    """

    row: FindingRow
    revision: int
    grade: str
    change: EventRow | None
    facts: ChangeFacts | None
    effects: list[Fact]
    undo: UndoOffer | None
    authorised: tuple[str, ShownTime | None] | None
    can_withdraw: bool
    allows: str
    newer: list[EventRow]
    others: list[FindingRow]
    evidence: list[Link]
    answers: list[AtAnswer]
    history: list[HistoryRow]
    is_over: bool
    is_decided: bool
    can_authorise: bool
    can_suppress: bool
    may_decide: bool
    assignee: str
    until: str
    new_case: str
    case: Link | None
    deadlines: str
    difference: FindingDifference | None = None
    problem: str = ""
    opened: str = ""
    typed: str = ""
    ticket: str = ""


def show(ask: Ask) -> Answer:
    """Return the page of a finding."""
    found = _page(ask)
    if isinstance(found, FindingPage):
        return Page("finding.html", found)
    return found


def decide(ask: Ask) -> Answer:
    """Make a decision from the form, if the finding has not changed since the page was made."""
    viewer = ask.who
    finding_id = _id(ask)
    try:
        decision = decision_of(ask, viewer.actor)
        revision = int(ask.given("revision"))
    except ValueError as error:
        return _again(ask, problem=str(error))

    if ask.given("undo") and not _can_undo(ask):
        return _again(ask, problem="The time to undo it is over: withdraw it with a reason.")

    def work(batch: Batch) -> dict[str, Any] | None:
        return make_decision(batch, finding_id, revision, decision)

    try:
        found = ask.state.recorder.run(work)
    except StaleRevision:
        return _again(ask, seen=revision, status=409)
    except DecisionRefused as refused:
        return _again(ask, problem=f"Not decided: {refused}.")
    if found is None:
        raise not_found("finding")
    can_undo = decision.action not in (DecisionAction.WITHDRAW, DecisionAction.ASSIGN)
    return SeeOther(f"/findings/{found['id']}#{'decided' if can_undo else 'decisions'}")


def _can_undo(ask: Ask) -> bool:
    found = _page(ask)
    return isinstance(found, FindingPage) and found.undo is not None


def _again(ask: Ask, status: int = 422, seen: int | None = None, problem: str = "") -> Answer:
    """Return the page with what was typed.

    :param seen: revision of the form, if the finding has changed since
    """
    typed = {"typed": ask.given("reason"), "ticket": ask.given("ticket")}
    found = _page(ask, seen, problem=problem, opened=ask.path["action"], **typed)
    if isinstance(found, FindingPage):
        return Page("finding.html", found, status=status)
    return found


def _id(ask: Ask) -> str:
    try:
        return str(UUID(ask.path["id"]))
    except ValueError:
        raise not_found("finding") from None


def decision_of(ask: Ask, actor: str) -> Decision:
    """Return the decision of a form, whose kind is in the address.

    :raises ValueError: a field is missing or cannot be read
    """
    try:
        action = DecisionAction(ask.path["action"])
    except ValueError:
        raise not_found("decision") from None
    reason = " ".join(ask.given("reason").split())
    if action is DecisionAction.WITHDRAW and ask.given("undo"):
        reason = reason or "undone"
    if not reason:
        raise ValueError("Give a reason, so that others see why.")
    ticket = ask.given("ticket") if action is DecisionAction.AUTHORISE else ""
    if len(ticket) > _MOST_TICKET or not ticket.isprintable():
        raise ValueError(f"A ticket has at most {_MOST_TICKET} characters.")
    reason = f"{reason} (ticket {ticket})" if ticket else reason
    if len(reason) > _MOST_REASON:
        raise ValueError(f"A reason has at most {_MOST_REASON} characters.")
    until_ms = None
    if action in (DecisionAction.ACKNOWLEDGE, DecisionAction.SUPPRESS):
        try:
            until = datetime.fromisoformat(ask.given("until")).replace(tzinfo=UTC)
        except ValueError:
            raise ValueError("Give the time in UTC until which the decision holds.") from None
        until_ms = round(until.timestamp() * 1000)
    assignee = None
    if action is DecisionAction.ASSIGN:
        assignee = ask.given("assignee")[:256]
        if not assignee.isprintable() or not assignee:
            raise ValueError("Give the name of who is to work on it.")
    is_once = action is DecisionAction.AUTHORISE and bool(ask.given("once"))
    return Decision(action, reason, actor, until_ms, assignee, is_once)


def _page(ask: Ask, seen: int | None = None, **more: Any) -> FindingPage | SeeOther:
    finding_id, viewer, now = _id(ask), ask.who, ask.now
    with ask.reading() as connection:
        found = finding_reader.finding(connection, finding_id)
        if found is None:
            raise not_found("finding")
        if found["id"] != ask.path["id"] and ask.request.method == "GET":
            return SeeOther(f"/findings/{found['id']}")
        unit = context.unit_of(connection, found)
        happened = found["change"] or context.same_report(connection, unit, found)
        later = context.later(connection, unit, found)
        about = context.others(connection, unit, found)
        links = Links(connection, viewer, [found, happened, later, about])
        row = finding_row(found, links, now)
        change = event_row(happened, links, now) if happened else None
        case = context.case_of(connection, found)
        newer = [event_row(one, links, now) for one in later]
        others = [finding_row(one, links, now) for one in about]
        keys = [one["report"] for one in found["evidence"][:_MOST_EVIDENCE]]
        evidence = [link for key in keys if (link := links.report(key))]
        first = found["first_report"]
        title = change.word.short if change else row.word.short
        answers = ReportAnswers(connection, links).about(first, title) if first else ()
        can_authorise = found["type"] in AUTHORISABLE
        facts = facts_about(connection, found, links, now, others) if can_authorise else None
        after = change.after if change else None
        effects = effects_of(found, links, after, others) if can_authorise else []
    is_pair = found["type"] in OF_PAIRS and found["policy"]
    is_deadline = found["type"] in ("roaming.deadline", "registration.due")
    history = history_rows(found["history"], links, now)
    is_over = any(one["action"] == "cause_gone" for one in found["history"])
    authorised = found["authorised"]
    is_allowing = authorised is not None and authorised["ended_at"] is None
    can_withdraw = is_allowing or (not is_over and found["state"] != "undecided")
    tomorrow = (now + timedelta(days=1)).replace(microsecond=0, second=0)
    return FindingPage(
        row=row,
        revision=found["revision"],
        grade=GRADES.get(found["grade"] or "", ""),
        change=change,
        facts=facts,
        effects=effects,
        undo=undo_of(found, viewer.actor, links, now) if can_withdraw else None,
        authorised=_authorised(authorised, now),
        can_withdraw=can_withdraw,
        allows=links.text(found["policy"]["name"]) if is_pair else "",
        newer=newer,
        others=others,
        evidence=evidence,
        answers=list(answers),
        history=history[::-1],
        is_over=is_over,
        is_decided=found["state"] == "resolved" and not is_over,
        can_authorise=can_authorise,
        can_suppress=found["type"] != NOT_SUPPRESSIBLE,
        may_decide=viewer.may_operate,
        assignee=found["assignee"] or "",
        until=f"{tomorrow:%Y-%m-%d %H:%M}",
        new_case=_new_case(row.about),
        case=case,
        deadlines=f"/deadlines?modem={found['ref']}" if is_deadline else "",
        difference=None if seen is None else difference_of(found, seen, links, now),
        **more,
    )


def _authorised(found: dict[str, Any] | None, now: datetime) -> tuple[str, ShownTime | None] | None:
    if found is None:
        return None
    text = "once, until another SIM is read in the slot" if found["once"] else "from then on"
    return text, moment(found["ended_at"], now)


def _new_case(about: Link) -> str:
    """Return the address of the form for a case about a modem or a SIM; empty for a gateway."""
    _, folder, ref = (about.url or "//").split("/")
    return f"/cases/new?{folder[:-1]}={ref}" if folder in ("modems", "sims") else ""
