"""Notices as CloudEvents: new findings, cases and links, in the order of their positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, select

from modemagent.registry.store import schema
from modemagent.registry.store.documents import Document, to_rfc3339
from modemagent.registry.store.finding_reader import finding_documents
from modemagent.registry.store.notices import FINDING
from modemagent.registry.store.outbound_tables import notice
from modemagent.registry.store.view import View


class Notice(NamedTuple):
    """What is reported.

    :param severity: of a finding, else empty
    :param document: CloudEvent with numbers in full
    """

    position: int
    type: str
    severity: str
    document: Document


def notices_after(connection: Connection, after: int, limit: int) -> tuple[list[Notice], int, bool]:
    """Return what has positions after this one, in order.

    :returns: also the last position that was read, and True if there may be more
    """
    c = notice.c
    query = select(notice).where(c.position > after).order_by(c.position).limit(limit)
    rows = connection.execute(query).all()
    findings = _findings(connection, [row.about for row in rows if row.severity])
    view = View(connection)
    found = []
    for row in rows:
        if row.severity:
            document = findings.get(row.about)
        elif row.type == "pairing.linked":
            document = _link(view, row)
        else:
            document = _case(row)
        if document is not None:
            found.append(Notice(row.position, row.type, row.severity, document))
    return found, rows[-1].position if rows else after, len(rows) == limit


def _findings(connection: Connection, keys: Sequence[int]) -> dict[int, Document]:
    """Return CloudEvents of findings by row."""
    rows = connection.execute(
        select(schema.finding).where(schema.finding.c.id.in_(keys)).order_by(schema.finding.c.id)
    ).all()
    documents = finding_documents(View(connection), rows)
    return {
        row.id: _event(f"{FINDING}{row.type}", f"finding-{document['id']}",
                       f"finding:{document['id']}", row.recorded_from, document)
        for row, document in zip(rows, documents, strict=True)
    }  # fmt: skip


def _case(row: Row[Any]) -> Document:
    data = {"case": str(row.about), **msgspec.json.decode(row.detail)}
    return _event(row.type, f"notice-{row.id}", f"case:{row.about}", row.made_ms, data)


def _link(view: View, row: Row[Any]) -> Document | None:
    detail = msgspec.json.decode(row.detail)
    units = view.units([row.about, detail["sim"]])
    if row.about not in units:
        return None
    modem, sim = units[row.about], units.get(detail["sim"])
    data = {
        "imei": modem.number,
        "slot": detail["slot"],
        "iccid": None if sim is None else sim.number,
        "policy": str(detail["policy"]),
    }
    found = _event(row.type, f"notice-{row.id}", f"imei:{modem.number}", row.made_ms, data)
    return {**found, "ref": modem.ref}


def _event(type_: str, id_: str, subject: str, at_ms: int, data: Document) -> Document:
    return {
        "specversion": "1.0",
        "id": id_,
        "type": type_,
        "source": "/registry",
        "subject": subject,
        "time": to_rfc3339(at_ms),
        "datacontenttype": "application/json",
        "data": data,
    }
