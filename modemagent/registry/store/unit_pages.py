"""Pages of modems and SIMs, newest first: where a page begins that ends before a unit."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store import schema
from modemagent.registry.store.recheck_tables import modem_type
from modemagent.registry.store.units import UnitKind


class UnitRange(NamedTuple):
    """A page of units.

    :param after: the unit after which it begins; 0: it has the oldest units
    :param rows: number of its units
    """

    after: int
    rows: int


def page_before(
    connection: Connection,
    kind: UnitKind,
    limit: int,
    before: int | None,
    link_state: str | None = None,
) -> UnitRange:
    """Return the page that ends before a unit.

    :param before: None: the page has the newest units
    :param link_state: only modems in this state
    """
    if link_state is None:
        column = schema.unit.c.id
        query = select(column).where(schema.unit.c.kind == kind)
    else:
        column = modem_type.c.unit
        query = select(column).where(modem_type.c.link_state == int(LinkState[link_state.upper()]))
    query = query if before is None else query.where(column < before)
    rows = connection.execute(query.order_by(column.desc()).limit(limit + 1)).scalars().all()
    return UnitRange(rows[limit] if len(rows) > limit else 0, min(len(rows), limit))
