"""Open findings that rest on reports of benches: of a station, or of an order."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from modemagent.registry.rules.bench_lots import OF_BENCHES
from modemagent.registry.store.benches.bench_turns import Lot
from modemagent.registry.store.findings.finding_reader import finding_documents
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.tables import finding_tables, schema
from modemagent.registry.store.tables.bench_tables import bench_turn

_MOST = 20
_c, _turn = finding_tables.finding.c, bench_turn.c
_ABOUT_MODEM = and_(
    _c.severity.in_(("error", "warning")), *(
        column.in_({one[at] for one in OF_BENCHES}) for at, column in enumerate((_c.type, _c.part))
    ),
)  # fmt: skip


def at_station(connection: Connection, gateway: int) -> list[Document]:
    """Return the newest findings about the lots and modules of a station."""
    streams = select(schema.stream.c.id).where(schema.stream.c.gateway == gateway)
    of_modems = and_(_ABOUT_MODEM, _c.stream.in_(streams))
    return _newest(connection, of_modems, and_(_c.type == "lot.failures", _c.gateway == gateway))


def in_order(connection: Connection, number: str) -> list[Document]:
    """Return the newest findings about the lots and modules of an order."""
    turns = _turn.order_name == number
    of_modems = and_(_ABOUT_MODEM, _c.unit.in_(select(_turn.unit).where(turns)))
    of_lots = and_(
        _c.type == "lot.failures",
        _c.gateway.in_(select(_turn.gateway).where(turns)),
        _c.part.startswith(Lot(number, "").part, autoescape=True),
    )
    return _newest(connection, of_modems, of_lots)


def _newest(connection: Connection, *conditions: ColumnElement[bool]) -> list[Document]:
    query = select(finding_tables.finding).where(_c.recorded_to.is_(None), or_(*conditions))
    rows = connection.execute(query.order_by(_c.id.desc()).limit(_MOST)).all()
    return finding_documents(View(connection), rows)
