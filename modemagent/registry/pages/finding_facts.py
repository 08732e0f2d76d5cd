"""What speaks for a planned change, what against it, and what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from modemagent.registry.pages.figures import moment
from modemagent.registry.pages.finding_rows import FindingRow
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.timeline import actor_text


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
    found: dict[str, Any], links: Links, now: datetime, others: Sequence[FindingRow]
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
    facts.unplanned.extend(
        Fact("also undecided:", Link(one.word.short, one.url), one.part) for one in others
    )
    return facts


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
