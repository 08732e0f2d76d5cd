"""Gateways in the order of their silence: those that are silent first, then those that report.

Silent are those with an open finding, the newest first; the others follow, those that reported for
the first time last first. Rows are read by index, at most some thousand for a page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.refs import format_ref
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.fleet import gateway_documents
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.tables import schema

_PARTS = (200, 1000, 4000)  # gateways that are read in turn for one page
_FEW = 4000  # gateways of a site that are read at once
_RULE = "gateway.silent"
#: As in the index of open findings by their type.
_SILENT = (
    "SELECT f.id, f.gateway, f.hi_ms, (SELECT g.site FROM gateway g WHERE g.id = f.gateway)"  # noqa: S608
    " FROM finding f WHERE f.severity = 'warning'"
    f" AND f.type BETWEEN '{_RULE}' AND '{_RULE}'"
    " AND f.recorded_to IS NULL AND f.state <> 'resolved' AND f.id {0} :start"
    " ORDER BY f.type {1}, f.id {1} LIMIT :size"
)
_OTHERS = (
    "SELECT g.id, CASE WHEN g.first_boot IS NOT NULL{3}"  # noqa: S608
    f" AND (SELECT count(*) FROM finding f WHERE f.gateway = g.id AND f.type = '{_RULE}'"
    " AND f.recorded_to IS NULL AND f.state <> 'resolved') = 0 THEN 1 ELSE 0 END"
    " FROM gateway g WHERE g.id {0} :start {2} ORDER BY g.id {1} LIMIT :size"
)
_AT_SITE = "SELECT id FROM gateway WHERE site = :site LIMIT :size"
_LAST = 2**62


class SilentGateway(NamedTuple):
    """A gateway that is silent since a time; ``id`` is the row of the finding."""

    id: int
    gateway: int
    since_ms: int
    site: str | None


class GatewayPart(NamedTuple):
    """Rows of a part of the list, in reading order, and the one after which more may follow."""

    rows: list[Any]
    following: int | None


def silent(
    connection: Connection, limit: int, start: int | None = None, site: str | None = None,
    *, is_up: bool = False,
) -> GatewayPart:  # fmt: skip
    """Return silent gateways, those found last first, or first.

    :param start: the finding after which they begin
    """
    signs = (">", "ASC") if is_up else ("<", "DESC")

    def read(after: int, size: int) -> list[tuple[int, Any]]:
        values = {"start": after, "size": size}
        rows = connection.execute(text(_SILENT.format(*signs)), values)
        found = [SilentGateway(*row) for row in rows]
        return [(one.id, one if site in (None, one.site) else None) for one in found]

    return _walk(read, limit, start, is_up=is_up)


def others(
    connection: Connection, limit: int, start: int | None = None, site: str | None = None,
    *, is_up: bool = False,
) -> GatewayPart:  # fmt: skip
    """Return rows of gateways that are not silent, the newest first, or the oldest.

    :param start: the gateway after which they begin
    """
    signs = (">", "ASC") if is_up else ("<", "DESC")
    few = _few(connection, site) if site is not None else None

    def read(after: int, size: int) -> list[tuple[int, Any]]:
        among = ""
        if few is not None:
            rest = sorted((one for one in few if one > after) if is_up else
                          (one for one in few if one < after), reverse=not is_up)  # fmt: skip
            among = f"AND g.id IN ({', '.join(map(str, rest[:size])) or '-1'})"
        values = {"start": after, "size": size, "site": site}
        at_site = "" if site is None else " AND g.site = :site"
        rows = connection.execute(text(_OTHERS.format(*signs, among, at_site)), values)
        return [(row, row if matches else None) for row, matches in rows]

    return _walk(read, limit, start, is_up=is_up)


def _few(connection: Connection, site: str) -> list[int] | None:
    rows = connection.execute(text(_AT_SITE), {"site": site, "size": _FEW + 1}).scalars().all()
    return list(rows) if len(rows) <= _FEW else None


def _walk(
    read: Callable[[int, int], Sequence[tuple[int, Any]]],
    limit: int,
    start: int | None,
    *,
    is_up: bool,
) -> GatewayPart:
    position = start if start is not None else 0 if is_up else _LAST
    found: list[tuple[int, Any]] = []
    for part in _PARTS:
        size = max(part, limit + 1)
        rows = read(position, size)
        found += [row for row in rows if row[1] is not None]
        if len(found) > limit:
            return GatewayPart([one for _, one in found[:limit]], found[limit - 1][0])
        if len(rows) < size:
            return GatewayPart([one for _, one in found], None)
        position = rows[-1][0]
    return GatewayPart([one for _, one in found], position)


def documents_of(connection: Connection, rows: Sequence[int]) -> dict[int, Document]:
    """Return gateways as documents by their rows, in this order."""
    found = {one["ref"]: one for one in gateway_documents(View(connection), rows)}
    keys = [(row,) for row in rows]
    refs: dict[int, int] = dict(
        dialect.select_rows(connection, schema.gateway, ("id",), ("id", "ref"), keys)
    )
    named = {row: found.get(format_ref(refs[row])) for row in rows}
    return {row: one for row, one in named.items() if one is not None}
