"""The list of findings: what must be decided next?"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from modemagent.registry.pages.choices import Chip, Choice
from modemagent.registry.pages.figures import count
from modemagent.registry.pages.finding_rows import FindingRow, finding_row
from modemagent.registry.pages.frame import Answer, Ask, Page
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.words import WORDS
from modemagent.registry.rules.catalogue import CATALOGUE
from modemagent.registry.store import triage

_ROWS = 50
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
_WITH_ERRORS = ("", "error", "any")


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


def show(ask: Ask) -> Answer:
    """Return the findings that match the filters of the address, newest first."""
    state = ask.query("state") if ask.query("state") in _STATES else "undecided"
    severity = ask.query("severity") if ask.query("severity") in _SEVERITIES else ""
    rule = ask.query("rule") if ask.query("rule") in CATALOGUE else ""
    before, after = _row(ask.query("before")), _row(ask.query("after"))
    with ask.reading() as connection:
        found, more = triage.newest(
            connection,
            limit=_ROWS,
            state=None if state == _ALL else state,
            severities=_SEVERITIES[severity],
            rule=rule or None,
            before=before,
            after=after,
        )
        links = Links(connection, ask.who)
        rows = [finding_row(document, links, ask.now) for _, document in found]
        errors = triage.waiting(connection, "error").count
    numbers = [number for number, _ in found]
    has_older = more if after is None else True
    has_newer = before is not None if after is None else more
    is_narrow = bool(rule) or state not in ("undecided", _ALL) or severity not in _WITH_ERRORS
    hidden = _hidden(errors) if is_narrow and errors else ""
    chosen = {"state": state, "severity": severity, "rule": rule}
    return Page(
        "findings.html",
        FindingsPage(
            rows=rows,
            sentence=_sentence(state, severity, rule),
            hidden=hidden,
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
        ),
    )


def _hidden(errors: int) -> str:
    if errors == 1:
        return "1 undecided error is outside this view."
    return f"{count(errors, triage.MOST_COUNTED)} undecided errors are outside this view."


def _row(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


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


def _sentence(state: str, severity: str, rule: str) -> str:
    what = {"": "errors and warnings", "any": "findings"}.get(severity, f"{severity}s")
    of = f" of the rule {WORDS[rule].short}" if rule else ""
    which = "All" if state == _ALL else state.capitalize()
    return f"{which} {what}{of}, newest first."
