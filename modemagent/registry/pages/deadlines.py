"""Deadlines: which modem does a country block next, and on which days does that rest?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection

from modemagent.registry.pages.choices import Chip, Choice
from modemagent.registry.pages.csv_files import csv_lines
from modemagent.registry.pages.figures import day, days_from
from modemagent.registry.pages.frame import Answer, Ask, Download, Page
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.page_errors import PageError, not_found
from modemagent.registry.pages.words import Word
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.regulations.deadline_reader import deadline_page
from modemagent.registry.store.regulations.regulations import in_force

_ROWS, _BLOCK = 50, 500
_FILTERS = ("country", "site", "due_from", "due_before", "modem")
_CURSOR = re.compile(r"[0-9]{1,7}-[0-9]{1,18}")
#: Shapes from a part of the limit on, in per cent, as the findings have them.
_SHAPES = (
    (90, "diamond", "bad"),
    (75, "triangle", "warn"),
    (50, "disc", "info"),
    (0, "dot", "quiet"),
)
_COLUMNS = (
    "imei", "country", "rule", "days", "limit_days", "first_day", "last_day", "due_on", "reached",
    "gateway", "site", "confidence", "source",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedPeriod:
    """Consecutive days that count."""

    begin: str
    end: str
    days: int
    gateway: Link | None
    sim: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRow:
    """How far a modem is from a limit.

    :param percent: of the limit that is used, at most 100
    :param due: when the limit is or was reached, with the shape of its severity
    :param finding: address of the finding about it
    :param report: the first report that counts
    """

    modem: Link
    country: str
    days: int
    limit_days: int
    percent: int
    due: Word
    relative: str
    gateway: Link | None
    site: str
    rule: str
    text: str
    source: str
    confidence: str
    periods: list[CountedPeriod]
    finding: str | None
    report: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinesPage:
    """A page of deadlines.

    :param values: the filters that are set
    """

    rows: list[DueRow]
    countries: list[Choice]
    chips: list[Chip]
    values: dict[str, str]
    query: str
    first: str | None
    following: str | None


def show(ask: Ask) -> Answer:
    """Return a page of deadlines, the first one that is due first."""
    given, after = _given(ask), ask.query("after") or None
    if after is not None and not _CURSOR.fullmatch(after):
        raise not_found("page of deadlines")
    with ask.reading() as connection:
        page = _read(connection, given, _ROWS, after)
        links = Links(connection, ask.who, page["deadlines"])
        rows = [_row(one, links, ask) for one in page["deadlines"]]
        countries = sorted({one.country for one in in_force(connection)})
    model = DeadlinesPage(
        rows=rows,
        countries=[
            Choice(
                text=one or "all",
                url=_url({**given, "country": one}),
                is_chosen=given.get("country", "") == one,
            )
            for one in ("", *countries)
        ],
        chips=[
            Chip(text=f"{name.replace('_', ' ')}: {value}", without=_url({**given, name: ""}))
            for name, value in given.items()
        ],
        values={name: given.get(name, "") for name in _FILTERS},
        query=urlencode(given),
        first=_url(given) if after else None,
        following=_url({**given, "after": page["next"]}) if page["next"] else None,
    )
    return Page("deadlines.html", model)


def csv(ask: Ask) -> Answer:
    """Return the deadlines of the filters as CSV."""
    given = _given(ask)

    def lines() -> Iterator[list[str]]:
        after = None
        while True:
            with ask.reading() as connection:
                page = _read(connection, given, _BLOCK, after)
                yield from (_cells(one, ask) for one in page["deadlines"])
            after = page["next"]
            if after is None:
                return

    return Download(
        "deadlines.csv", csv_lines(_COLUMNS, lines(), as_text=ask.query("numbers") == "text")
    )


def _given(ask: Ask) -> dict[str, str]:
    given = {name: ask.query(name) for name in _FILTERS if ask.query(name)}
    if "country" in given:
        given["country"] = given["country"].upper()
    for name in ("due_from", "due_before"):
        try:
            date.fromisoformat(given.get(name, "2026-01-01"))
        except ValueError:
            raise PageError(
                400,
                "Not a date",
                f"The parameter {name} is not a date.",
                "Example: 2027-01-31",
            ) from None
    return given


def _read(
    connection: Connection, given: Mapping[str, str], limit: int, after: str | None
) -> Document:
    dates = {
        name: date.fromisoformat(given[name])
        for name in ("due_from", "due_before")
        if name in given
    }
    filters: dict[str, Any] = {**given, **dates}
    return deadline_page(connection, limit=limit, after=after, **filters)


def _url(values: Mapping[str, str]) -> str:
    given = {name: value for name, value in values.items() if value}
    return f"/deadlines?{urlencode(given)}" if given else "/deadlines"


def _row(one: Document, links: Links, ask: Ask) -> DueRow:
    due, relative = due_text(one["due_on"], one["ratio"], one["reached"], ask.now.date())
    return DueRow(
        modem=Link(ask.who.digits(one["imei"]), f"/modems/{one['ref']}"),
        country=one["country"],
        days=one["days"],
        limit_days=one["limit_days"],
        percent=min(one["ratio"], 100),
        due=due,
        relative=relative,
        gateway=links.gateway(one["gateway_id"]),
        site=links.text(one["site"] or ""),
        rule=one["rule"],
        text=one["text"],
        source=one["source"],
        confidence=one["confidence"],
        periods=[
            CountedPeriod(
                begin=day(period["from"]),
                end=day(period["to"]),
                days=period["days"],
                gateway=links.gateway(period["gateway_id"]),
                sim=links.sim(period["iccid"]),
            )
            for period in one["periods"]
        ],
        finding=one["finding"] and f"/findings/{one['finding']}",
        report=links.report(one["first_report"]),
    )


def due_text(due_on: str | None, ratio: int, reached: bool, today: date) -> tuple[Word, str]:
    """Return when a limit is reached, and how far that is from today.

    >>> due_text("2026-12-31", 95, False, date(2026, 12, 1))[0].short
    'due 31 Dec 2026'
    """
    shape, tone = next((shape, tone) for least, shape, tone in _SHAPES if ratio >= least)
    if due_on is None:
        return Word("no longer there", "ring"), "the days that count are kept"
    return (
        Word(f"{'reached' if reached else 'due'} {day(due_on)}", shape, tone),
        days_from(date.fromisoformat(due_on), today),
    )


def _cells(one: Document, ask: Ask) -> list[str]:
    values = {
        **one,
        "imei": ask.who.digits(one["imei"]),
        "gateway": ask.who.text(one["gateway_id"] or ""),
        "site": ask.who.text(one["site"] or ""),
        "reached": "yes" if one["reached"] else "no",
    }
    return ["" if values[name] is None else str(values[name]) for name in _COLUMNS]
