"""Decisions about a finding: what one will change, what has changed meanwhile, and its undoing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from modemagent.registry.pages.act_words import ACTIONS
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.finding_facts import Fact
from modemagent.registry.pages.finding_rows import FindingRow
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.store.findings.authorised import OF_PAIRS

UNDO_FOR = timedelta(minutes=15)
_STATES = {
    "acknowledge": "acknowledged", "resolve": "resolved", "suppress": "suppressed",
    "authorise": "resolved", "withdraw": "undecided", "cause_gone": "resolved",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """What changed the finding."""

    time: ShownTime | None
    actor: str
    action: str
    reason: str
    until: ShownTime | None
    assignee: str


class UndoOffer(NamedTuple):
    """The last decision, which the viewer has made and can undo without a reason."""

    decision: HistoryRow
    until: ShownTime


@dataclass(frozen=True, slots=True)
class FindingDifference:
    """What has changed since the form was made.

    :param values: name, value then, value now
    """

    values: list[tuple[str, str, str]]
    changes: list[HistoryRow]


def history_rows(
    history: Iterable[dict[str, Any]], links: Links, now: datetime
) -> list[HistoryRow]:
    """Return what changed a finding, oldest first."""
    return [
        HistoryRow(
            time=moment(one["time"], now),
            actor=actor_text(one["actor"]),
            action=ACTIONS[one["action"]],
            reason=links.text(one["reason"]),
            until=moment(one["until"], now),
            assignee=links.text(one["assignee"] or ""),
        )
        for one in history
    ]


def undo_of(found: dict[str, Any], actor: str, links: Links, now: datetime) -> UndoOffer | None:
    """Return the last decision of people, if an actor can undo it."""
    made = [one for one in found["history"] if not one["actor"].startswith("registry")][-1:]
    if not made or made[0]["actor"] != actor or made[0]["action"] in ("withdraw", "assign"):
        return None
    end = datetime.fromisoformat(made[0]["time"]) + UNDO_FOR
    until = moment(end.isoformat(timespec="milliseconds"), now)
    if until is None or end <= now:
        return None
    return UndoOffer(history_rows(made, links, now)[0], until)


def difference_of(
    found: dict[str, Any], revision: int, links: Links, now: datetime
) -> FindingDifference | None:
    """Return what has changed since a revision of a finding; None: nothing."""
    later = [one for one in found["history"] if one["revision"] > revision]
    if not later:
        return None
    state, until, assignee = "undecided", "none", "nobody"
    for one in found["history"]:
        if one["revision"] <= revision:
            state = _STATES.get(one["action"], state)
            assignee = one["assignee"] or assignee
            if one["action"] in _STATES:
                until = _end(one, now)
    values = [
        ("state", state, found["state"]),
        ("until", until, _end(found, now)),
        ("with", links.text(assignee), links.text(found["assignee"] or "nobody")),
    ]
    changed = [one for one in values if one[1] != one[2]]
    return FindingDifference(changed, history_rows(later, links, now))


def _end(one: dict[str, Any], now: datetime) -> str:
    until = moment(one["until"], now)
    return until.text if until else "none"


def effects_of(
    found: dict[str, Any], links: Links, change: Link | None, others: Sequence[FindingRow]
) -> list[Fact]:
    """Return what the authorisation of a finding will change.

    :param change: the SIM that was found, if it is about a SIM in a slot
    """
    effects = [Fact(f"this finding: {found['state']}, then resolved as authorised by you")]
    policy = found["policy"]
    if found["type"] not in OF_PAIRS or not policy:
        return effects
    name = Link(links.text(policy["name"]), f"/policies/P{policy['ref']}")
    learns = policy["mode"] == "learn"
    gains = "takes this SIM as the learned one" if learns else "gains this SIM for this modem"
    slot = f"in slot {found['part']}" if (found["part"] or "").isdecimal() else "in this slot"
    effects.append(Fact("policy", name, f"{gains}, or allows it once if you tick that"))
    if change is not None:
        effects.append(Fact("SIM", change, f"{slot}: differed, then linked; event pairing.linked"))
    effects += [
        Fact("", Link(one.word.short, one.url), f"{one.part}: resolved within minutes, if this "
             "is its cause")
        for one in others
        if one.part and one.part == f"slot {found['part']}"
    ]  # fmt: skip
    return effects
