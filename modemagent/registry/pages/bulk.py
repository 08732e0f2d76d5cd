"""One decision about many findings: a frozen set, what it holds, and one answer for each."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from modemagent.registry.pages.act_words import ACTIONS
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.finding import decision_of
from modemagent.registry.pages.finding_rows import FindingRow, finding_row
from modemagent.registry.pages.findings import filters_of
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.page_errors import PageError, not_found
from modemagent.registry.store.findings import finding_reader, finding_search, finding_sets, triage
from modemagent.registry.store.fleet.documents import to_rfc3339

_SAMPLES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRows:
    """What a decision has done.

    :param left: findings that it was not made about, with the reason
    """

    action: str
    done: int
    left: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionPage:
    """A frozen set of findings."""

    url: str
    sentence: str
    count: int
    acts: int
    ends: ShownTime | None
    samples: list[FindingRow]
    outcome: OutcomeRows | None
    until: str
    problem: str
    typed: str


def freeze(ask: Ask) -> Answer:
    """Freeze the ticked findings and groups, or all that match the filters."""
    filters = filters_of(ask)
    is_all = ask.given("which") == "all"
    ticked = [one for one in ask.form.every("finding") if _is_id(one)]
    groups = [one.split("|", 2) for one in ask.form.every("group") if one.count("|") > 1]
    if not is_all and not ticked and not groups:
        raise PageError(
            422, "Nothing is ticked", "Tick the findings that you want to decide about.",
            "Go back to the list.",
        )  # fmt: skip
    wanted = [filters.wanted] if is_all else [
        filters.wanted._replace(severities=(severity,), rule=rule, site=site or None)
        for severity, rule, site in groups
    ]  # fmt: skip
    sentence = filters.sentence() if is_all else f"Ticked in the list: {filters.sentence()}"
    with ask.reading() as connection:
        items = [] if is_all else triage.revisions_of(connection, ticked)
        for one in wanted:
            found, is_whole = finding_search.revisions(connection, one, finding_sets.MOST)
            if not is_whole:
                raise PageError(
                    422, "Too wide", "Too many findings would have to be read.",
                    "Go back to the list, and add a rule.",
                )  # fmt: skip
            items += found
    items = list(dict.fromkeys(items))[: finding_sets.MOST]
    if not items:
        raise PageError(422, "Nothing matches", "No finding matches these filters any more.")
    key = finding_sets.freeze(ask.state.database, ask.who.person.number, sentence, items)
    return SeeOther(f"/selections/S{key}")


def show(ask: Ask) -> Answer:
    """Return the page of a frozen set."""
    return _page(ask)


def decide(ask: Ask) -> Answer:
    """Make one decision about each finding of the set; the same form twice changes nothing."""
    found = _found(ask)
    try:
        decision = decision_of(ask, ask.who.actor)
    except ValueError as error:
        return _page(ask, str(error))
    if ask.number("acts") == found.acts:
        finding_sets.decide_about(ask.state.database, found, decision)
    return SeeOther(f"/selections/S{found.id}")


def _found(ask: Ask) -> finding_sets.FindingSet:
    key = int(ask.key("S", "selection"))
    with ask.reading() as connection:
        found = finding_sets.find(connection, ask.who.person.number, key)
    if found is None:
        raise not_found("selection")
    return found


def _page(ask: Ask, problem: str = "") -> Page:
    found = _found(ask)
    with ask.reading() as connection:
        links = Links(connection, ask.who)
        documents = (
            finding_reader.finding(connection, finding) for finding, _ in found.items[:_SAMPLES]
        )
        samples = [finding_row(one, links, ask.now) for one in documents if one is not None]
    model = SelectionPage(
        url=f"/selections/S{found.id}",
        sentence=found.sentence,
        count=len(found.items),
        acts=found.acts,
        ends=moment(to_rfc3339(found.made_ms + finding_sets.KEPT_MS), ask.now),
        samples=samples,
        outcome=_outcome(found.outcome, ask) if found.outcome else None,
        until="",
        problem=problem,
        typed=ask.given("reason"),
    )
    return Page("selection.html", model, status=422 if problem else 200)


def _outcome(found: finding_sets.SetOutcome, ask: Ask) -> OutcomeRows:
    left = [(f"/findings/{one}", "has changed since it was chosen") for one in found.stale]
    left += [(f"/findings/{one}", ask.who.text(why)) for one, why in found.refused]
    return OutcomeRows(action=ACTIONS[found.action], done=found.done, left=left)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
