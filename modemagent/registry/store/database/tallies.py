"""Numbers of stored rows, which a timer counts: counting takes longer than a request may."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.fleet import fleet_figures
from modemagent.registry.store.fleet.fleet_figures import FleetFigures
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.tables import operation_tables, schema
from modemagent.registry.store.tables.recheck_tables import modem_type

#: Those of modems that a policy covers.
_STATES = (LinkState.LINKED, LinkState.ARMED, LinkState.DIFFERED)


def update(database: Database) -> None:
    """Count the rows and store the numbers; writers do not wait meanwhile."""
    at_ms = now_ms()
    with database.reading() as connection:
        found = counted(connection) | fleet_figures.counted(connection, at_ms)
    with database.writing() as connection:
        stale = [(name,) for name in _rows(connection) if fleet_figures.is_stale(name, at_ms)]
        dialect.delete_rows(connection, operation_tables.tally, ("name",), stale)
        dialect.upsert_rows(
            connection, operation_tables.tally, ("name",), ("value",), list(found.items())
        )


def stored(connection: Connection) -> dict[str, int]:
    """Return the numbers of the last count by kind; of a new database, count now."""
    return last(connection) or counted(connection)


def last(connection: Connection) -> dict[str, int]:
    """Return the numbers of the last count by kind; none of a database that was never counted."""
    return {name: value for name, value in _rows(connection).items() if "." not in name}


def figures(connection: Connection) -> tuple[dict[str, int], FleetFigures | None]:
    """Return the numbers of the last count by kind, and the figures of the overview.

    A registry that had no gateway at its last count is counted now.
    """
    rows = _rows(connection)
    numbers = {name: value for name, value in rows.items() if "." not in name}
    if not numbers.get("gateways"):
        numbers = counted(connection)
        rows = fleet_figures.counted(connection, now_ms())
    return numbers, fleet_figures.figures_of(rows)


def _rows(connection: Connection) -> dict[str, int]:
    c = operation_tables.tally.c
    return {row.name: row.value for row in connection.execute(select(c.name, c.value))}


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
