"""The rules: what does each find, how much is open, and what would a run over the fleet find?"""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.registry.calls.rechecks import RecheckCalls
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import RECHECK_STATES, SEVERITIES, Word, word
from modemagent.registry.rules.catalogue import CATALOGUE, PROBLEMS
from modemagent.registry.store.evaluation import recheck_reader
from modemagent.registry.store.evaluation.recheck_runs import FEWEST, MAX_MATCH_RATIO
from modemagent.registry.store.findings import rule_totals
from modemagent.registry.store.findings.finding_reader import SEVERITIES as ORDER
from modemagent.registry.store.fleet.documents import Document

#: How long a condition has to last, or how often it has to occur, before it is a finding.
GRACE = {
    "network.denied": "24 h",
    "modem.not_in_inventory": "24 h",
    "gateway.silent": "3 promised intervals, or 3 days",
    "modem.flapping": "5 drops in 10 min",
    "sim.churn": "4 SIMs in 24 h",
    "lot.failures": "3 units, and 5 % of the lot",
    "roaming.deadline": "50 % of the days",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A rule.

    :param severity: of its findings, unless their grade or a policy changes it
    :param url: of its findings
    :param open: number of its open findings
    :param found: what the last run over the fleet has found that was new; None: nothing
    """

    name: str
    word: Word
    severity: Word
    grace: str
    open: int
    url: str
    found: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRun:
    """A run of all rules over the whole fleet."""

    url: str
    name: str
    state: Word
    is_dry: bool
    time: ShownTime | None
    actor: str
    modems: int
    sims: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesPage:
    """All rules, those with most open findings first within each severity.

    :param numbers: rules about the digits of a number
    :param last: the last run over the whole fleet
    :param brake: percentage of the modems or SIMs above which a run waits
    :param typed: the percentage in the form
    """

    rules: list[RuleRow]
    numbers: list[RuleRow]
    most: int
    last: FleetRun | None
    is_running: bool
    brake: float
    fewest: int
    typed: str
    refusal: Refusal | None


def show(ask: Ask) -> Answer:
    """Return the page of the rules."""
    return _page(ask)


def dry_run(ask: Ask) -> Answer:
    """Count what the rules would find in the whole fleet."""
    return _start(ask, dry_run=True)


def check(ask: Ask) -> Answer:
    """Evaluate the rules for the whole fleet."""
    return _start(ask, dry_run=False)


def _start(ask: Ask, *, dry_run: bool) -> Answer:
    ratio = _ratio(ask.given("brake"))
    if ratio is None:
        return _page(ask, Refusal("The brake is a percentage from 0 to 100."))
    calls = RecheckCalls(ask.state.database, ask.who.actor)
    made = attempt(lambda: calls.start(dry_run=dry_run, max_match_ratio=ratio), "re-check")
    if isinstance(made, Refusal):
        return _page(ask, made)
    return SeeOther(f"/rechecks/R{made['id']}")


def _ratio(percent: str) -> float | None:
    """Return a percentage as a ratio.

    >>> _ratio("5"), _ratio("2.5"), _ratio("101"), _ratio("all")
    (0.05, 0.025, None, None)
    """
    try:
        found = float(percent) / 100
    except ValueError:
        return None
    return found if 0 <= found <= 1 else None


def _page(ask: Ask, refusal: Refusal | None = None) -> Page:
    with ask.reading() as connection:
        totals = rule_totals.open_findings(connection)
        last = recheck_reader.last_of_fleet(connection)
    found = {one["rule"]: one["new"] for one in last["rules"]} if last else {}
    rows = [_row(name, totals.get(name, 0), found.get(name)) for name in CATALOGUE]
    rows.sort(key=lambda one: (ORDER.index(CATALOGUE[one.name].severity), -one.open, one.name))
    model = RulesPage(
        rules=[one for one in rows if one.name not in PROBLEMS],
        numbers=[one for one in rows if one.name in PROBLEMS],
        most=rule_totals.MOST_OPEN,
        last=_run(last, ask) if last else None,
        is_running=last is not None and last["finished_at"] is None,
        brake=100 * MAX_MATCH_RATIO,
        fewest=FEWEST,
        typed=ask.given("brake") or f"{100 * MAX_MATCH_RATIO:g}",
        refusal=refusal,
    )
    return Page("rules.html", model, status=refusal.status if refusal else 200)


def _row(name: str, number: int, found: int | None) -> RuleRow:
    return RuleRow(
        name=name,
        word=word(name),
        severity=SEVERITIES[CATALOGUE[name].severity],
        grace=GRACE.get(name, ""),
        open=number,
        url=f"/findings?rule={name}&severity=any",
        found=found,
    )


def _run(one: Document, ask: Ask) -> FleetRun:
    return FleetRun(
        url=f"/rechecks/R{one['id']}",
        name=f"R{one['id']}",
        state=RECHECK_STATES[one["state"]],
        is_dry=one["dry_run"],
        time=moment(one["created_at"], ask.now),
        actor=actor_text(one["requested_by"]),
        modems=one["modems"],
        sims=one["sims"],
    )
