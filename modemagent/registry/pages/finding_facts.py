"""What speaks for a planned change, what against it, and what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from modemagent.registry.pages.figures import moment
from modemagent.registry.pages.finding_rows import FindingRow
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.lists import checks

_ISSUER_DIGITS = 7  # of an ICCID: telecommunications, country, issuer
_MOST_OTHERS = 2  # the page lists all of them further down


class Fact(NamedTuple):
    """A fact, and what it is about.

    :param rest: text after the link
    """

    text: str
    link: Link | None = None
    rest: str = ""


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """Facts about a change, by the answer that they speak for."""

    planned: list[Fact]
    unplanned: list[Fact]
    unknown: list[Fact]


def facts_about(
    connection: Connection,
    found: dict[str, Any],
    links: Links,
    now: datetime,
    others: Sequence[FindingRow],
) -> ChangeFacts:
    """Return the facts about the change of a finding."""
    facts = ChangeFacts([], [], [])
    for one in found["windows"]:
        begin, end = moment(one["from"], now), moment(one["to"], now)
        times = f"{begin.text} to {end.text}" if begin and end else "without an end"
        by = f"{times}, by {actor_text(links.text(one['announced_by']))}"
        facts.planned.append(Fact(f"announced work: {links.text(one['name'])},", None, by))
    if not found["windows"]:
        facts.unplanned.append(Fact("no work was announced for that time"))
    _add_policy(found, links, facts)
    _add_sims(connection, found, links, facts)
    for one in others[:_MOST_OTHERS]:
        facts.unplanned.append(Fact("also undecided:", Link(one.word.short, one.url), one.part))
    if len(others) > _MOST_OTHERS:
        facts.unplanned.append(Fact(f"{len(others) - _MOST_OTHERS} more are undecided"))
    return facts


def _add_sims(
    connection: Connection, found: dict[str, Any], links: Links, facts: ChangeFacts
) -> None:
    """Add what is known of the SIM before and of the SIM that was found."""
    data = (found["change"] or {}).get("data") or {}
    before, after = ((data.get(one) or {}).get("iccid") for one in ("previous", "new"))
    if after is None or before in (None, after):
        return
    if before[:_ISSUER_DIGITS] == after[:_ISSUER_DIGITS]:
        facts.planned.append(Fact(f"both SIMs are of one issuer ({after[:_ISSUER_DIGITS]})"))
    else:
        facts.unplanned.append(Fact("the SIM found is of another issuer"))
    (judged,) = checks.judge(connection, [(after, None)], "iccid", now_ms(), with_places=False)
    if judged["status"]:
        side = facts.planned if judged["status"] == "permitted" else facts.unplanned
        side.append(Fact(f"the SIM found is on the {judged['status']} list"))
    old = reader.sim(connection, before)
    if old is not None and old["present"]:
        where = links.modem(old["imei"]) or links.gateway(old["gateway_id"])
        facts.unknown.append(Fact("the SIM before is now in", where))
    else:
        facts.unknown.append(Fact("the SIM before was read nowhere since"))


def _add_policy(found: dict[str, Any], links: Links, facts: ChangeFacts) -> None:
    policy = found["policy"]
    if policy is None:
        facts.unknown.append(Fact("no policy covers the modem"))
        return
    name = Link(links.text(policy["name"]), f"/policies/P{policy['ref']}")
    mode = f"(mode {policy['mode']})"
    then, now = found["allowed"], found["allowed_now"]
    if then == now and now in ("by_policy", "not_by_policy"):
        side, text = _side(now, facts)
        side.append(Fact(f"{text}, then and now, by the policy", name, mode))
        return
    for when, code in (("then", then), ("now", now)):
        if code in ("by_policy", "not_by_policy"):
            side, text = _side(code, facts)
            side.append(Fact(f"{text} {when} by the policy", name, mode))
        elif code == "no_policy":
            facts.unknown.append(Fact(f"no policy applied {when}"))


def _side(code: str, facts: ChangeFacts) -> tuple[list[Fact], str]:
    is_allowed = code == "by_policy"
    return (facts.planned, "allowed") if is_allowed else (facts.unplanned, "not allowed")
