"""The list of pairing policies: which SIMs may modems hold?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modemagent.registry.api.policy_documents import shown_policy
from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.pages.figures import ShownTime, count, moment
from modemagent.registry.pages.frame import Answer, Ask, Page
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import POLICY_MODES, Word

_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """A policy in the list."""

    url: str
    name: str
    mode: Word
    covers: str
    allows: str
    valid_to: ShownTime | None
    changed: ShownTime | None
    actor: str


@dataclass(frozen=True, slots=True)
class PoliciesPage:
    """A page of policies."""

    rows: list[PolicyLine]
    following: str | None
    may_operate: bool


def show_all(ask: Ask) -> Answer:
    """Return a page of policies in the order in which they were added."""
    found = PolicyCalls(ask.state.database, ask.who.actor).policies(
        _ROWS, ask.query("after") or None
    )
    shown = shown_policy(found, ask.who)
    rows = [
        PolicyLine(
            url=f"/policies/P{one['ref']}",
            name=one["name"],
            mode=POLICY_MODES[one["mode"]],
            covers=covers_text(one["covers"], one["pairs"]),
            allows=_allows(one),
            valid_to=moment(one["valid_to"], ask.now),
            changed=moment(one["changed_at"], ask.now),
            actor=actor_text(one["changed_by"]),
        )
        for one in shown["policies"]
    ]
    following = found["next"] and f"/policies?after={found['next']}"
    return Page("policies.html", PoliciesPage(rows, following, ask.who.may_operate))


def covers_text(covers: Mapping[str, Any], pairs: int) -> str:
    """Return which modems a policy covers, as words; of numbers, how many.

    >>> covers_text({"imeis": 0, "tacs": 2, "site": "Lyon", "model": None, "order": None}, 0)
    'site Lyon, 2 TACs'
    """
    found = [f"{name} {covers[name]}" for name in ("order", "site", "model") if covers[name]]
    for number, singular in ((covers["tacs"], "TAC"), (covers["imeis"], "IMEI"), (pairs, "pair")):
        if number:
            found.append(f"{count(number)} {singular}{'' if number == 1 else 's'}")
    return ", ".join(found)


def _allows(one: Mapping[str, Any]) -> str:
    found = []
    for name, singular in (("sims", "number"), ("pairs", "pair"), ("exceptions", "exception")):
        if one[name]:
            found.append(f"{count(one[name])} {singular}{'' if one[name] == 1 else 's'}")
    return ", ".join(found) or "the first SIM of each slot"
