"""Decisions of people about findings, each with reason, actor and revision."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Row

from modemagent.registry.rules.catalogue import OF_POLICIES
from modemagent.registry.rules.changes import KINDS
from modemagent.registry.store.database import dialect
from modemagent.registry.store.findings.authorised import (
    OF_PAIRS,
    authorise_pair,
    is_allowing,
    withdraw_pairs,
)
from modemagent.registry.store.findings.finding_reader import (
    finding,
    finding_row,
    history,
    state_of,
)
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import finding_tables, schema


class DecisionAction(StrEnum):
    """A decision.

    ``authorise`` resolves a change that was planned, ``assign`` names a person, and ``withdraw``
    takes back what was decided before.
    """

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    SUPPRESS = "suppress"
    AUTHORISE = "authorise"
    ASSIGN = "assign"
    WITHDRAW = "withdraw"


_STATES = {
    DecisionAction.ACKNOWLEDGE: "acknowledged",
    DecisionAction.RESOLVE: "resolved",
    DecisionAction.SUPPRESS: "suppressed",
    DecisionAction.AUTHORISE: "resolved",
    DecisionAction.WITHDRAW: "undecided",
}
_WITH_END = frozenset({DecisionAction.ACKNOWLEDGE, DecisionAction.SUPPRESS})
#: Findings about changes that can have been planned.
AUTHORISABLE = frozenset(KINDS) | OF_POLICIES
NOT_SUPPRESSIBLE = "case.sighted"


class Decision(NamedTuple):
    """What is decided.

    :param until_ms: end of an acknowledgement or a suppression
    :param assignee: who is to work on the finding
    :param once: authorise a SIM only until another one is read in its slot
    """

    action: DecisionAction
    reason: str
    actor: str
    until_ms: int | None = None
    assignee: str | None = None
    once: bool = False


class DecisionRefused(Exception):
    """A decision cannot be made about a finding.

    :param code: stable name of the reason
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class StaleRevision(Exception):
    """A finding has changed since it was read.

    :param revision: its present one
    :param difference: values that may have changed, and what changed them, oldest first
    """

    def __init__(self, revision: int, difference: Document) -> None:
        super().__init__("stale revision")
        self.revision = revision
        self.difference = difference


def decide(batch: Batch, finding_id: str, revision: int, decision: Decision) -> Document | None:
    """Make a decision; return the finding, or None if there is no such finding.

    :param revision: of the finding on which the decision is based
    :raises StaleRevision: the finding has another revision
    :raises DecisionRefused: the decision does not fit the finding
    """
    connection = batch.connection
    row = finding_row(connection, finding_id)
    if row is None:
        return None
    # the registry changes findings under the lock of what they are about
    table, key = (schema.gateway, row.gateway) if row.unit is None else (schema.unit, row.unit)
    dialect.select_rows(connection, table, ("id",), ("id",), [(key,)], lock=True)
    row = finding_row(connection, finding_id)
    if row is None:
        return None
    if row.revision != revision:
        raise StaleRevision(row.revision, _difference(batch, row, revision))
    _check(batch, row, decision)
    state, until_ms, assignee = row.state, row.until_ms, row.assignee
    if decision.action is DecisionAction.ASSIGN:
        assignee = decision.assignee
    elif row.recorded_to is None:
        state, until_ms = _STATES[decision.action], decision.until_ms
    changed = ("state", "until_ms", "assignee", "revision")
    values = (state, until_ms, assignee, revision + 1, row.id)
    dialect.update_rows(connection, finding_tables.finding, ("id",), changed, [values])
    names = (
        "finding", "revision", "action", "actor", "reason", "until_ms", "assignee", "made_ms",
    )  # fmt: skip
    made = (
        row.id, revision + 1, str(decision.action), decision.actor, decision.reason,
        decision.until_ms, decision.assignee, batch.now_ms,
    )  # fmt: skip
    dialect.insert_rows(connection, finding_tables.decision, names, [made])
    if decision.action is DecisionAction.AUTHORISE and row.type in OF_PAIRS:
        authorise_pair(batch, row, once=decision.once, actor=decision.actor, reason=decision.reason)
    elif decision.action is DecisionAction.WITHDRAW:
        withdraw_pairs(batch, row.id, decision.actor, decision.reason)
    found = finding(connection, finding_id)
    about = f"finding:{finding_id if found is None else found['id']}"
    acts.note(connection, f"finding.{decision.action}", about, revision=revision + 1)
    return found


def _difference(batch: Batch, row: Row[Any], revision: int) -> Document:
    state = state_of(row, batch.now_ms)
    return {
        "state": state,
        "severity": row.severity,
        "grade": row.grade,
        "until": to_rfc3339(row.until_ms) if row.until_ms and state != "undecided" else None,
        "assignee": row.assignee,
        "changes": history(batch.connection, row.id, revision),
    }


def _check(batch: Batch, row: Row[Any], decision: Decision) -> None:
    action, until_ms = decision.action, decision.until_ms
    if action is DecisionAction.WITHDRAW:
        if not is_allowing(batch.connection, row.id) and (
            row.recorded_to is not None or state_of(row, batch.now_ms) == "undecided"
        ):
            raise DecisionRefused("not_decided", "nothing was decided that can be withdrawn")
    elif row.recorded_to is not None:
        raise DecisionRefused("cause_gone", "the cause of this finding is gone, it is resolved")
    if action is DecisionAction.AUTHORISE and row.type not in AUTHORISABLE:
        raise DecisionRefused(
            "not_authorisable", f"{row.type} is not a change that can be planned; resolve it"
        )
    if decision.once and (action is not DecisionAction.AUTHORISE or row.type not in OF_PAIRS):
        raise DecisionRefused("once", "only a SIM in a slot can be authorised once")
    if action is DecisionAction.SUPPRESS and row.type == NOT_SUPPRESSIBLE:
        raise DecisionRefused(
            "not_suppressible", "a sighting cannot be suppressed; close its case when it is over"
        )
    if (until_ms is not None) != (action in _WITH_END):
        needs = "needs" if action in _WITH_END else "does not take"
        raise DecisionRefused("until", f"{action} {needs} a time until which it holds")
    if until_ms is not None and until_ms <= batch.now_ms:
        raise DecisionRefused("until", "the time until which the decision holds is past")
    if (decision.assignee is not None) != (action is DecisionAction.ASSIGN):
        needs = "needs" if action is DecisionAction.ASSIGN else "does not take"
        raise DecisionRefused("assignee", f"{action} {needs} an assignee")
