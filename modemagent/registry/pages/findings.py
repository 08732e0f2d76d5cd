"""The list of findings: what must be decided next?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from modemagent.registry.pages.choices import Chip, Choice
from modemagent.registry.pages.csv_files import csv_lines
from modemagent.registry.pages.figures import count
from modemagent.registry.pages.finding_rows import FindingRow, finding_row
from modemagent.registry.pages.frame import Answer, Ask, Download, Page
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.views import SavedViews, saved_views
from modemagent.registry.pages.words import WORDS
from modemagent.registry.rules.catalogue import CATALOGUE
from modemagent.registry.store import triage

_ROWS = 50
_BLOCK = 500  # rows of a file that are read at a time
_ALL = "all"
_STATES = (*triage.STATES, _ALL)
#: Notes inform and need no decision, so they are shown on request.
_SEVERITIES: dict[str, tuple[str, ...]] = {
    "": ("error", "warning"),
    "error": ("error",),
    "warning": ("warning",),
    "note": ("note",),
    "any": (),
}
_COUNTED = ("", "error", "warning")  # severities that wait for a decision


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsPage:
    """A page of findings.

    :param sentence: what is shown
    :param hidden: undecided errors that the filters leave out, as text
    """

    rows: list[FindingRow]
    sentence: str
    hidden: str
    states: list[Choice]
    severities: list[Choice]
    chips: list[Chip]
    rule: str
    rules: list[tuple[str, str]]
    severity: str
    state: str
    newer: str | None
    older: str | None
    views: SavedViews
    csv: str
    may_decide: bool


class Filters(NamedTuple):
    """The filters of the list, as the address or a form states them."""

    state: str
    severity: str
    rule: str

    @property
    def wanted(self) -> dict[str, Any]:
        """Return the filters as the store takes them."""
        return {
            "state": None if self.state == _ALL else self.state,
            "severities": _SEVERITIES[self.severity],
            "rule": self.rule or None,
        }

    def include(self, total: triage.RuleTotal) -> bool:
        """Return True if the undecided findings of a rule are in the list."""
        severities = ("", "any", total.severity)
        is_state = self.state in ("undecided", _ALL)
        return is_state and self.severity in severities and self.rule in ("", total.type)

    def sentence(self, totals: Sequence[triage.RuleTotal] | None = None) -> str:
        """Return what is shown as words, with its number if it waits for a decision.

        :param totals: the undecided errors and warnings by rule; None: without a number
        """
        what = {"": "errors and warnings", "any": "findings"}.get(
            self.severity, f"{self.severity}s"
        )
        which = "All" if self.state == _ALL else self.state.capitalize()
        if totals is not None and self.state == "undecided" and self.severity in _COUNTED:
            number = sum(one.count for one in totals if self.include(one))
            shown = count(number, triage.MOST_COUNTED)
            which = f"{shown[0].upper()}{shown[1:]} undecided"
            what = self.severity if number == 1 and self.severity else what
        of = f" of the rule {WORDS[self.rule].short}" if self.rule else ""
        return f"{which} {what}{of}, those found last first."


def filters_of(ask: Ask) -> Filters:
    """Return the filters of the address, or of a form that was made from it."""
    state, severity, rule = (
        ask.given(name) or ask.query(name) for name in ("state", "severity", "rule")
    )
    return Filters(
        state if state in _STATES else "undecided",
        severity if severity in _SEVERITIES else "",
        rule if rule in CATALOGUE else "",
    )


def show(ask: Ask) -> Answer:
    """Return the findings that match the filters of the address, newest first."""
    filters = filters_of(ask)
    state, severity, rule = filters
    before, after = ask.number("before"), ask.number("after")
    with ask.reading() as connection:
        found, more = triage.newest(
            connection, limit=_ROWS, before=before, after=after, **filters.wanted
        )
        links = Links(connection, ask.who, found)
        rows = [finding_row(document, links, ask.now) for _, document in found]
        totals = triage.clusters(connection)
        chosen = filters._asdict()
        views = saved_views(connection, ask, "findings", _url(chosen))
    numbers = [number for number, _ in found]
    has_older = more if after is None else True
    has_newer = before is not None if after is None else more
    return Page(
        "findings.html",
        FindingsPage(
            rows=rows,
            sentence=filters.sentence(totals),
            hidden=hidden_by(totals, filters),
            states=[
                Choice(text=one, url=_url(chosen, state=one), is_chosen=one == state)
                for one in _STATES
            ],
            severities=[
                Choice(
                    text=one or "errors and warnings",
                    url=_url(chosen, severity=one),
                    is_chosen=one == severity,
                )
                for one in _SEVERITIES
            ],
            chips=_chips(chosen),
            rule=rule,
            rules=sorted(((name, WORDS[name].short) for name in CATALOGUE), key=lambda one: one[1]),
            severity=severity,
            state=state,
            newer=_url(chosen, after=str(numbers[0])) if numbers and has_newer else None,
            older=_url(chosen, before=str(numbers[-1])) if numbers and has_older else None,
            views=views,
            csv=_url(chosen).replace("/findings", "/findings/csv", 1),
            may_decide=ask.who.may_operate,
        ),
    )


def csv(ask: Ask) -> Answer:
    """Return all findings of the filters as CSV, in the order of the list."""
    lines = csv_lines(_COLUMNS, _csv_rows(ask), as_text=ask.query("numbers") == "text")
    return Download("findings.csv", lines)


_COLUMNS = (
    "severity", "type", "what", "kind", "about", "part", "reported_by", "since", "known", "late",
    "state", "note", "again", "id",
)  # fmt: skip


def _csv_rows(ask: Ask) -> Iterator[list[str]]:
    filters, before = filters_of(ask), None
    while True:
        with ask.reading() as connection:
            found, more = triage.newest(connection, limit=_BLOCK, before=before, **filters.wanted)
            links = Links(connection, ask.who, found)
            for _, document in found:
                row = finding_row(document, links, ask.now)
                yield [
                    document["severity"], document["type"], row.word.short, row.kind,
                    row.about.text, row.part, row.where.text if row.where else "",
                    row.since.iso if row.since else "", row.known.iso if row.known else "",
                    "yes" if row.is_late else "no", row.state.short, row.note,
                    str(row.again), row.id,
                ]  # fmt: skip
        if not more:
            return
        before = found[-1][0]


def hidden_by(totals: Sequence[triage.RuleTotal], filters: Filters) -> str:
    """Return the undecided errors and warnings that the filters leave out, as text."""
    found = []
    for severity in ("error", "warning"):
        number = sum(
            one.count for one in totals if one.severity == severity and not filters.include(one)
        )
        if number:
            plural = "" if number == 1 else "s"
            found.append(f"{count(number, triage.MOST_COUNTED)} undecided {severity}{plural}")
    verb = "is" if len(found) == 1 and found[0].startswith("1 ") else "are"
    return f"{' and '.join(found)} {verb} outside this view." if found else ""


def _url(chosen: dict[str, str], **changed: str) -> str:
    values = {name: value for name, value in (chosen | changed).items() if value}
    if values.get("state") == "undecided":
        del values["state"]
    return f"/findings?{urlencode(values)}" if values else "/findings"


def _chips(chosen: dict[str, str]) -> list[Chip]:
    chips = []
    if chosen["state"] != "undecided":
        chips.append(Chip(text=f"state: {chosen['state']}", without=_url(chosen, state="")))
    if chosen["severity"]:
        chips.append(
            Chip(text=f"severity: {chosen['severity']}", without=_url(chosen, severity=""))
        )
    if chosen["rule"]:
        short = WORDS[chosen["rule"]].short
        chips.append(Chip(text=f"rule: {short}", without=_url(chosen, rule="")))
    return chips
