"""All that is stored about one modem or SIM, for the person whom it is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, LargeBinary, Text, or_, select

from modemagent.registry.redaction import Redaction
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.bodies import decompress
from modemagent.registry.store.privacy.erasure import numbers_of
from modemagent.registry.store.privacy.number_sweep import WITHOUT_TEXT, has_number
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.privacy_tables import audit

_UNITS = frozenset(
    {"unit", "sim", "modem", "holder", "old_sim", "new_sim", "old_modem", "new_modem"}
)
_INTERNAL = frozenset(
    {"surrogate_key", "key_page", "setting", "token", "session", "invitation", "erased_number",
     "export"}
)  # fmt: skip
_BODIES_AT_ONCE = 1000


def rows_about(connection: Connection, name: str) -> Iterator[Document] | None:
    """Yield what is stored about a number or a reference; None: it was never reported.

    First the documents of the API, then the rows of all tables, then the bodies of reports, then
    the entries of the audit.
    """
    view = View(connection)
    for kind in (UnitKind.SIM, UnitKind.MODEM):
        unit = find_unit(view, kind, name)
        if unit is not None:
            return _rows(connection, kind, unit, view.units([unit])[unit].ref)
    return None


def _rows(connection: Connection, kind: UnitKind, unit: int, ref: str) -> Iterator[Document]:
    if kind == UnitKind.SIM:
        yield {"part": "sim", "row": reader.sim(connection, ref)}
        yield {"part": "timeline", "row": reader.sim_timeline(connection, ref)}
    else:
        yield {"part": "modem", "row": reader.modem(connection, ref)}
        yield {"part": "timeline", "row": reader.modem_timeline(connection, ref)}
    redaction = Redaction(numbers_of(connection, unit))
    for table in schema.metadata.sorted_tables:
        if table.name in _INTERNAL or table.name in ("report", "conflict", "audit"):
            continue
        conditions = [column == unit for column in table.columns if column.name in _UNITS]
        if table.name == "unit":
            conditions = [table.c.id == unit]
        if table.name not in WITHOUT_TEXT or table.name == "identifier":
            texts = [column for column in table.columns if isinstance(column.type, Text)]
            conditions += [has_number(one, redaction) for one in texts]
        if not conditions:
            continue
        names = [str(one.name) for one in table.columns if not isinstance(one.type, LargeBinary)]
        query = select(*(table.c[one] for one in names)).where(or_(*conditions))
        # "key" is that of a report in all documents, and is not masked
        shown = [f"{table.name}_key" if one == "key" else one for one in names]
        for row in connection.execute(query).all():
            yield {"part": str(table.name), "row": dict(zip(shown, row, strict=True))}
    yield from _bodies(connection, redaction)
    yield from _acts(connection, ref)


def _bodies(connection: Connection, redaction: Redaction) -> Iterator[Document]:
    view = View(connection)
    for table, key in ((schema.report, "received_ms"), (schema.conflict, "digest")):
        columns = [table.c.stream, table.c.sequence, table.c[key]]
        after: tuple[Any, ...] | None = None
        while True:
            query = select(*columns, table.c.body).order_by(*columns).limit(_BODIES_AT_ONCE)
            query = query if after is None else query.where(_after(columns, after))
            rows = connection.execute(query).all()
            for row in rows:
                body = decompress(row.body) if row.body else b""
                if redaction.is_in(body.decode("utf-8", "replace")):
                    document = msgspec.json.decode(body)
                    where = view.report(row.stream, row.sequence)
                    yield {"part": str(table.name), "row": {"key": where, "report": document}}
            if len(rows) < _BODIES_AT_ONCE:
                break
            after = tuple(rows[-1][:3])


def _after(columns: list[Any], after: tuple[Any, ...]) -> Any:
    first, second, third = columns
    return or_(
        first > after[0],
        (first == after[0]) & (second > after[1]),
        (first == after[0]) & (second == after[1]) & (third > after[2]),
    )


def _acts(connection: Connection, ref: str) -> Iterator[Document]:
    c = audit.c
    query = select(c.position, c.made_ms, c.actor, c.kind, c.object).where(
        or_(c.object.contains(ref), c.detail.contains(ref))
    )
    for row in connection.execute(query.order_by(c.id)).all():
        names = ("position", "made_ms", "actor", "kind", "object")
        yield {"part": "audit", "row": dict(zip(names, row, strict=True))}
