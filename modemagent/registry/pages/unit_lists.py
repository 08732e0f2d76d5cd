"""Lists of modems and SIMs, those reported last first, with filters, views and CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from sqlalchemy import Connection

from modemagent.registry.pages.choices import Chip, Choice
from modemagent.registry.pages.csv_files import csv_lines
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.views import SavedViews, saved_views
from modemagent.registry.pages.words import LINK_STATES, Word
from modemagent.registry.store import reader
from modemagent.registry.store.documents import Document
from modemagent.registry.store.unit_pages import UnitRange, page_before
from modemagent.registry.store.units import UnitKind

_ROWS = 50
_BLOCK = 500  # rows of a file that are read at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRow:
    """A modem or SIM in a list.

    :param other: the modem of a SIM
    :param about: maker and model of a modem, IMSI of a SIM
    :param is_present: it is in a gateway, or in a modem
    """

    link: Link
    other: Link | None
    about: str
    is_present: bool
    gateway: Link | None
    port: str
    link_state: Word
    seen: ShownTime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsPage:
    """A page of a list.

    :param sentence: what is shown
    :param newest: address of the first page; None: this is it
    """

    rows: list[UnitRow]
    sentence: str
    states: list[Choice]
    chips: list[Chip]
    gateway: str
    link_state: str
    views: SavedViews
    csv: str
    newest: str | None
    newer: str | None
    older: str | None


class UnitFilters(NamedTuple):
    """The filters of the address: reference of a gateway, and state of the slots."""

    gateway: str
    link_state: str


class UnitKindList(NamedTuple):
    """The list of one kind of unit.

    :param read: returns a page of units
    :param row: returns a row of the list
    """

    name: str
    title: str
    kind: UnitKind
    read: Callable[..., Document]
    row: Callable[[Document, Links, Ask], UnitRow]
    has_states: bool
    columns: tuple[str, ...]


def modems(ask: Ask) -> Answer:
    """Return a page of modems."""
    return _show(ask, _MODEMS)


def sims(ask: Ask) -> Answer:
    """Return a page of SIMs."""
    return _show(ask, _SIMS)


def modems_csv(ask: Ask) -> Answer:
    """Return the modems of the filters as CSV."""
    return _csv(ask, _MODEMS)


def sims_csv(ask: Ask) -> Answer:
    """Return the SIMs of the filters as CSV."""
    return _csv(ask, _SIMS)


def _show(ask: Ask, kind: UnitKindList) -> Answer:
    state = ask.query("link_state") if ask.query("link_state") in LINK_STATES else ""
    state = state if kind.has_states else ""
    with ask.reading() as connection:
        gateway = _gateway(connection, ask)
        ref = gateway["ref"] if gateway else ""
        filters = UnitFilters(ref, state)
        if gateway and ref != ask.query("gateway"):
            return SeeOther(_url(kind, filters))  # an id in an address could be a number
        after, before = ask.number("after"), ask.number("before")
        begin = UnitRange(after or 0, _ROWS)
        if after is None:
            begin = _begin(connection, kind, filters, _ROWS, before)
        page = kind.read(connection, limit=begin.rows, after=begin.after, **_wanted(filters, kind))
        if after is not None and page["next"] is None and len(page[kind.name]) < _ROWS and not ref:
            return SeeOther(_url(kind, filters))  # the newest page, which has as many rows as fit
        links = Links(connection, ask.who, page[kind.name])
        rows = [kind.row(one, links, ask) for one in reversed(page[kind.name])]
        shown = links.text(gateway["gateway_id"]) if gateway else ""
        views = saved_views(connection, ask, kind.name, _url(kind, filters))
    unknown = bool(ask.query("gateway")) and gateway is None
    model = UnitsPage(
        rows=[] if unknown else rows,
        sentence=_sentence(kind, shown, state, unknown=unknown),
        states=_states(kind, filters),
        chips=_chips(kind, filters, shown),
        gateway=shown,
        link_state=state,
        views=views,
        csv=_url(kind, filters).replace(f"/{kind.name}", f"/{kind.name}/csv", 1),
        newest=_url(kind, filters) if after is not None or before is not None else None,
        newer=_newer(kind, filters, after, before, page["next"]),
        older=_url(kind, filters, before=begin.after + 1) if begin.after and not unknown else None,
    )
    return Page(f"{kind.name}.html", model)


def _csv(ask: Ask, kind: UnitKindList) -> Answer:
    state = ask.query("link_state") if ask.query("link_state") in LINK_STATES else ""
    filters = UnitFilters(ask.query("gateway"), state if kind.has_states else "")

    def lines() -> Iterator[list[str]]:
        before: int | None = None
        while True:
            with ask.reading() as connection:
                begin = _begin(connection, kind, filters, _BLOCK, before)
                page = kind.read(
                    connection, limit=begin.rows, after=begin.after, **_wanted(filters, kind)
                )
                links = Links(connection, ask.who, page[kind.name])
                for one in reversed(page[kind.name]):
                    yield _cells(kind, kind.row(one, links, ask))
            if not begin.after:
                return
            before = begin.after + 1

    return Download(
        f"{kind.name}.csv",
        csv_lines(
            tuple(filter(None, kind.columns)), lines(), as_text=ask.query("numbers") == "text"
        ),
    )


def _cells(kind: UnitKindList, row: UnitRow) -> list[str]:
    cells = [
        row.link.text,
        row.about,
        row.other.text if row.other else "",
        row.gateway.text if row.gateway else "",
        row.port,
        "yes" if row.is_present else "no",
        row.link_state.short,
        row.seen.iso if row.seen else "",
    ]
    return [cell for name, cell in zip(kind.columns, cells, strict=True) if name]


def _gateway(connection: Connection, ask: Ask) -> Document | None:
    name = ask.query("gateway")
    return reader.gateway(connection, name) if name else None


def _wanted(filters: UnitFilters, kind: UnitKindList) -> dict[str, str | None]:
    found: dict[str, str | None] = {"gateway": filters.gateway or None}
    return {**found, "link_state": filters.link_state or None} if kind.has_states else found


def _begin(
    connection: Connection, kind: UnitKindList, filters: UnitFilters, limit: int, before: int | None
) -> UnitRange:
    """Return the page that ends before a unit; what is in one gateway is on one page."""
    if filters.gateway:
        return UnitRange(0, _BLOCK)
    return page_before(connection, kind.kind, limit, before, filters.link_state or None)


def _newer(
    kind: UnitKindList,
    filters: UnitFilters,
    after: int | None,
    before: int | None,
    following: str | None,
) -> str | None:
    """Return the address of the page with newer units."""
    if after is not None:
        return _url(kind, filters, after=int(following)) if following else None
    return _url(kind, filters, after=before - 1) if before else None


def _url(kind: UnitKindList, filters: UnitFilters, **cursor: int) -> str:
    given = {**filters._asdict(), **cursor}
    query = urlencode({name: value for name, value in given.items() if value != ""})
    return f"/{kind.name}?{query}" if query else f"/{kind.name}"


def _states(kind: UnitKindList, filters: UnitFilters) -> list[Choice]:
    if not kind.has_states:
        return []
    return [
        Choice(
            text=LINK_STATES[one].short if one else "all",
            url=_url(kind, filters._replace(link_state=one)),
            is_chosen=one == filters.link_state,
        )
        for one in ("", *LINK_STATES)
    ]


def _chips(kind: UnitKindList, filters: UnitFilters, gateway: str) -> list[Chip]:
    found = []
    if filters.gateway:
        url = _url(kind, filters._replace(gateway=""))
        found.append(Chip(text=f"gateway: {gateway}", without=url))
    if filters.link_state:
        url = _url(kind, filters._replace(link_state=""))
        found.append(Chip(text=f"state: {filters.link_state}", without=url))
    return found


def _sentence(kind: UnitKindList, gateway: str, state: str, *, unknown: bool) -> str:
    if unknown:
        return "No gateway has this id."
    found = f"All {kind.title}" + (f" that are {state}" if state else "")
    where = f" in gateway {gateway}" if gateway else ""
    return f"{found}{where}, the latest to appear first."


def _modem_row(one: Document, links: Links, ask: Ask) -> UnitRow:
    return UnitRow(
        link=links.modem(one["imei"]) or Link("-"),
        other=None,
        about=links.text(" ".join(filter(None, (one["manufacturer"], one["model"])))),
        is_present=one["present"],
        gateway=links.gateway(one["gateway_id"]),
        port=links.text(one["port"] or ""),
        link_state=LINK_STATES[one["link_state"]],
        seen=moment(one["last_seen"], ask.now),
    )


def _sim_row(one: Document, links: Links, ask: Ask) -> UnitRow:
    return UnitRow(
        link=links.sim(one["iccid"]) or Link("-"),
        other=links.modem(one["imei"]),
        about=ask.who.digits(one["imsi"]) if one["imsi"] else "not read",
        is_present=one["present"],
        gateway=links.gateway(one["gateway_id"]),
        port=links.text(one["port"] or ""),
        link_state=LINK_STATES[one["link_state"]],
        seen=moment(one["last_seen"], ask.now),
    )


_WHERE = ("gateway", "port", "present", "link_state", "last_read")
_MODEMS = UnitKindList(
    "modems",
    "modems",
    UnitKind.MODEM,
    reader.modems,
    _modem_row,
    True,
    ("imei", "model", "", *_WHERE),
)
_SIMS = UnitKindList(
    "sims", "SIMs", UnitKind.SIM, reader.sims, _sim_row, False, ("iccid", "imsi", "imei", *_WHERE)
)
