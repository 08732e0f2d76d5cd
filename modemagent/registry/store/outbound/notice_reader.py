"""Notices as CloudEvents: new findings, cases and links, in the order of their positions.

Cases and links are in the log of events too, with the attributes of events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, func, select

from modemagent.registry.store.findings.finding_reader import finding_documents
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.outbound.notices import FINDING, LINKED
from modemagent.registry.store.tables import finding_tables
from modemagent.registry.store.tables.outbound_tables import notice


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
        document = findings.get(row.about) if row.severity else _logged(view, row)
        if document is not None:
            found.append(Notice(row.position, row.type, row.severity, document))
    return found, rows[-1].position if rows else after, len(rows) == limit


def logged_notices(
    connection: Connection, after: int, limit: int, *, is_backward: bool = False
) -> list[tuple[int, Document]]:
    """Return cases and links in the log of events, with their positions in it.

    :param after: position after which to begin; before which, if ``is_backward``
    """
    c = notice.c
    query = select(notice).where(c.event_position.is_not(None))
    if is_backward:
        query = query.where(c.event_position < after).order_by(c.event_position.desc())
    else:
        query = query.where(c.event_position > after).order_by(c.event_position)
    rows = connection.execute(query.limit(limit)).all()
    view = View(connection)
    linked = [row for row in rows if row.type == LINKED]
    sims = [msgspec.json.decode(row.detail)["sim"] for row in linked]
    view.units([*(row.about for row in linked), *sims])
    found = [(row.event_position, _logged(view, row)) for row in rows]
    return [(position, document) for position, document in found if document is not None]


def last_logged(connection: Connection) -> int:
    """Return the position of the newest case or link in the log of events."""
    return connection.execute(select(func.max(notice.c.event_position))).scalar() or 0


def _logged(view: View, row: Row[Any]) -> Document | None:
    return _link(view, row) if row.type == LINKED else _case(row)


def _findings(connection: Connection, keys: Sequence[int]) -> dict[int, Document]:
    """Return CloudEvents of findings by row."""
    rows = connection.execute(
        select(finding_tables.finding)
        .where(finding_tables.finding.c.id.in_(keys))
        .order_by(finding_tables.finding.c.id)
    ).all()
    documents = finding_documents(View(connection), rows)
    return {
        row.id: _event(f"{FINDING}{row.type}", f"finding-{document['id']}",
                       f"finding:{document['id']}", row.recorded_from, document)
        for row, document in zip(rows, documents, strict=True)
    }  # fmt: skip


def _case(row: Row[Any]) -> Document:
    data = {"case": str(row.about), **msgspec.json.decode(row.detail)}
    return _log_entry(row, f"case:{row.about}", None, data, None)


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
    new = dict.fromkeys(("imei", "slot", "iccid", "imsi", "eid", "gateway_id", "port"))
    new |= {name: data[name] for name in ("imei", "slot", "iccid")}
    return _log_entry(row, f"imei:{modem.number}", modem.ref, data, new)


def _log_entry(
    row: Row[Any], subject: str, ref: str | None, data: Document, new: Document | None
) -> Document:
    """Return an event that no report shows, with the attributes of those that one does."""
    found = _event(row.type, f"notice-{row.id}", subject, row.made_ms,
                   {"previous": None, "new": new, "report": None, **data})  # fmt: skip
    return {
        **found,
        "ref": ref,
        "uncertainty_ms": 0,
        "revision": 1,
        "withdrawn": False,
        "held": False,
        "replaces": None,
        "recordedtime": found["time"],
    }


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
