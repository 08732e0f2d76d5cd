"""Findings as documents: what individuals and gateways show, with the reports that are evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from modemagent.registry.store import dialect, schema
from modemagent.registry.store.documents import Document, to_rfc3339
from modemagent.registry.store.fleet import gateway_row
from modemagent.registry.store.units import UnitKind
from modemagent.registry.store.view import View


def findings(
    connection: Connection,
    *,
    limit: int,
    after: int = 0,
    severity: str | None = None,
    gateway: str | None = None,
) -> Document:
    """Return a page of the findings that hold now, in the order of recording.

    :param severity: only those of this severity
    :param gateway: only those about this gateway, by its id or its reference
    """
    c = schema.finding.c
    query = (
        select(schema.finding)
        .where(c.id > after, c.recorded_to.is_(None))
        .order_by(c.id)
        .limit(limit + 1)
    )
    if severity is not None:
        query = query.where(c.severity == severity)
    if gateway is not None:
        query = query.where(c.gateway == gateway_row(connection, gateway))
    rows = connection.execute(query).all()
    following = str(rows[limit - 1].id) if len(rows) > limit else None
    return {"findings": _documents(View(connection), rows[:limit]), "next": following}


def _documents(view: View, rows: Sequence[Row[Any]]) -> list[Document]:
    view.units(row.unit for row in rows)
    gateways = view.gateways(row.gateway for row in rows if row.gateway)
    keys = [(row.id,) for row in rows]
    names = ("finding", "individual", "stream", "sequence")
    reports: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    found = dialect.select_rows(view.connection, schema.finding_report, ("finding",), names, keys)
    for finding, *rest in sorted(found):
        reports[finding].append(tuple(rest))
    view.streams([row.stream for row in rows] + [one[2] for one in found])
    return [_finding(view, row, gateways.get(row.gateway), reports[row.id]) for row in rows]


def _finding(
    view: View, row: Row[Any], gateway_id: str | None, reports: list[tuple[Any, ...]]
) -> Document:
    unit = view.units([row.unit]).get(row.unit or 0)
    number = unit.number if unit else None
    kind = None if unit is None else "imei" if unit.kind == UnitKind.MODEM else "iccid"
    return {
        "id": str(UUID(bytes=bytes(row.finding_id))),
        "type": row.type,
        "severity": row.severity,
        "grade": row.grade,
        "state": row.state,
        "subject": f"{kind}:{number}" if unit else f"gateway:{gateway_id}",
        "imei": number if kind == "imei" else None,
        "iccid": number if kind == "iccid" else None,
        "gateway_id": gateway_id,
        "ref": unit.ref if unit else None,
        "first_seen": to_rfc3339(row.hi_ms),
        "first_report": view.report(row.stream or None, row.sequence),
        "evidence": [
            {"individual": individual, "report": view.report(stream, sequence)}
            for individual, stream, sequence in reports
        ],
        "recorded_at": to_rfc3339(row.recorded_from),
    }
