"""Findings as documents, with the reports that are evidence and the decisions made about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from modemagent.registry.lists.entries import ListEntry
from modemagent.registry.rules.catalogue import CATALOGUE, OF_LISTS
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.evaluation import standing
from modemagent.registry.store.findings.authorised import authorised_document
from modemagent.registry.store.findings.finding_context import context_of
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.fleet import gateway_row
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.tables import finding_tables

SEVERITIES = ("error", "warning", "note")


def findings(
    connection: Connection,
    *,
    limit: int,
    after: int = 0,
    severity: str | None = None,
    gateway: str | None = None,
    type: str | None = None,
    modem: str | None = None,
) -> Document:
    """Return a page of the findings that hold now, in the order of recording.

    :param severity: only those of this severity
    :param gateway: only those about this gateway, by its id or its reference
    :param type: only those of this name
    :param modem: only those about this modem, by its IMEI or its reference
    """
    c = finding_tables.finding.c
    query = select(finding_tables.finding).where(c.id > after, c.recorded_to.is_(None))
    if modem is not None:
        return _about_modem(connection, query, modem, limit, severity, type)
    if gateway is not None:
        query = query.where(c.gateway == gateway_row(connection, gateway))
    severities = [severity] if severity else []
    rows = in_order(connection, query, limit + 1, severities, type, is_up=True)
    following = str(rows[limit - 1].id) if len(rows) > limit else None
    return {"findings": finding_documents(View(connection), rows[:limit]), "next": following}


def _about_modem(
    connection: Connection,
    query: Select[Any],
    modem: str,
    limit: int,
    severity: str | None,
    rule: str | None,
) -> Document:
    """Return a page of the findings about a modem, of which there are not many."""
    view = View(connection)
    unit = find_unit(view, UnitKind.MODEM, modem)
    found = (
        connection.execute(query.where(finding_tables.finding.c.unit == unit)).all() if unit else []
    )
    rows = sorted(
        (row for row in found if severity in (None, row.severity) and rule in (None, row.type)),
        key=lambda row: row.id,
    )
    following = str(rows[limit - 1].id) if len(rows) > limit else None
    return {"findings": finding_documents(view, rows[:limit]), "next": following}


def in_order(
    connection: Connection,
    query: Select[Any],
    limit: int,
    severities: Sequence[str],
    rule: str | None,
    *,
    is_up: bool,
) -> list[Row[Any]]:
    """Return the first rows of a query for findings in the order of their numbers.

    :param severities: only of these; none: of any
    :param rule: only of this one; None: of any
    :param is_up: the smallest number is first
    """
    c = finding_tables.finding.c
    order: tuple[Any, ...] = (c.id,)
    if rule is not None:
        each = [query.where(c.severity == one) for one in severities or SEVERITIES]
        each = [one.where(_only(c.type, rule)) for one in each]
        order = c.type, c.id
    elif severities:
        each = [query.where(of_severity(one)) for one in severities]
        order = c.severity, c.id
    else:
        each = [query]
    ordered = [one if is_up else one.desc() for one in order]
    rows = [row for one in each for row in connection.execute(one.order_by(*ordered).limit(limit))]
    return sorted(rows, key=lambda row: row.id, reverse=not is_up)[:limit]


def of_severity(severity: str) -> ColumnElement[bool]:
    """Return the condition of a severity, for queries in the order of severity and row."""
    return _only(finding_tables.finding.c.severity, severity)


def _only(column: Any, value: str) -> ColumnElement[bool]:
    """Return the condition of a value, for queries in the order of its column and another.

    It is a range of one value: after an equation, PostgreSQL would leave the column out of the
    order, take the rows from an index that has the other one alone, such as the primary key, and
    read the whole table if the first rows have another value.
    """
    found: ColumnElement[bool] = column.between(value, value)
    return found


def rules(_: Connection) -> Document:
    """Return the kinds of findings."""
    return {"rules": [{"name": name, **row._asdict()} for name, row in sorted(CATALOGUE.items())]}


def finding(connection: Connection, finding_id: str) -> Document | None:
    """Return a finding with what a decision rests on, by its id or an id that it had before."""
    row = finding_row(connection, finding_id)
    if row is None:
        return None
    view = View(connection)
    (document,) = finding_documents(view, [row])
    return {
        **document,
        **context_of(view, row),
        "authorised": authorised_document(connection, row.id),
        "history": history(connection, row.id),
    }


def finding_row(connection: Connection, finding_id: str) -> Row[Any] | None:
    """Return the row of a finding, also of one whose cause is gone.

    A finding that was found again has the id of the earlier one; the newest row counts.
    """
    try:
        key = UUID(finding_id).bytes
    except ValueError:
        return None
    c = finding_tables.finding.c
    query = select(finding_tables.finding).where(c.finding_id == key).order_by(c.id.desc()).limit(1)
    row = connection.execute(query).first()
    if row is None:
        alias = finding_tables.finding_alias.c
        old = select(alias.finding).where(alias.finding_id == key).scalar_subquery()
        row = connection.execute(select(finding_tables.finding).where(c.id == old)).first()
    return row


def history(connection: Connection, row: int, after: int = 0) -> list[Document]:
    """Return what changed a finding, oldest first.

    :param after: only revisions above this one
    """
    c = finding_tables.decision.c
    query = select(finding_tables.decision).where(c.finding == row, c.revision > after)
    return [
        {
            "revision": one.revision,
            "action": one.action,
            "actor": one.actor,
            "reason": one.reason,
            "until": None if one.until_ms is None else to_rfc3339(one.until_ms),
            "assignee": one.assignee,
            "time": to_rfc3339(one.made_ms),
        }
        for one in connection.execute(query.order_by(c.revision))
    ]


def state_of(row: Row[Any], at_ms: int) -> str:
    """Return the state of a finding: an acknowledgement and a suppression end by themselves."""
    is_over = row.until_ms is not None and row.until_ms <= at_ms and row.recorded_to is None
    return "undecided" if is_over else str(row.state)


def finding_documents(view: View, rows: Sequence[Row[Any]]) -> list[Document]:
    """Return rows of findings as documents."""
    keys = [(row.id,) for row in rows]
    names = ("finding", "individual", "stream", "sequence")
    reports: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    (found,) = view.load(
        dialect.rows_of(view.connection, finding_tables.finding_report, ("finding",), names, keys),
        units=[row.unit for row in rows],
        places=[row.place for row in rows],
        streams=[row.stream for row in rows],
    )
    gateways = view.gateways(row.gateway for row in rows if row.gateway)
    for finding, *rest in sorted(found):
        reports[finding].append(tuple(rest))
    view.streams([row.stream for row in rows] + [one[2] for one in found])
    entries = _entries(view, rows)
    return [
        _finding(view, row, gateways.get(row.gateway), reports[row.id], entries.get(row.id))
        for row in rows
    ]


def _entries(view: View, rows: Sequence[Row[Any]]) -> dict[int, Document]:
    """Return the entries of the lists that the findings about listed numbers follow from."""
    about = {row.unit: row for row in rows if row.type in OF_LISTS}
    units = standing.units_of(view.connection, about)
    hits = standing.hits_of(view.connection, units, now_ms()) if units else {}
    found: dict[int, Document] = {}
    for row in rows:
        name = row.type.rpartition(".")[2]
        if row.type in OF_LISTS:
            valid = [one for one in hits.get(row.unit, ()) if one.list.shown == name]
            if valid:
                found[row.id] = _entry(valid[0])
    return found


def _entry(entry: ListEntry) -> Document:
    return {
        "id": str(entry.id),
        "list": entry.list.shown,
        "kind": entry.value.kind.shown,
        "valid_from": to_rfc3339(entry.valid_from_ms),
        "valid_to": to_rfc3339(entry.valid_to_ms),
        "source": entry.source,
        "reason": entry.reason,
    }


def _finding(
    view: View,
    row: Row[Any],
    gateway_id: str | None,
    reports: list[tuple[Any, ...]],
    entry: Document | None,
) -> Document:
    unit = view.units([row.unit]).get(row.unit or 0)
    number = unit.number if unit else None
    kind = None if unit is None else "imei" if unit.kind == UnitKind.MODEM else "iccid"
    place = None if row.place is None else view.places([row.place])[row.place]
    about = f"gateway:{gateway_id}" if place is None else f"place:{gateway_id}/{place.device_id}"
    state = state_of(row, now_ms())
    row_of_rule = CATALOGUE[row.type]
    return {
        "id": str(UUID(bytes=bytes(row.finding_id))),
        "type": row.type,
        "severity": row.severity,
        "grade": row.grade,
        "state": state,
        "until": to_rfc3339(row.until_ms) if row.until_ms and state != "undecided" else None,
        "assignee": row.assignee,
        "revision": row.revision,
        "sentence": row_of_rule.sentence,
        "remedy": row_of_rule.remedy,
        "subject": f"{kind}:{number}" if unit else about,
        "part": row.part or None,
        "late": bool(row.late),
        "again": row.again,
        "imei": number if kind == "imei" else None,
        "iccid": number if kind == "iccid" else None,
        "gateway_id": gateway_id,
        "port": None if place is None else place.device_id,
        "ref": unit.ref if unit else None,
        "first_seen": to_rfc3339(row.hi_ms),
        "first_report": view.report(row.stream or None, row.sequence),
        "evidence": [
            {"individual": individual, "report": view.report(stream, sequence)}
            for individual, stream, sequence in reports
        ],
        "entry": entry,
        "recorded_at": to_rfc3339(row.recorded_from),
    }
