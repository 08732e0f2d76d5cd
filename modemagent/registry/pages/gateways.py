"""The list of gateways: which are silent, since when, and how often is each expected?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from modemagent.registry.pages.csv_files import csv_lines
from modemagent.registry.pages.figures import count, moment
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.gateway import line_of
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.list_cells import Cell, ListColumn, ListRow, of_text, of_time
from modemagent.registry.pages.list_query import FilterField, ListControls, ListQuery
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.refs import format_ref
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.fleet import gateway_row
from modemagent.registry.store.fleet.gateway_search import (
    GatewayPart,
    SilentGateway,
    documents_of,
    others,
    silent,
)
from modemagent.registry.store.tables import schema

_BLOCK = 500  # rows of a file that are read at a time
_COUNTED = 1000  # silent gateways that are looked at for what they have in common
_FEW_SILENT = 5
#: Cursors of silent gateways begin with it; the others are references of gateways.
_SILENT = "S."


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaysPage:
    """A page of gateways, those that are silent first.

    :param outages: sites with many silent gateways, as text and with their address
    """

    rows: list[ListRow]
    columns: tuple[ListColumn, ...]
    controls: ListControls
    silent: str
    outages: list[tuple[str, str]]
    newest: str | None
    newer: str | None
    older: str | None


class GatewaySlice(NamedTuple):
    """Gateways of a page, the silent ones among them by their row, and the next cursor."""

    rows: list[int]
    quiet: dict[int, SilentGateway]
    following: str | None


_FIELDS = (
    FilterField("site", "site"),
    FilterField("state", "state", (("", "all"), ("silent", "silent"))),
)
_COLUMNS = (
    ListColumn("gateway", "Gateway", ("gateway",)),
    ListColumn("site", "Site", ("site",), is_usual=False),
    ListColumn("state", "State", ("state", "silent_since")),
    ListColumn("received", "Last received", ("last_received",)),
    ListColumn("expected", "Expected", ("expected",)),
    ListColumn("clock", "Clock", ("clock",)),
    ListColumn("agent", "Agent", ("agent",)),
    ListColumn("first", "First report", ("first_report",), is_usual=False),
    ListColumn("reports", "Reports", ("reports",), is_number=True),
)


def show(ask: Ask) -> Answer:
    """Return a page of gateways, those that are silent first."""
    query = ListQuery.of(ask, "/gateways", _FIELDS, _COLUMNS)
    if not query.is_stated_by(ask):
        return SeeOther(query.stated())
    before, after = ask.query("before"), ask.query("after")
    with ask.reading() as connection:
        if after:
            found = _up(connection, query, after)
            if found is None:
                return SeeOther(query.url())  # the newest page, which has as many rows as fit
        else:
            found = _down(connection, query.values, before, query.rows)
        rows = _rows(connection, query, found, ask)
        outages, number = _outages(connection, query, ask)
        controls = query.controls(ask, connection, _sentence(query), tabs=("state",))
        first, last = (_cursor_of(connection, found, at) for at in (0, -1))
    is_first = not before and not after
    model = GatewaysPage(
        rows=rows,
        columns=query.columns,
        controls=controls,
        silent=number,
        outages=outages,
        newest=None if is_first else query.url(),
        newer=None if is_first or first is None else query.url(after=first),
        older=query.url(before=last if after else found.following)
        if found.following or (after and last)
        else None,
    )
    return Page("gateways.html", model)


def csv(ask: Ask) -> Answer:
    """Return the gateways of the filters as CSV, in the order of the list."""
    query = ListQuery.of(ask, "/gateways", _FIELDS, _COLUMNS)

    def lines() -> Iterator[list[str]]:
        cursor: str | None = ""
        while cursor is not None:
            with ask.reading() as connection:
                found = _down(connection, query.values, cursor, _BLOCK)
                for row in _rows(connection, query, found, ask):
                    yield [one for cell in row.cells for one in cell.files]
            cursor = found.following

    as_text = ask.query("numbers") == "text"
    return Download("gateways.csv", csv_lines(query.file_names(), lines(), as_text=as_text))


def _down(connection: Connection, values: dict[str, str], cursor: str, limit: int) -> GatewaySlice:
    """Return the gateways after a cursor: the rest of the silent ones, then the others."""
    site = values["site"] or None
    quiet, start = GatewayPart([], None), None
    if not cursor or cursor.startswith(_SILENT):
        quiet = silent(connection, limit, _number(cursor), site)
    else:
        start = gateway_row(connection, cursor) or None
    silent_ones = {one.gateway: one for one in quiet.rows}
    rows = list(silent_ones)
    if quiet.following is not None:
        return GatewaySlice(rows, silent_ones, f"{_SILENT}{quiet.following}")
    if values["state"]:
        return GatewaySlice(rows, silent_ones, None)
    if len(rows) == limit:
        return GatewaySlice(rows, silent_ones, f"{_SILENT}0")
    rest = others(connection, limit - len(rows), start, site)
    following = None
    if rest.following is not None:
        following = _ref(connection, rest.following)
    return GatewaySlice(rows + rest.rows, silent_ones, following)


def _up(connection: Connection, query: ListQuery, cursor: str) -> GatewaySlice | None:
    """Return the gateways before a cursor; None: so few are before it that they are the first."""
    site = query.values["site"] or None
    if cursor.startswith(_SILENT):
        found = silent(connection, query.rows, _number(cursor), site, is_up=True)
        quiet = {one.gateway: one for one in found.rows[::-1]}
        return GatewaySlice(list(quiet), quiet, None) if found.following is not None else None
    start = gateway_row(connection, cursor)
    rest = others(connection, query.rows, start, site, is_up=True)
    return GatewaySlice(rest.rows[::-1], {}, None) if rest.following is not None else None


def _number(cursor: str) -> int | None:
    text = cursor.removeprefix(_SILENT)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _ref(connection: Connection, row: int) -> str:
    rows = dialect.select_rows(connection, schema.gateway, ("id",), ("ref",), [(row,)])
    return format_ref(rows[0][0])


def _cursor_of(connection: Connection, found: GatewaySlice, at: int) -> str | None:
    """Return the cursor of the first or the last gateway that is shown."""
    if not found.rows:
        return None
    row = found.rows[at]
    return f"{_SILENT}{found.quiet[row].id}" if row in found.quiet else _ref(connection, row)


def _rows(
    connection: Connection,
    query: ListQuery,
    found: GatewaySlice,
    ask: Ask,
) -> list[ListRow]:
    documents = documents_of(connection, found.rows)
    links = Links(connection, ask.who, list(documents.values()))
    rows = []
    for row, one in documents.items():
        quiet = found.quiet.get(row)
        cells = _cells(one, links, ask, quiet.since_ms if quiet else None)
        shown = [cells[column.name]() for column in query.columns]
        rows.append(ListRow(line_of(one, links, ask.now).link, shown))
    return rows


def _cells(
    one: Document, links: Links, ask: Ask, since_ms: int | None
) -> dict[str, Callable[[], Cell]]:
    line = line_of(one, links, ask.now)
    since = moment(to_rfc3339(since_ms) if since_ms else None, ask.now)
    return {
        "gateway": lambda: Cell(link=line.link, files=(line.link.text,)),
        "site": lambda: of_text(links.text(one["site"] or ""), "site"),
        "state": lambda: Cell(
            word=line.state,
            note=f"since {since.text}" if since else "",
            files=(line.state.short, since.iso if since else ""),
        ),
        "received": lambda: of_time(line.received, "received"),
        "expected": lambda: of_text(line.expected, "expected"),
        "clock": lambda: Cell(word=line.clock, files=(line.clock.short,)),
        "agent": lambda: of_text(line.version, "agent"),
        "first": lambda: of_time(moment(one["first_seen"], ask.now), "first report"),
        "reports": lambda: Cell(
            text=count(line.reports), is_number=True, label="reports", files=(str(line.reports),)
        ),
    }


def _outages(
    connection: Connection, query: ListQuery, ask: Ask
) -> tuple[list[tuple[str, str]], str]:
    """Return the sites with many silent gateways as text, and how many are silent in all."""
    found = silent(connection, _COUNTED)
    rows: list[SilentGateway] = found.rows
    total = f"more than {count(_COUNTED)}" if found.following is not None else count(len(rows))
    lines = []
    for site, number in Counter(row.site for row in rows).most_common(3):
        if site is None or number < _FEW_SILENT:
            continue
        since = moment(to_rfc3339(min(r.since_ms for r in rows if r.site == site)), ask.now)
        is_all = number == len(rows) and found.following is None
        head = count(number) if is_all else f"{count(number)} of {total}"
        shown = f"{head} silent since {since.text if since else ''},{' all' * is_all} at site "
        lines.append((shown + ask.who.text(site), query.replace(site=site, state="silent").url()))
    return lines, total if rows else ""


def _sentence(query: ListQuery) -> str:
    site = f" at site {query.values['site']}" if query.values["site"] else ""
    if query.values["state"]:
        return f"Silent gateways{site}, those found last first."
    return f"All gateways{site}: silent ones first, then those that appeared last."
