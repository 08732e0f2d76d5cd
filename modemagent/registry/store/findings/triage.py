"""Findings as people work through them: newest first, counted up to a limit, grouped by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.findings.finding_reader import (
    SEVERITIES,
    finding_documents,
    in_order,
    of_severity,
)
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.tables import finding_tables

#: Numbers above it are shown as "more than": counting further takes longer than a page may.
MOST_COUNTED = 10_000
_COUNTED = ("error", "warning")
STATES = ("undecided", "acknowledged", "suppressed")
_c = finding_tables.finding.c
#: As in the index of open findings, which SQLite uses only if the literal is the same.
_OPEN = and_(_c.recorded_to.is_(None), _c.state != literal_column("'resolved'"))


@dataclass(frozen=True, slots=True)
class RuleTotal:
    """How many findings of one rule wait for a decision.

    :param oldest: time of the first one that was recorded
    """

    type: str
    severity: str
    count: int
    oldest: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The findings of a severity that wait for a decision.

    :param count: at most one above :data:`MOST_COUNTED`
    :param oldest: time of the first one that was recorded
    """

    count: int
    oldest: str | None


def in_state(state: str) -> ColumnElement[bool]:
    """Return the condition of open findings in a state: decisions with an end are over after it."""
    over = _c.until_ms <= now_ms()
    if state == "undecided":
        return and_(_OPEN, or_(_c.state == state, over))
    return and_(_OPEN, _c.state == state, _c.until_ms > now_ms())


def waiting(connection: Connection, severity: str) -> Waiting:
    """Return how many findings of a severity are undecided, and since when the first one is."""
    query = select(_c.recorded_from).where(in_state("undecided"), of_severity(severity))
    capped = query.order_by(_c.severity, _c.id).limit(MOST_COUNTED + 1).subquery()
    counted = select(func.count(), func.min(capped.c.recorded_from)).select_from(capped)
    count, oldest = connection.execute(counted).one()
    return Waiting(count, to_rfc3339(oldest))


def clusters(connection: Connection) -> list[RuleTotal]:
    """Return the undecided findings by rule, errors first, then by number; notes are left out.

    Of a severity, at most one more than :data:`MOST_COUNTED` are counted.
    """
    grouped = []
    for severity in _COUNTED:
        query = select(_c.type, _c.recorded_from).where(in_state("undecided"))
        ordered = query.where(of_severity(severity)).order_by(_c.severity, _c.id)
        capped = ordered.limit(MOST_COUNTED + 1).subquery()
        columns = capped.c.type, func.count(), func.min(capped.c.recorded_from)
        grouped.append(select(literal_column(f"'{severity}'"), *columns).group_by(capped.c.type))
    found = [
        RuleTotal(kind, severity, count, to_rfc3339(oldest))
        for severity, kind, count, oldest in connection.execute(union_all(*grouped))
    ]
    return sorted(found, key=lambda one: (_COUNTED.index(one.severity), -one.count, one.type))


def waiting_among(totals: Sequence[RuleTotal], severity: str) -> Waiting:
    """Return how many findings of a severity are among those of the rules, and the first one."""
    found = [one for one in totals if one.severity == severity]
    oldest = min((one.oldest for one in found if one.oldest), default=None)
    return Waiting(sum(one.count for one in found), oldest)


def newest(
    connection: Connection,
    *,
    limit: int,
    state: str | None = "undecided",
    severities: Sequence[str] = (),
    rule: str | None = None,
    before: int | None = None,
    after: int | None = None,
) -> tuple[list[tuple[int, Document]], bool]:
    """Return findings with their rows, newest first, and True if there are more.

    :param state: None: all findings, resolved ones included
    :param severities: only of these; none: of any
    :param before: only older ones than this row
    :param after: only newer ones than this row; those next to it
    """
    query = select(finding_tables.finding)
    if before is not None:
        query = query.where(_c.id < before)
    if after is not None:
        query = query.where(_c.id > after)
    is_up = after is not None
    rows = matching(connection, query, limit + 1, state, severities, rule, is_up=is_up)
    more, rows = len(rows) > limit, rows[:limit]
    rows.sort(key=lambda row: row.id, reverse=True)
    return _numbered(connection, rows), more


def documents_of(connection: Connection, rows: Sequence[int]) -> dict[int, Document]:
    """Return findings as documents by their rows."""
    query = select(finding_tables.finding).where(_c.id.in_(rows))
    return dict(_numbered(connection, connection.execute(query).all())) if rows else {}


def revisions_of(connection: Connection, ids: Sequence[str]) -> list[tuple[str, int]]:
    """Return id and revision of the findings with some ids."""
    query = select(_c.finding_id, _c.revision).order_by(_c.id.desc())
    rows = connection.execute(query.where(_c.finding_id.in_([UUID(one).bytes for one in ids])))
    return [(str(UUID(bytes=bytes(row.finding_id))), row.revision) for row in rows]


def matching(
    connection: Connection,
    query: Select[Any],
    limit: int,
    state: str | None,
    severities: Sequence[str],
    rule: str | None,
    *,
    is_up: bool,
) -> list[Row[Any]]:
    """Return the rows of a query that match filters, in the order of their numbers."""
    if state is not None:
        query = query.where(in_state(state))
        severities = severities or SEVERITIES
    if rule is not None and state not in (None, "undecided"):
        # an expression: the few decisions are read by their own index, not by that of the rule
        query, rule = query.where(_c.type.concat("") == rule), None
    return in_order(connection, query, limit, severities, rule, is_up=is_up)


def about(
    connection: Connection, *, unit: int | None = None, gateway: int | None = None, limit: int = 50
) -> list[Document]:
    """Return the newest findings about a unit or a gateway, resolved ones included."""
    is_it = _c.unit == unit if unit is not None else _c.gateway == gateway
    query = select(finding_tables.finding).where(is_it).order_by(_c.id.desc()).limit(limit)
    found = _numbered(connection, connection.execute(query).all())
    return [document for _, document in found]


def _numbered(connection: Connection, rows: Sequence[Any]) -> list[tuple[int, Document]]:
    documents = finding_documents(View(connection), rows)
    gone = {row.id for row in rows if row.recorded_to is not None}
    return [
        (row.id, {**one, "state": "resolved"} if row.id in gone else one)
        for row, one in zip(rows, documents, strict=True)
    ]
