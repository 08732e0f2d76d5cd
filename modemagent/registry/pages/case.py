"""The page of a case: what is missing, what is still to do, and was it sighted?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from modemagent.identity.numbering import country_of_mcc
from modemagent.registry.api.asset_documents import shown_register
from modemagent.registry.assets.case_fields import OUTCOMES
from modemagent.registry.calls.cases import CaseCalls
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.cases import TEXT_FIELDS, thing_link
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.finding_rows import FindingRow, finding_row, is_waiting
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.page_errors import forbidden, not_found
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import CASE_ACTIONS, CASE_KINDS, CASE_STATES, WORDS, Word
from modemagent.registry.pages.words import OUTCOMES as OUTCOME_WORDS
from modemagent.registry.store.findings import triage
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind

_FIELDS = (*TEXT_FIELDS, "proof", "note")
_MOST_THINGS = 10  # whose findings are read


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingRow:
    """A missing or listed device."""

    kind: str
    link: Link | None
    asset: Link | None
    model: str
    is_tracked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A task of the checklist."""

    position: int
    text: str
    done: ShownTime | None
    actor: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SightingRow:
    """Reports of a device from one place."""

    about: Link | None
    where: Link | None
    port: str
    country: str
    first: ShownTime | None
    last: ShownTime | None
    evidence: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """What was done about the case."""

    time: ShownTime | None
    actor: str
    action: str
    text: str
    is_note: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A case.

    :param next_act: what is to be done next, as a sentence
    :param alarms: findings of its sightings that wait for a decision
    :param refusal: why the last act was refused
    """

    url: str
    name: str
    kind: Word
    state: Word
    is_open: bool
    outcome: str
    revision: int
    opened: ShownTime | None
    actor: str
    closed: ShownTime | None
    values: dict[str, str]
    next_act: str
    things: list[ThingRow]
    tasks: list[TaskRow]
    left: int
    sightings: list[SightingRow]
    alarms: list[FindingRow]
    journal: list[JournalRow]
    outcomes: dict[str, str]
    may_operate: bool
    full_ids: bool
    refusal: Refusal | None
    typed: str


def show(ask: Ask) -> Answer:
    """Return the page of a case."""
    return _page(ask)


def letter(ask: Ask) -> Answer:
    """Return the letter to the operator, which has the numbers in full."""
    if not ask.who.full_ids:
        raise forbidden("see full identifiers, which the letter needs")
    key = ask.key("K", "case")
    text = CaseCalls(ask.state.database, ask.who.actor).letter(key)
    if text is None:
        raise not_found("case")
    return Download(f"case-K{key}-letter.txt", [text], "text/plain; charset=utf-8")


def change(ask: Ask) -> Answer:
    """Change fields of a case."""
    given = {name: ask.given(name) for name in _FIELDS if name in ask.form.fields}
    return _act(ask, lambda calls, key, revision: calls.change_case(key, revision, given))


def note(ask: Ask) -> Answer:
    """Add a note to the journal."""
    given = {"text": ask.given("text")}
    return _act(ask, lambda calls, key, revision: calls.change_case(key, revision, given))


def task(ask: Ask) -> Answer:
    """Mark a task of the checklist as done or as not done."""
    position = ask.number("position") or 0
    given = {"done": ask.given("done") != "no", "reference": ask.given("reference")}
    return _act(ask, lambda calls, key, revision: calls.do_task(key, position, revision, given))


def close(ask: Ask) -> Answer:
    """Close a case."""
    given = {"outcome": ask.given("outcome"), "text": ask.given("text")}
    return _act(ask, lambda calls, key, revision: calls.close_case(key, revision, given))


def _act(ask: Ask, work: Callable[[CaseCalls, str, int], Document | None]) -> Answer:
    key, calls = ask.key("K", "case"), CaseCalls(ask.state.database, ask.who.actor)
    made = attempt(lambda: work(calls, key, ask.number("revision") or 0), "case or task")
    if isinstance(made, Refusal):
        return _page(ask, made)
    return SeeOther(f"/cases/K{key}#{ask.given('at') or 'journal'}")


def _page(ask: Ask, refusal: Refusal | None = None) -> Page:
    key, calls = ask.key("K", "case"), CaseCalls(ask.state.database, ask.who.actor)
    found = calls.case(key)
    if found is None:
        raise not_found("case")
    with ask.reading() as connection:
        links = Links(connection, ask.who)
        alarms = [] if found["state"] == "closed" else _alarms(connection, found, links, ask)
        model = _model(found, links, ask, refusal, alarms)
    return Page("case.html", model, status=refusal.status if refusal else 200)


def _alarms(connection: Connection, found: Document, links: Links, ask: Ask) -> list[FindingRow]:
    """Return the findings of the sightings that wait for a decision."""
    view, alarms = View(connection), []
    for one in found["things"][:_MOST_THINGS]:
        kind = UnitKind.MODEM if one["kind"] == "imei" else UnitKind.SIM
        unit = find_unit(view, kind, one["number"])
        about = [] if unit is None else triage.about(connection, unit=unit)
        alarms += [row for row in about if row["part"] == f"case:{found['id']}" and is_waiting(row)]
    links.load(alarms)
    return [finding_row(one, links, ask.now) for one in alarms]


def _model(
    found: Document, links: Links, ask: Ask, refusal: Refusal | None, alarms: list[FindingRow]
) -> CaseView:
    shown = shown_register(found, ask.who)
    is_open = found["state"] != "closed"
    tasks = [_task(one, ask) for one in shown["tasks"]]
    sightings = sorted(found["sightings"], key=lambda one: one["last_seen"], reverse=True)
    return CaseView(
        url=f"/cases/K{found['id']}",
        name=f"K{found['id']}",
        kind=CASE_KINDS[found["kind"]],
        state=CASE_STATES[found["state"]],
        is_open=is_open,
        outcome=OUTCOME_WORDS[found["outcome"]] if found["outcome"] else "",
        revision=found["revision"],
        opened=moment(found["opened_at"], ask.now),
        actor=actor_text(found["opened_by"]),
        closed=moment(found["closed_at"], ask.now),
        values={name: shown[name] or "" for name in _FIELDS},
        next_act=_next_act(found, tasks),
        things=[_thing(one, other, links) for one, other in
                zip(found["things"], shown["things"], strict=True)],
        tasks=tasks,
        left=sum(one.done is None for one in tasks),
        sightings=[_sighting(one, links, ask) for one in sightings],
        alarms=alarms,
        journal=[
            JournalRow(
                time=moment(one["time"], ask.now),
                actor=actor_text(one["actor"]),
                action=CASE_ACTIONS.get(one["action"], one["action"]),
                text=one["text"],
                is_note=one["action"] == "note",
            )
            for one in shown["journal"][::-1]
        ],
        outcomes={one: OUTCOME_WORDS[one] for one in OUTCOMES[found["kind"]]},
        may_operate=ask.who.may_operate,
        full_ids=ask.who.full_ids,
        refusal=refusal,
        typed=ask.given("text"),
    )  # fmt: skip


def _next_act(found: Document, tasks: list[TaskRow]) -> str:
    """Return what is to be done next."""
    if found["state"] == "closed":
        return ""
    if found["sightings"]:
        return WORDS["case.sighted"].remedy
    open_tasks = [one.text for one in tasks if one.done is None]
    return open_tasks[0] if open_tasks else "All tasks are done: close the case when it is over."


def _thing(one: Document, shown: Document, links: Links) -> ThingRow:
    label = shown["tag"] or (f"A{one['asset']}" if one["asset"] else "")
    return ThingRow(
        kind="modem" if one["kind"] == "imei" else "SIM",
        link=thing_link(one, links),
        asset=Link(label, f"/assets/A{one['asset']}") if one["asset"] else None,
        model=shown["model"] or "",
        is_tracked=one["tracked"],
    )


def _task(one: Document, ask: Ask) -> TaskRow:
    return TaskRow(
        position=one["position"],
        text=one["text"],
        done=moment(one["done_at"], ask.now),
        actor=actor_text(one["done_by"] or ""),
        reference=one["reference"] or "",
    )


def _sighting(one: Document, links: Links, ask: Ask) -> SightingRow:
    country = country_of_mcc(one["mcc"]) if one["mcc"] else None
    return SightingRow(
        about=thing_link(one, links),
        where=links.gateway(one["gateway_id"]),
        port=links.text(one["port"] or ""),
        country=country.label if country else "",
        first=moment(one["first_seen"], ask.now),
        last=moment(one["last_seen"], ask.now),
        evidence=links.report(one["last_report"]),
    )
