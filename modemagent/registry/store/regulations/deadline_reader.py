"""Deadlines as documents: the rule, the days that count, and the reports that show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select, text

from modemagent.registry.regulations.counting import date_of, day_of, runs
from modemagent.registry.regulations.regulation import Regulation
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.database.refs import parse_ref
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.intake.key_pages import DAY_MS
from modemagent.registry.store.regulations.regulations import regulations
from modemagent.registry.store.regulations.use_days import CountryUse
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.deadline_tables import NEVER, deadline

_AT_SITE = text(
    "deadline.unit IN (SELECT u.id FROM asset a JOIN unit u ON u.kind = 1 AND u.key = a.imei"
    " WHERE a.site = :site UNION SELECT p.unit FROM gateway g JOIN place p ON p.gateway = g.id"
    " WHERE g.site = :site)"
)
_FINDINGS = (
    "SELECT unit, part, finding_id FROM finding WHERE unit IN {keys}"
    " AND type IN ('roaming.deadline', 'registration.due') AND recorded_to IS NULL"
)
_SITES = "SELECT id, site FROM gateway WHERE id IN {keys}"
_ASSETS = (
    "SELECT u.id, a.site FROM unit u JOIN asset a ON a.imei = u.key"
    " WHERE u.id IN {keys} AND a.site IS NOT NULL"
)


def deadline_page(
    connection: Connection,
    *,
    limit: int,
    after: str | None = None,
    country: str | None = None,
    site: str | None = None,
    modem: str | None = None,
    due_from: date | None = None,
    due_before: date | None = None,
) -> Document:
    """Return a page of the deadlines, the first one that is due first.

    :param after: ``next`` of the page before
    :param site: of the gateway, or of the asset with the modem
    :param modem: reference of the modem
    :param due_before: only those that are due before this date
    """
    c = deadline.c
    query = select(deadline).order_by(c.due_day, c.id).limit(limit + 1)
    if country is not None:
        query = query.where(c.country == country)
    if modem is not None:
        ref = parse_ref(modem)
        unit = select(schema.unit.c.id).where(schema.unit.c.ref == ref)
        query = query.where(c.unit.in_(unit))
    if site is not None:
        query = query.where(_AT_SITE.bindparams(site=site))
    if due_from is not None:
        query = query.where(c.due_day >= day_of(due_from))
    if due_before is not None:
        query = query.where(c.due_day < day_of(due_before))
    if after is not None:
        day, row = (int(one) for one in after.split("-"))
        query = query.where((c.due_day > day) | ((c.due_day == day) & (c.id > row)))
    rows = connection.execute(query).all()
    following = f"{rows[limit - 1].due_day}-{rows[limit - 1].id}" if len(rows) > limit else None
    return {"deadlines": _documents(connection, rows[:limit]), "next": following}


def deadlines_of(connection: Connection, unit: int) -> Sequence[Any]:
    """Return the rows of the deadlines of a modem, the first one that is due first."""
    query = select(deadline).where(deadline.c.unit == unit).order_by(deadline.c.due_day)
    return connection.execute(query).all()


def due_before(connection: Connection, day: date, most: int) -> int:
    """Count the deadlines that are due before a date, up to one above a limit."""
    rows = select(deadline.c.id).where(deadline.c.due_day < day_of(day)).limit(most + 1)
    return connection.execute(select(func.count()).select_from(rows.subquery())).scalar_one()


def first_due(connection: Connection) -> tuple[str, date] | None:
    """Return country and day of the deadline that is due first; None: there is none."""
    c = deadline.c
    query = select(c.country, c.due_day).where(c.due_day < NEVER).order_by(c.due_day, c.id)
    row = connection.execute(query.limit(1)).first()
    return None if row is None else (row.country, date_of(row.due_day))


def _documents(connection: Connection, rows: Sequence[Any]) -> list[Document]:
    view = View(connection)
    units = view.units(row.unit for row in rows)
    gateways = view.gateways(row.gateway for row in rows)
    sites: dict[int, str] = dict(
        dialect.query_keys(connection, _SITES, {row.gateway for row in rows})
    )
    assets: dict[int, str] = dict(
        dialect.query_keys(connection, _ASSETS, {row.unit for row in rows})
    )
    rules = regulations(connection)
    today = now_ms() // DAY_MS
    mccs = {mcc for row in rows if row.regulation in rules for mcc in rules[row.regulation].mccs}
    use = CountryUse(connection, {row.unit for row in rows}, mccs, date_of(today).year)
    found: dict[tuple[int, str], str] = {
        (unit, part): str(UUID(bytes=bytes(id_)))
        for unit, part, id_ in dialect.query_keys(connection, _FINDINGS, {row.unit for row in rows})
    }
    return [
        {
            "imei": units[row.unit].number,
            "ref": units[row.unit].ref,
            "gateway_id": gateways.get(row.gateway),
            "site": assets.get(row.unit) or sites.get(row.gateway),
            "country": row.country,
            "rule": row.regulation,
            "type": rules[row.regulation].finding,
            "text": rules[row.regulation].text,
            "source": rules[row.regulation].source,
            "confidence": rules[row.regulation].confidence,
            "days": row.days,
            "limit_days": row.limit_days,
            "ratio": row.ratio,
            "first_day": _shown(row.first_day),
            "last_day": _shown(row.last_day),
            "due_on": None if row.due_day == NEVER else _shown(row.due_day),
            "reached": row.ratio >= 100,
            "periods": _periods(view, use, row, rules[row.regulation]),
            "finding": found.get((row.unit, f"rule:{row.regulation}")),
            "first_report": view.report(row.stream or None, row.sequence),
        }
        for row in rows
        if row.regulation in rules and row.unit in units
    ]


def _periods(view: View, use: CountryUse, row: Any, rule: Regulation) -> list[Document]:
    """Return the days that count, by gateway and SIM."""
    some = use.of_rule(row.unit, rule)
    gateways = view.gateways(one.gateway for one in some)
    sims = view.units(one.sim for one in some)
    return sorted(
        (
            {
                "from": _shown(first),
                "to": _shown(last),
                "days": last - first + 1,
                "gateway_id": gateways.get(one.gateway),
                "iccid": sims[one.sim].number if one.sim in sims else None,
                "mcc": one.mcc,
            }
            for one in some
            for first, last in runs(day for day in one.days if day >= row.first_day)
        ),
        key=lambda one: (str(one["from"]), str(one["gateway_id"])),
    )


def _shown(day: int) -> str:
    return date_of(day).isoformat()
