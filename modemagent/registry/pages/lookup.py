"""Lookup: what is this number, and where is it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modemagent.registry.api.problem_details import too_many
from modemagent.registry.api.quotas import MASKED_LOOKUPS, Rates
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.number_check import NumberCheck, check_number
from modemagent.registry.store import reader

_MOST = 256
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
    """

    by: str
    kind: str
    link: Link
    other: Link | None
    gateway: Link | None
    port: str
    seen: ShownTime | None
    evidence: Link | None


@dataclass(frozen=True, slots=True)
class LookupPage:
    """The field, and what was found for the number that was typed.

    :param checks: what the number is and is not; the most likely kind first
    """

    typed: str
    checks: list[NumberCheck]
    matches: list[MatchRow]


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
        found = reader.lookup(connection, typed)["matches"]
        links = Links(connection, ask.who)
        rows = [_row(one, links, ask.now) for one in found]
    urls = {row.link.url for row in rows if row.link.url}
    if len(urls) == 1:
        return SeeOther(urls.pop())
    checks = [] if rows else check_number(typed)
    return Page("lookup.html", LookupPage(typed, checks, rows))


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
        seen=moment(match["last_seen"], now),
        evidence=links.report(match["last_report"]),
    )
