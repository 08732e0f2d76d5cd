"""Lookup: what is this number, and where is it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modemagent.identity.cleaning import clean
from modemagent.registry.api.problem_details import too_many
from modemagent.registry.api.quotas import MASKED_LOOKUPS, Rates
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.number_check import NumberCheck, check_number
from modemagent.registry.pages.words import LINK_STATES, Word
from modemagent.registry.store.fleet.lookup import lookup
from modemagent.registry.store.fleet.partial_lookup import is_partial, lookup_partly

_MOST = 256
_LISTED = ("IMEI", "ICCID")
MASKED = Rates(*MASKED_LOOKUPS)
_KINDS = {
    "imei": "IMEI", "imeisv": "IMEISV", "meid": "MEID", "iccid": "ICCID", "imsi": "IMSI",
    "eid": "EID", "serial_number": "serial number", "gateway": "gateway", "place": "place",
    "ref": "reference",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRow:
    """A match: the object, and where it is.

    :param by: kind of number by which it was found
    :param link_state: of the modem or SIM; None: it is a gateway or a place
    """

    by: str
    kind: str
    link: Link
    other: Link | None
    gateway: Link | None
    port: str
    link_state: Word | None
    seen: ShownTime | None
    evidence: Link | None


@dataclass(frozen=True, slots=True)
class LookupPage:
    """The field, and what was found for the number that was typed.

    :param checks: what the number is and is not; the most likely kind first
    :param candidates: modems and SIMs whose numbers end with the digits that were typed
    :param has_more: there are more candidates
    :param needs_right: more than four digits find candidates for people who see full numbers
    :param listable: the number and its kind, if the viewer can put it on a list
    """

    typed: str
    checks: list[NumberCheck]
    matches: list[MatchRow]
    candidates: Sequence[MatchRow] = ()
    has_more: bool = False
    needs_right: bool = False
    listable: tuple[str, str] | None = None


def form(_: Ask) -> Answer:
    """Return the page with an empty field."""
    return Page("lookup.html", LookupPage("", [], []))


def find(ask: Ask) -> Answer:
    """Return what was found; a single match is shown at once."""
    typed = ask.given("id")[:_MOST]
    if not typed:
        return Page("lookup.html", LookupPage("", [], []))
    count_lookup(ask)
    with ask.reading() as connection:
        found = lookup_partly(connection, typed, full_ids=ask.who.full_ids)
        if not found["matches"] and not found["candidates"] and (bare := clean(typed)):
            found |= lookup(connection, bare)  # of a label, such as "IMEI: 867698040000013"
        links = Links(connection, ask.who)
        rows = [_row(one, links, ask.now) for one in found["matches"]]
        candidates = [_row(one, links, ask.now) for one in found["candidates"]]
    urls = {row.link.url for row in rows if row.link.url}
    if len(urls) == 1 and not candidates:
        return SeeOther(urls.pop())
    checks = [] if candidates else check_number(typed)
    kind = next((one.kind for one in checks if one.is_valid), "")
    can_search = is_partial(typed, full_ids=ask.who.full_ids)
    model = LookupPage(
        typed,
        checks,
        rows,
        candidates,
        has_more=found["more_candidates"],
        needs_right=not can_search and is_partial(typed, full_ids=True),
        listable=(kind.lower(), typed) if kind in _LISTED and ask.who.may_operate else None,
    )
    return Page("lookup.html", model)


def count_lookup(ask: Ask) -> None:
    """Limit how many numbers a person without full identifiers can try."""
    if ask.who.full_ids:
        return
    wait_s = MASKED.hit(str(ask.who.person.number))
    if wait_s is not None:
        raise too_many("lookups", "too many lookups without full identifiers", wait_s)


def _row(match: dict[str, Any], links: Links, now: datetime) -> MatchRow:
    kind = match["kind"]
    is_sim = match["sim"] is not None and (kind in ("iccid", "imsi", "eid"))
    if kind == "ref":
        is_sim = match["id"] == match["sim"]
    if kind in ("gateway", "place"):
        name, link = kind, links.gateway(match["gateway"])
        if kind == "place" and link is not None:
            link = link._replace(text=links.text(match["id"]))
        other = links.modem(match["modem"])
    elif is_sim:
        name, link, other = "SIM", links.sim(match["sim"]), links.modem(match["modem"])
    else:
        name, link, other = "modem", links.modem(match["modem"]), links.sim(match["sim"])
    return MatchRow(
        by=_KINDS.get(kind, kind),
        kind=name,
        link=link or Link("-"),
        other=other,
        gateway=links.gateway(match["gateway"]),
        port=links.text(match["port"] or ""),
        link_state=None if name in ("gateway", "place") else LINK_STATES[match["link_state"]],
        seen=moment(match["last_seen"], now),
        evidence=links.report(match["last_report"]),
    )
