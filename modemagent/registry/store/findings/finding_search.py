"""Findings by site and by what their modem has stated, and alike ones in groups.

Rows are read in the order of an index, at most some thousand for a page, however many there are: a
page may have fewer findings than its limit and still a next page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, select, text

from modemagent.registry.store.findings import finding_reader, triage
from modemagent.registry.store.findings.triage import matching
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.fleet import gateway_row
from modemagent.registry.store.fleet.unit_filters import UnitFilter, terms_of, values_of
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.tables import finding_tables

_PARTS = (200, 800, 2000)  # findings that are read in turn for one page
_WINDOW = 1000  # that are looked at for groups
#: Alike findings above it are shown as one line.
FEW_ALIKE = 5
_c = finding_tables.finding.c
_GATEWAY = "coalesce(finding.gateway, (SELECT r.gateway FROM stream r WHERE r.id = finding.stream))"
#: That of the asset with the modem, or of the gateway whose report first shows the finding.
SITE = (
    "coalesce((SELECT a.site FROM unit n JOIN asset a ON a.imei = n.key"  # noqa: S608
    " WHERE n.id = finding.unit AND n.kind = 1 AND a.site IS NOT NULL LIMIT 1),"
    f" (SELECT g.site FROM gateway g WHERE g.id = {_GATEWAY}))"
)


class FindingFilter(NamedTuple):
    """What findings are searched.

    :param state: None: any, resolved ones included
    :param severities: none: any
    :param modem: what the modem that a finding is about has stated, and its first digits
    :param is_held: only those that hold now
    :param gateway: row of the gateway that they are about
    :param unit: row of the modem that they are about
    """

    state: str | None = "undecided"
    severities: Sequence[str] = ()
    rule: str | None = None
    site: str | None = None
    modem: UnitFilter = UnitFilter()
    is_held: bool = False
    gateway: int | None = None
    unit: int | None = None

    @property
    def is_simple(self) -> bool:
        """Return True if an index has what matches, in order."""
        return self.site is None and not any(self.modem)


class FoundFinding(NamedTuple):
    """A finding as far as groups need it; the site may not be known."""

    id: int
    finding_id: bytes
    revision: int
    severity: str
    type: str
    hi_ms: int
    gateway: int | None
    site: str | None


class FoundFindings(NamedTuple):
    """Findings in their order, and the row after which more may follow."""

    rows: list[FoundFinding]
    following: int | None


@dataclass(slots=True)
class FindingGroup:
    """Alike findings, those of one rule at one site, newest first.

    :param is_cut: more may be alike, which were not looked at
    """

    rows: list[FoundFinding] = field(default_factory=list)
    is_cut: bool = False

    @property
    def gateways(self) -> int:
        """The number of different gateways."""
        return len({row.gateway for row in self.rows if row.gateway is not None})


def search(
    connection: Connection,
    wanted: FindingFilter,
    limit: int,
    start: int | None = None,
    *,
    is_up: bool = False,
    parts: Sequence[int] = _PARTS,
) -> FoundFindings:
    """Return the next findings that match, newest first, or oldest first.

    :param start: the row after which they begin
    """
    found: list[FoundFinding] = []
    for size in parts:
        rows = _part(connection, wanted, max(size, limit + 1), start, is_up=is_up)
        found += [FoundFinding(*row[:-1]) for row in rows if row[-1]]
        if len(found) > limit:
            return FoundFindings(found[:limit], found[limit - 1].id)
        if len(rows) < max(size, limit + 1):
            return FoundFindings(found, None)
        start = rows[-1][0]
    return FoundFindings(found, start)


def grouped(
    connection: Connection,
    wanted: FindingFilter,
    limit: int,
    start: int | None = None,
    *,
    is_up: bool = False,
    most: int = _WINDOW,
) -> tuple[list[FindingGroup], int | None]:
    """Return the next findings, those with many alike in groups, and where the next page begins.

    :param most: findings among which those of one severity, rule and site are alike
    """
    parts = (most,) if wanted.is_simple else _PARTS
    window = search(connection, wanted, most, start, is_up=is_up, parts=parts)
    alike: defaultdict[tuple[str, str, str | None], list[FoundFinding]] = defaultdict(list)
    for row in window.rows:
        alike[row.severity, row.type, row.site].append(row)
    found: list[FindingGroup] = []
    shown = set()
    for row in window.rows:
        key = row.severity, row.type, row.site
        is_one = len(alike[key]) <= FEW_ALIKE or (row.site is None and wanted.rule is not None)
        if not is_one and key in shown:
            continue
        if len(found) == limit:
            break
        shown.add(key)
        rows = [row] if is_one else sorted(alike[key], reverse=True)
        found.append(FindingGroup(rows, is_cut=not is_one and window.following is not None))
    return (
        (found[::-1] if is_up else found),
        _following(window, found, limit),
    )


def _following(window: FoundFindings, found: Sequence[FindingGroup], limit: int) -> int | None:
    """Return the row before the first one that no line has shown."""
    shown = {row.id for group in found for row in group.rows}
    last = None
    for row in window.rows:
        if row.id not in shown:
            return last if last is not None else row.id
        last = row.id
    return window.following


def _part(
    connection: Connection, wanted: FindingFilter, size: int, start: int | None, *, is_up: bool
) -> list[Any]:
    """Return the next rows in order, each with whether it matches what no index has."""
    site = func.coalesce(text(SITE), None).label("site")
    query = select(
        _c.id, _c.finding_id, _c.revision, _c.severity, _c.type, _c.hi_ms,
        func.coalesce(text(_GATEWAY), None).label("of"), site, _matches(wanted).label("matches"),
    )  # fmt: skip
    if start is not None:
        query = query.where(_c.id > start if is_up else _c.id < start)
    query = query.where(_c.recorded_to.is_(None)) if wanted.is_held else query
    for column, row in ((_c.gateway, wanted.gateway), (_c.unit, wanted.unit)):
        query = query if row is None else query.where(column == row)
    severities = wanted.severities
    return matching(connection, query, size, wanted.state, severities, wanted.rule, is_up=is_up)


def _matches(wanted: FindingFilter) -> ColumnElement[Any]:
    terms = terms_of(UnitKind.MODEM, wanted.modem).values()
    where = [one.where.format(unit="finding.unit") for one in terms]
    values = values_of(UnitKind.MODEM, wanted.modem)
    if wanted.site is not None:
        where.append(f"{SITE} = :site")
        values["site"] = wanted.site
    condition = text(f"CASE WHEN {' AND '.join(where) or '1 = 1'} THEN 1 ELSE 0 END")
    names = {name for name in values if f":{name}" in condition.text}
    bound = condition.bindparams(**{name: values[name] for name in names})
    found: ColumnElement[Any] = func.coalesce(bound, 0)
    return found


def revisions(
    connection: Connection, wanted: FindingFilter, most: int
) -> tuple[list[tuple[str, int]], bool]:
    """Return id and revision of the newest findings that match, and whether all of them were read.

    :param most: the most to return
    """
    found = search(connection, wanted, most, parts=(most, most))
    items = [(str(UUID(bytes=bytes(row.finding_id))), row.revision) for row in found.rows]
    return items, found.following is None or len(items) == most


def findings(
    connection: Connection,
    *,
    limit: int,
    after: int = 0,
    severity: str | None = None,
    gateway: str | None = None,
    type: str | None = None,
    modem: str | None = None,
    site: str | None = None,
    **stated: str | None,
) -> Document:
    """Return a page of the findings that hold now, in the order of recording.

    :param stated: fields of the filter of modems
    """
    if site is None and not any(stated.values()):
        filters = {"severity": severity, "gateway": gateway, "type": type, "modem": modem}
        return finding_reader.findings(connection, limit=limit, after=after, **filters)
    view = View(connection)
    wanted = FindingFilter(
        state=None,
        severities=[severity] if severity else (),
        rule=type,
        site=site,
        modem=UnitFilter(**stated),
        is_held=True,
        gateway=None if gateway is None else gateway_row(connection, gateway),
        unit=None if modem is None else find_unit(view, UnitKind.MODEM, modem) or 0,
    )
    found = search(connection, wanted, limit, after, is_up=True)
    documents = triage.documents_of(connection, [row.id for row in found.rows])
    following = None if found.following is None else str(found.following)
    listed = [documents[row.id] for row in found.rows if row.id in documents]
    return {"findings": listed, "next": following}
