"""The list of cases, and the form that opens one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from modemagent.registry.api.asset_documents import shown_register
from modemagent.registry.assets.case_fields import OUTCOMES
from modemagent.registry.calls.cases import CaseCalls
from modemagent.registry.lists.numbers import read_number
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.choices import Choice
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.number_check import check_number
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import CASE_KINDS, CASE_STATES, Word
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.documents import Document

_ROWS = 50
_OPEN, _ALL = "open", "all"
_STATES = (_OPEN, "closed", _ALL)
_OF_ANOTHER = re.compile(r"case (\d+)", re.IGNORECASE)
TEXT_FIELDS = ("place", "happened_on", "police_reference", "operator", "assignee")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLine:
    """A case in the list.

    :param about: its first number, as a link
    :param more: how many others it has
    """

    url: str
    name: str
    kind: Word
    state: Word
    about: Link | None
    more: int
    where: Link | None
    sighted: ShownTime | None
    assignee: str
    opened: ShownTime | None
    actor: str


@dataclass(frozen=True, slots=True)
class CasesPage:
    """A page of cases."""

    rows: list[CaseLine]
    states: list[Choice]
    older: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCasePage:
    """The form that opens a case, with what was typed.

    :param about: the modem and the SIM that it was opened from, whose numbers are not typed
    :param other: the open case that has one of the numbers
    """

    kinds: dict[str, Word]
    kind: str
    numbers: str
    modem: str
    sim: str
    about: list[Link]
    values: dict[str, str]
    problem: str
    other: str


def show_all(ask: Ask) -> Answer:
    """Return a page of the cases, newest first."""
    state = ask.query("state") if ask.query("state") in _STATES else _OPEN
    after = ask.query("after") or None
    calls = CaseCalls(ask.state.database, ask.who.actor)
    found = calls.cases(_ROWS, after, None if state == _ALL else state)
    with ask.reading() as connection:
        links = Links(connection, ask.who, found["cases"])
        rows = [_line(one, links, ask) for one in found["cases"]]
    states = [
        Choice(text=one, url=f"/cases?{urlencode({'state': one})}", is_chosen=one == state)
        for one in _STATES
    ]
    following = found["next"]
    older = f"/cases?{urlencode({'state': state, 'after': following})}" if following else None
    return Page("cases.html", CasesPage(rows, states, older))


def new(ask: Ask) -> Answer:
    """Return the form; ``modem`` and ``sim`` in the address are references."""
    return _form(ask, ask.query("modem"), ask.query("sim"))


def open_case(ask: Ask) -> Answer:
    """Open a case about the numbers of the form and the objects that it was opened from."""
    modem, sim = ask.given("modem"), ask.given("sim")
    given: dict[str, Any] = {name: ask.given(name) for name in TEXT_FIELDS}
    given |= {"kind": ask.given("kind"), "text": ask.given("text"), "imeis": [], "iccids": []}
    with ask.reading() as connection:
        for ref, read, name, to in (
            (modem, reader.modem, "imei", "imeis"),
            (sim, reader.sim, "iccid", "iccids"),
        ):
            found = read(connection, ref) if ref else None
            given[to] += [found[name]] if found else []
    for word in ask.given("numbers").split():
        verdict = read_number(word).verdict
        if not verdict.valid or verdict.kind == "imsi":
            return _form(ask, modem, sim, _not_usable(word))
        given["iccids" if verdict.kind == "iccid" else "imeis"].append(word)
    calls = CaseCalls(ask.state.database, ask.who.actor)
    made = attempt(lambda: calls.open_case(given), "case")
    if isinstance(made, Refusal):
        return _form(ask, modem, sim, made.problem)
    return SeeOther(f"/cases/K{made['id']}")


def _not_usable(word: str) -> str:
    """Return what is wrong with a number of a case."""
    problems = [text for one in check_number(word) for text in one.problems]
    return f"{word[:40]} is not a usable IMEI or ICCID" + "".join(
        f": {one}" for one in problems[:1]
    )


def _form(ask: Ask, modem: str, sim: str, problem: str = "") -> Page:
    about = []
    with ask.reading() as connection:
        links = Links(connection, ask.who)
        of_modem = reader.modem(connection, modem) if modem else None
        of_sim = reader.sim(connection, sim) if sim else None
        about += [links.modem(of_modem["imei"])] if of_modem else []
        about += [links.sim(of_sim["iccid"])] if of_sim else []
    other = _OF_ANOTHER.search(problem)
    model = NewCasePage(
        kinds={kind: CASE_KINDS[kind] for kind in OUTCOMES},
        kind=ask.given("kind") or "stolen",
        numbers=ask.form.text("numbers"),
        modem=modem if of_modem else "",
        sim=sim if of_sim else "",
        about=[one for one in about if one is not None],
        values={name: ask.given(name) for name in (*TEXT_FIELDS, "text")},
        problem=problem,
        other=f"/cases/K{other[1]}" if other else "",
    )
    return Page("case_new.html", model, status=422 if problem else 200)


def thing_link(one: Document, links: Links) -> Link | None:
    """Return the link of a device of a case; one that was never reported has no page."""
    return links.modem(one["number"]) if one["kind"] == "imei" else links.sim(one["number"])


def _line(one: Document, links: Links, ask: Ask) -> CaseLine:
    shown = shown_register(one, ask.who)
    last = max(one["sightings"], key=lambda sighting: sighting["last_seen"], default=None)
    return CaseLine(
        url=f"/cases/K{one['id']}",
        name=f"K{one['id']}",
        kind=CASE_KINDS[one["kind"]],
        state=CASE_STATES[one["state"]],
        about=thing_link(one["things"][0], links) if one["things"] else None,
        more=max(len(one["things"]) - 1, 0),
        where=links.gateway(last["gateway_id"]) if last else None,
        sighted=moment(last["last_seen"], ask.now) if last else None,
        assignee=shown["assignee"] or "",
        opened=moment(one["opened_at"], ask.now),
        actor=actor_text(one["opened_by"]),
    )
