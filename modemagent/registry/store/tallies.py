"""Numbers of stored rows, which a timer counts: counting takes longer than a request may."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store import dialect, operation_tables, schema
from modemagent.registry.store.engine import Database
from modemagent.registry.store.recheck_tables import modem_type
from modemagent.registry.store.units import UnitKind

#: Those of modems that a policy covers.
_STATES = (LinkState.LINKED, LinkState.ARMED, LinkState.DIFFERED)


def update(database: Database) -> None:
    """Count the rows and store the numbers; writers do not wait meanwhile."""
    with database.reading() as connection:
        found = counted(connection)
    with database.writing() as connection:
        dialect.upsert_rows(
            connection, operation_tables.tally, ("name",), ("value",), list(found.items())
        )


def stored(connection: Connection) -> dict[str, int]:
    """Return the numbers of the last count by kind; of a new database, count now."""
    return last(connection) or counted(connection)


def last(connection: Connection) -> dict[str, int]:
    """Return the numbers of the last count by kind; none of a database that was never counted."""
    c = operation_tables.tally.c
    return {row[0]: row[1] for row in connection.execute(select(c.name, c.value))}


def counted(connection: Connection) -> dict[str, int]:
    """Return the numbers of rows by kind."""

    def size(table: Any, *where: Any) -> int:
        query = select(func.count()).select_from(table).where(*where)
        return connection.execute(query).scalar() or 0

    kind, live = schema.unit.c.kind, ~schema.event.c.superseded & ~schema.event.c.withdrawn
    reports = select(func.sum(schema.boot_stream.c.reports))
    state = modem_type.c.link_state
    states = {one.shown: size(modem_type, state == int(one)) for one in _STATES}
    return {
        **states,
        "reports": int(connection.execute(reports).scalar() or 0),
        "conflicts": size(schema.conflict),
        "gateways": size(schema.gateway),
        "modems": size(schema.unit, kind == UnitKind.MODEM),
        "sims": size(schema.unit, kind == UnitKind.SIM),
        "events": size(schema.event, live),
    }
