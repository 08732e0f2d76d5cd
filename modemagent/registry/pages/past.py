"""Where a modem or SIM was at a time, in one sentence with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Ask
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.words import Word

_CERTAINTIES = {
    "certain": Word("certain", "tick", "ok"),
    "probable": Word("probable", "question", "warn"),
    "unknown": Word("not certain", "question"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPlace:
    """One place where it may have been.

    :param why: on which readings the answer rests
    """

    certainty: Word
    sentence: str
    why: str
    before: Link | None
    after: Link | None


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """The answer for a time.

    :param known_at: as it was known at this time; None: as it is known now
    """

    as_of: ShownTime | None
    known_at: ShownTime | None
    field: str
    known_field: str
    sentence: str
    states: list[PastPlace]


def past_times(ask: Ask) -> tuple[int | None, int | None]:
    """Return the times of the address in milliseconds since 1970; they are UTC.

    :raises PageError: a time cannot be read
    """
    return ask.time_ms("as_of"), ask.time_ms("known_at")


def past_answer(past: dict[str, Any] | None, links: Links, now: datetime) -> PastAnswer | None:
    """Return the answer of the API for a page; its document has full identifiers."""
    if past is None:
        return None
    states = [_state(one, links) for one in past["states"]]
    return PastAnswer(
        moment(past["as_of"], now),
        moment(past["known_at"], now),
        _field(past["as_of"]),
        _field(past["known_at"]),
        links.text(past["sentence"]),
        states,
    )


def _state(one: dict[str, Any], links: Links) -> PastPlace:
    before, after = one["before"], one["after"]
    if before and after:
        why = "Two readings agree"
        why += f", and {one['agreeing']:,} between them." if one["agreeing"] else "."
    elif before:
        why = "No reading is later than this time."
    else:
        why = "No reading is earlier than this time."
    return PastPlace(
        certainty=_CERTAINTIES[one["certainty"]],
        sentence=links.text(one["sentence"]),
        why=why,
        before=links.report(before["report"]) if before else None,
        after=links.report(after["report"]) if after else None,
    )


def _field(iso: str | None) -> str:
    """Return a time as a field of a form takes it."""
    return iso[:19].replace("T", " ") if iso else ""
