"""Re-checks: what a change has found, and whether it waits for a confirmation."""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.calls.rechecks import RecheckCalls
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.choices import Choice
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.links import Link
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import RECHECK_STATES, TARGETS, Word, word
from modemagent.registry.store.evaluation import recheck_reader
from modemagent.registry.store.evaluation.recheck_reader import RecheckCause
from modemagent.registry.store.evaluation.recheck_runs import RunState
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.policies.policies import version

_ROWS = 50
#: Names of changes of many objects, with the pages on which they are made.
_PLACES = {
    "announced work": "/windows",
    "assets": "/assets",
    "sites": "/gateways",
    "registrations": "/imports",
    "regulations": "/deadlines",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckRow:
    """A re-check.

    :param about: what was changed
    :param found: number of new findings
    """

    url: str
    name: str
    about: Link
    state: Word
    found: int
    time: ShownTime | None
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckList:
    """A page of re-checks, newest first."""

    rows: list[RecheckRow]
    states: list[Choice]
    is_waiting: bool
    older: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleMatches:
    """What a rule finds.

    :param percent: of the modems, or of the SIMs, with a new finding
    :param stops: it is above the limit
    """

    word: Word
    new: int
    resolved: int
    percent: float
    stops: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckView:
    """A re-check.

    :param cause: the import or the policy that was changed, if there is one
    :param undoes: what undoing the change does, as words; empty: it is not undone here
    :param replaced_by: the run that has taken over what it is about
    :param replaces: stopped runs that it has taken over
    :param limit: percentage of the modems or SIMs above which it waits
    """

    row: RecheckRow
    cause: Link | None
    replaced_by: Link | None
    replaces: list[Link]
    rules: list[RuleMatches]
    affected: int
    done: int
    modems: int
    sims: int
    limit: float
    fewest: int
    is_waiting: bool
    is_running: bool
    is_dry: bool
    confirmed: ShownTime | None
    confirmed_by: str
    finished: ShownTime | None
    undoes: str
    needs_reason: bool
    may_operate: bool
    refusal: Refusal | None


def show_all(ask: Ask) -> Answer:
    """Return a page of re-checks, newest first."""
    is_waiting = ask.query("state") == RunState.STOPPED
    state = RunState.STOPPED if is_waiting else None
    found = _calls(ask).runs(_ROWS, ask.query("after") or None, state)
    older = f"/rechecks?after={found['next']}" if found["next"] else None
    model = RecheckList(
        rows=[_row(one, ask) for one in found["runs"]],
        states=[
            Choice(text="all", url="/rechecks", is_chosen=not is_waiting),
            Choice(text="that wait", url="/rechecks?state=stopped", is_chosen=is_waiting),
        ],
        is_waiting=is_waiting,
        older=f"{older}&state=stopped" if older and is_waiting else older,
    )
    return Page("rechecks.html", model)


def show(ask: Ask) -> Answer:
    """Return the page of a re-check."""
    return _page(ask)


def confirm(ask: Ask) -> Answer:
    """Let a stopped re-check write what it has found."""
    key = ask.key("R", "re-check")
    made = attempt(lambda: _calls(ask).confirm(key), "re-check")
    return _page(ask, made) if isinstance(made, Refusal) else SeeOther(f"/rechecks/R{key}")


def undo(ask: Ask) -> Answer:
    """Undo the change that a re-check waits for; another re-check replaces this one then."""
    key = ask.key("R", "re-check")
    cause, _ = _cause(ask, key)
    found = _calls(ask).run(key)
    if found is None or cause is None or found["state"] != RunState.STOPPED:
        return _page(ask, Refusal())
    made: Document | Refusal
    if cause.kind == "import":
        calls = ListCalls(ask.state.database, ask.who.actor)
        made = attempt(lambda: calls.undo(str(cause.key)), "import")
        url = f"/imports/I{cause.key}"
    else:
        policies, last = PolicyCalls(ask.state.database, ask.who.actor), cause.revision
        reason = ask.given("reason")
        made = attempt(lambda: policies.revert(str(cause.key), last, last - 1, reason), "revision")
        url = f"/policies/P{cause.key}#history"
    return _page(ask, made) if isinstance(made, Refusal) else SeeOther(url)


def _calls(ask: Ask) -> RecheckCalls:
    return RecheckCalls(ask.state.database, ask.who.actor)


def _page(ask: Ask, refusal: Refusal | None = None) -> Page:
    key = ask.key("R", "re-check")
    found = _calls(ask).run(key)
    if found is None:
        raise not_found("re-check")
    cause, undoes = _cause(ask, key)
    with ask.reading() as connection:
        replaces = recheck_reader.superseded(connection, int(key))
    is_waiting = found["state"] == RunState.STOPPED
    model = RecheckView(
        row=_row(found, ask),
        cause=_link(cause) if cause else None,
        replaced_by=_run_link(found["superseded_by"]) if found["superseded_by"] else None,
        replaces=[_run_link(one) for one in replaces],
        rules=sorted(
            (
                RuleMatches(
                    word=word(one["rule"]),
                    new=one["new"],
                    resolved=one["resolved"],
                    percent=100 * one["ratio"],
                    stops=one["rule"] in found["stopped_by"],
                )
                for one in found["rules"]
            ),
            key=lambda one: (not one.stops, -one.new),
        ),
        affected=found["affected"],
        done=found["done"],
        modems=found["modems"],
        sims=found["sims"],
        limit=100 * found["max_match_ratio"],
        fewest=found["fewest"],
        is_waiting=is_waiting,
        is_running=found["state"] in (RunState.FINDING, RunState.COUNTING, RunState.WRITING),
        is_dry=found["dry_run"],
        confirmed=moment(found["confirmed_at"], ask.now),
        confirmed_by=actor_text(found["confirmed_by"] or ""),
        finished=moment(found["finished_at"], ask.now),
        undoes=undoes if is_waiting else "",
        needs_reason=cause is not None and cause.kind == "policy",
        may_operate=ask.who.may_operate,
        refusal=refusal,
    )
    return Page("recheck.html", model, status=refusal.status if refusal else 200)


def _cause(ask: Ask, key: str) -> tuple[RecheckCause | None, str]:
    """Return the change that a re-check follows, and what undoing it does."""
    with ask.reading() as connection:
        cause = recheck_reader.cause_of(connection, int(key))
        if cause is None or cause.kind == "undone":
            return cause, ""
        if cause.kind == "import":
            return cause, (
                "What the import added is removed, and what it changed or removed is restored. "
                "Entries that were changed since are kept."
            )
        now = version(connection, cause.key)
        before = version(connection, cause.key, cause.revision - 1)
    if now is None or now.content is None:  # the policy was deleted, and has no page
        return None, ""
    if now.revision != cause.revision or before is None or before.content is None:
        return cause, ""
    return cause, f"The policy states again what it did in revision {before.revision}."


def _link(cause: RecheckCause) -> Link:
    if cause.kind == "policy":
        return Link(f"revision {cause.revision}", f"/policies/P{cause.key}#history")
    text = "undone import" if cause.kind == "undone" else "import"
    return Link(f"{text} I{cause.key}", f"/imports/I{cause.key}")


def _run_link(run: int | str) -> Link:
    return Link(f"R{run}", f"/rechecks/R{run}")


def _row(one: Document, ask: Ask) -> RecheckRow:
    return RecheckRow(
        url=f"/rechecks/R{one['id']}",
        name=f"R{one['id']}",
        about=_about(one, ask),
        state=RECHECK_STATES[one["state"]],
        found=sum(rule["new"] for rule in one["rules"]),
        time=moment(one["created_at"], ask.now),
        actor=actor_text(one["requested_by"]),
    )


def _about(one: Document, ask: Ask) -> Link:
    """Return what a re-check is about; the name of a policy may contain a number."""
    scope, subject = one["scope"], one["subject"]
    if scope == "list":
        return Link(TARGETS[subject], f"/lists/{subject}")
    if scope == "tac":
        return Link("table of TACs", "/imports")
    if scope == "rules":
        return Link("rules of a new version" if subject else "all rules")
    if subject in _PLACES:
        return Link(subject, _PLACES[subject])
    if scope == "policy":
        return Link(f"policy {ask.who.text(subject)}", "/policies")
    return Link(f"rule of a country {subject}", "/deadlines")
