"""Where a modem or SIM was at a time: one sentence, each half of which links to its report.

Two answers stand side by side: as it was known at a time and as it is known now, if they differ,
or those for two dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from sqlalchemy import Connection

from modemagent.registry.pages.event_rows import EventRow, event_row
from modemagent.registry.pages.figures import ShownTime, duration, moment
from modemagent.registry.pages.frame import Ask
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.words import Word
from modemagent.registry.store.fleet.past import state_at
from modemagent.registry.store.history.units import UnitKind

_CERTAINTIES = {
    "certain": Word("Certain", "tick", "ok"),
    "probable": Word("Probable", "question", "warn"),
    "unknown": Word("Not certain", "question"),
}
_MOST_BETWEEN, _MOST_LATE = 50, 3
TIMES = ("as_of", "known_at", "and_at")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")


class PastReading(NamedTuple):
    """A reading next to the time in question.

    :param distance: from the time in question
    """

    report: Link | None
    time: ShownTime | None
    received: ShownTime | None
    distance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPlace:
    """One place where it may have been.

    :param modem: the one that held the SIM, if it is about a SIM
    :param sims: slots and SIMs, if it is about a modem
    :param readings: those that agree, with both of the ends
    """

    certainty: Word
    code: str
    gateway: Link | None
    port: str
    modem: Link | None
    slot: int | None
    sims: list[tuple[int, Link | None]]
    before: PastReading | None
    after: PastReading | None
    readings: int


class PastSide(NamedTuple):
    """The answer for a time, as it was known at a time; None: as it is known now."""

    at: ShownTime | None
    known: ShownTime | None
    sentence: str
    states: list[PastPlace]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAnswer:
    """One or two answers.

    :param is_same: the answer of then and that of now are the same; None: only that of now is shown
    :param late: what became known since and changed the answer
    :param readings: those that were received since, if nothing happened that became known
    :param between: what happened between two dates; None: it is about one
    :param fields: times as the fields of the form take them
    :param then: address of the answer of the registry at the time itself
    :param query: of the present address
    """

    sides: list[PastSide]
    is_same: bool | None
    late: list[EventRow]
    readings: list[PastReading]
    between: list[EventRow] | None
    fields: dict[str, str]
    then: str
    query: str


def past_documents(
    connection: Connection, ask: Ask, kind: UnitKind, name: str
) -> list[dict[str, Any]]:
    """Return where a unit was at the times of the address, which are UTC; none if there are none.

    :raises PageError: a time cannot be read
    """
    as_of, known_at, and_at = (ask.time_ms(one) for one in TIMES)
    if as_of is None:
        return []
    wanted: list[tuple[int, int | None]] = [(as_of, None)]
    if known_at is not None:
        wanted.insert(0, (as_of, known_at))
    elif and_at is not None:
        wanted.append((and_at, None))
    found = (state_at(connection, kind, name, *one) for one in wanted)
    return [one for one in found if one is not None]


def past_answer(
    found: Sequence[dict[str, Any]],
    events: Iterable[dict[str, Any]],
    links: Links,
    now: datetime,
) -> PastAnswer | None:
    """Return one or two answers of the API for a page; their documents have full identifiers.

    :param events: of the history, oldest first
    """
    if not found:
        return None
    links.load(*found)
    first, last = found[0], found[-1]
    sides = [_side(one, links, now) for one in found]
    is_same, late, readings, between = None, [], [], None
    known_at, at = first["known_at"], first["as_of"]
    if known_at:
        is_same = _places(first) == _places(last)
        sides = sides[:1] if is_same else sides
        rows = [one for one in events if one["recordedtime"] > known_at and one["time"] <= at]
        if not is_same:
            of_report = {one["data"]["report"]: one for one in rows}
            late = _rows(list(of_report.values())[-_MOST_LATE:], links, now)
            readings = [] if late else _received_after(known_at, sides[-1])
    elif len(found) > 1:
        begin, end = sorted((at, last["as_of"]))
        rows = [one for one in events if begin < one["time"] <= end]
        between = _rows(rows[-_MOST_BETWEEN:], links, now)
    and_at = last["as_of"] if between is not None else None
    times = dict(zip(TIMES, (at, known_at, and_at), strict=True))
    given = {name: at for name, at in times.items() if at}
    return PastAnswer(
        sides=sides,
        is_same=is_same,
        late=late,
        readings=readings,
        between=between,
        fields={name: _field(at) for name, at in times.items()},
        then="?" + urlencode({"as_of": at, "known_at": at}),
        query="?" + urlencode(given),
    )


def _places(one: dict[str, Any]) -> list[tuple[object, ...]]:
    """Return what an answer states, without the readings that it rests on."""
    names = ("certainty", "individual", "imei", "iccid", "slot", "sims", "gateway_id", "port")
    return [tuple(state[name] for name in names) for state in one["states"]]


def _rows(events: list[dict[str, Any]], links: Links, now: datetime) -> list[EventRow]:
    links.load(events)
    return [event_row(one, links, now) for one in events]


def _received_after(known_at: str, side: PastSide) -> list[PastReading]:
    """Return the readings of an answer that were received after a time."""
    ends = [end for one in side.states for end in (one.before, one.after) if end is not None]
    late = [one for one in ends if one.received is not None and one.received.iso > known_at]
    return sorted(dict.fromkeys(late), key=lambda one: one.received.iso if one.received else "")


def _side(one: dict[str, Any], links: Links, now: datetime) -> PastSide:
    at = datetime.fromisoformat(one["as_of"])
    return PastSide(
        moment(one["as_of"], now),
        moment(one["known_at"], now),
        _with_shown_times(links.text(one["sentence"]), now),
        [_state(state, at, links, now) for state in one["states"]],
    )


def _with_shown_times(sentence: str, now: datetime) -> str:
    for iso in _ISO.findall(sentence):
        if at := moment(iso, now):
            sentence = sentence.replace(iso, at.text)
    return sentence


def _state(one: dict[str, Any], at: datetime, links: Links, now: datetime) -> PastPlace:
    is_sim = one["iccid"] is not None
    return PastPlace(
        certainty=_CERTAINTIES[one["certainty"]],
        code=one["certainty"],
        gateway=links.gateway(one["gateway_id"]),
        port=links.text(one["port"] or ""),
        modem=links.modem(one["imei"]) if is_sim else None,
        slot=one["slot"],
        sims=[(each["slot"], links.sim(each["iccid"])) for each in one["sims"]],
        before=_reading(one["before"], at, links, now),
        after=_reading(one["after"], at, links, now),
        readings=one["agreeing"] + 2,
    )


def _reading(
    one: dict[str, Any] | None, at: datetime, links: Links, now: datetime
) -> PastReading | None:
    if one is None:
        return None
    time = moment(one["latest"], now)
    seconds = abs((datetime.fromisoformat(one["latest"]) - at).total_seconds())
    return PastReading(
        links.report(one["report"]), time, moment(one["received"], now), duration(seconds)
    )


def _field(iso: str | None) -> str:
    """Return a time as a field of a form takes it."""
    return iso[:19].replace("T", " ") if iso else ""
