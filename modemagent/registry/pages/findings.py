"""The list of findings: what must be decided next?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.pages.csv_files import csv_lines
from modemagent.registry.pages.figures import count, moment
from modemagent.registry.pages.finding_filters import (
    ALL,
    SEVERITIES_SHOWN,
    STATES_SHOWN,
    Filters,
    hidden_by,
)
from modemagent.registry.pages.finding_rows import FindingRow, finding_row
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.list_cells import Cell, ListColumn, ListRow, of_text
from modemagent.registry.pages.list_query import FilterField, ListControls, ListQuery
from modemagent.registry.pages.words import STATES, WORDS, finding_word
from modemagent.registry.rules.catalogue import CATALOGUE
from modemagent.registry.store.findings import triage
from modemagent.registry.store.findings.finding_search import (
    FindingFilter,
    FindingGroup,
    grouped,
    search,
)
from modemagent.registry.store.fleet.documents import to_rfc3339

_BLOCK = 500  # rows of a file that are read at a time
_NEWEST = 200  # findings that are looked at for groups on the overview


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsPage:
    """A page of findings.

    :param is_short: more may match, but so many did not that reading was stopped
    """

    rows: list[ListRow]
    columns: tuple[ListColumn, ...]
    controls: ListControls
    newest: str | None
    newer: str | None
    older: str | None
    is_short: bool
    may_decide: bool


_FIELDS = (
    FilterField("state", "state", tuple((one, one) for one in STATES_SHOWN), usual="undecided"),
    FilterField(
        "severity",
        "severity",
        tuple((one, one or "errors and warnings") for one in SEVERITIES_SHOWN),
    ),
    FilterField(
        "rule",
        "rule",
        (
            ("", "any rule"),
            *sorted(((name, WORDS[name].short) for name in CATALOGUE), key=lambda one: one[1]),
        ),
    ),
    FilterField("site", "site"),
    FilterField("model", "model"),
    FilterField("firmware", "firmware"),
    FilterField("tac", "TAC", is_digits=True),
)
_COLUMNS = (
    ListColumn("what", "What", ("severity", "type", "what", "part", "again")),
    ListColumn("about", "About", ("kind", "about")),
    ListColumn("where", "Reported by", ("reported_by",)),
    ListColumn("site", "Site", ("site",), is_usual=False),
    ListColumn("since", "Since", ("since", "known", "late")),
    ListColumn("state", "State", ("state", "note")),
)


def query_of(ask: Ask) -> ListQuery:
    """Return the view that an address or a form states."""
    return ListQuery.of(ask, "/findings", _FIELDS, _COLUMNS)


def filters_of(ask: Ask) -> Filters:
    """Return the filters of the address, or of a form that was made from it."""
    return Filters(**query_of(ask).values)


def show(ask: Ask) -> Answer:
    """Return the findings that match the filters of the address, newest first."""
    query = query_of(ask)
    if not query.is_stated_by(ask):
        return SeeOther(query.stated())
    filters = Filters(**query.values)
    before, after = ask.number("before"), ask.number("after")
    start, is_up = (after, True) if after is not None else (before, False)
    with ask.reading() as connection:
        groups, following = _lines(connection, query, filters, start, is_up=is_up)
        totals = triage.clusters(connection)
        inside = None
        if not filters.wanted.is_simple and start is None and following is None:
            inside = Counter(row.severity for group in groups for row in group.rows)
        controls = query.controls(
            ask, connection, filters.sentence(totals), tabs=("state", "severity"),
            hidden=hidden_by(totals, filters, inside),
        )  # fmt: skip
        rows = _rows(connection, query, groups, ask)
    older = (after or 0) + 1 if is_up else following
    newer = following if is_up else before - 1 if before else None
    model = FindingsPage(
        rows=rows,
        columns=query.columns,
        controls=controls,
        newest=query.url() if start is not None else None,
        newer=None if newer is None else query.url(after=newer),
        older=None if older is None else query.url(before=older),
        is_short=following is not None and len(groups) < query.rows,
        may_decide=ask.who.may_operate,
    )
    return Page("findings.html", model)


def newest(
    connection: Connection, ask: Ask, most: int
) -> tuple[tuple[ListColumn, ...], list[ListRow]]:
    """Return the newest undecided errors, then warnings, for the overview: columns and rows."""
    query = ListQuery.of(ask, "/findings", _FIELDS, _COLUMNS)
    groups: list[FindingGroup] = []
    for severity in ("error", "warning"):
        if len(groups) < most:
            wanted = FindingFilter(severities=(severity,))
            groups += grouped(connection, wanted, most - len(groups), most=_NEWEST)[0]
    shown = len(query.columns) - 1  # the state is the same
    rows = _rows(connection, query, groups, ask)
    return query.columns[:shown], [ListRow(one.link, one.cells[:shown], one.id) for one in rows]


def _lines(
    connection: Connection, query: ListQuery, filters: Filters, start: int | None, *, is_up: bool
) -> tuple[list[FindingGroup], int | None]:
    """Return the findings of a page, alike ones in groups unless the filters are about one."""
    wanted = filters.wanted
    if filters.state != ALL and not (wanted.rule and wanted.site):
        return grouped(connection, wanted, query.rows, start, is_up=is_up)
    found = search(connection, wanted, query.rows, start, is_up=is_up)
    rows = [FindingGroup([row]) for row in found.rows]
    return rows[::-1] if is_up else rows, found.following


def _rows(
    connection: Connection, query: ListQuery, groups: Sequence[FindingGroup], ask: Ask
) -> list[ListRow]:
    single = [group.rows[0].id for group in groups if len(group.rows) == 1]
    documents = triage.documents_of(connection, single)
    links = Links(connection, ask.who, list(documents.values()))
    found = []
    for group in groups:
        row = group.rows[0]
        if len(group.rows) > 1:
            found.append(_group_row(query, group, ask))
        elif row.id in documents:
            one = finding_row(documents[row.id], links, ask.now)
            cells = _cells(one, documents[row.id], links.text(row.site or ""))
            found.append(
                ListRow(
                    one.about,
                    [cells[column.name] for column in query.columns],
                    id=one.id,
                    tick=("finding", one.id, f"{one.word.short}, {one.about.text}"),
                )
            )
    return found


def _group_row(query: ListQuery, group: FindingGroup, ask: Ask) -> ListRow:
    """Return the line of alike findings, which leads to those of its rule and site."""
    newest, oldest = group.rows[0], min(group.rows, key=lambda one: one.hi_ms)
    word = finding_word(newest.type, newest.severity)
    site = ask.who.text(newest.site) if newest.site else ""
    number = f"{count(len(group.rows))}{' or more' if group.is_cut else ''}"
    about = f"site {site}" if site else "no site"
    gateways = f"{count(group.gateways)} gateway{'' if group.gateways == 1 else 's'}"
    latest = max(group.rows, key=lambda one: one.hi_ms)
    first = moment(to_rfc3339(oldest.hi_ms), ask.now)
    url = query.url(rule=newest.type, site=newest.site or "")
    cells = {
        "what": Cell(files=(), word=word, link=Link(word.short, url), note=f"{number} alike"),
        "about": of_text(about),
        "where": of_text(gateways),
        "site": of_text(site),
        "since": Cell(
            files=(),
            time=moment(to_rfc3339(latest.hi_ms), ask.now),
            note=f"first {first.text}" if first and oldest.hi_ms < latest.hi_ms else "",
        ),
        "state": Cell(files=(), word=STATES[query.values["state"]]),
    }
    key = f"{newest.severity}|{newest.type}|{newest.site or ''}"
    return ListRow(
        Link(about, url),
        [cells[column.name] for column in query.columns],
        tick=("group", key, f"{number} {word.short}, {about}") if newest.site else None,
    )


def _cells(row: FindingRow, document: Mapping[str, Any], site: str) -> dict[str, Cell]:
    again = f"again ({row.again + 1} times)" if row.again else ""
    since, known = (one.iso if one else "" for one in (row.since, row.known))
    return {
        "what": Cell(
            link=Link(row.word.short, row.url), word=row.word,
            note=", ".join(one for one in (row.part, again) if one),
            files=(document["severity"], document["type"], row.word.short, row.part,
                   str(row.again)),
        ),
        "about": Cell(
            link=row.about, note=row.kind, is_digits=row.kind in ("modem", "SIM"),
            files=(row.kind, row.about.text),
        ),
        "where": Cell(link=row.where, files=(row.where.text if row.where else "",)),
        "site": of_text(site, "site"),
        "since": Cell(
            time=row.since, text="" if row.since else "not known",
            late=row.known if row.is_late else None,
            files=(since, known, "yes" if row.is_late else "no"),
        ),
        "state": Cell(word=row.state, note=row.note, files=(row.state.short, row.note)),
    }  # fmt: skip


def csv(ask: Ask) -> Answer:
    """Return all findings of the filters as CSV, in the order of the list."""
    query = query_of(ask)
    names = [*query.file_names(), "id"]
    lines = csv_lines(names, _csv_rows(ask, query), as_text=ask.query("numbers") == "text")
    return Download("findings.csv", lines)


def _csv_rows(ask: Ask, query: ListQuery) -> Iterator[list[str]]:
    wanted, before = Filters(**query.values).wanted, None
    while True:
        with ask.reading() as connection:
            found = search(connection, wanted, _BLOCK, before)
            groups = [FindingGroup([row]) for row in found.rows]
            for row in _rows(connection, query, groups, ask):
                yield [*(one for cell in row.cells for one in cell.files), row.id]
        if found.following is None:
            return
        before = found.following
