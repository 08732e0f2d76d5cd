"""Lists of modems and SIMs, those reported last first, with filters, views and CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection

from modemagent.registry.pages.csv_files import csv_lines
from modemagent.registry.pages.figures import moment
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.list_cells import Cell, ListColumn, ListRow, of_text, of_time
from modemagent.registry.pages.list_query import FilterField, ListControls, ListQuery
from modemagent.registry.pages.words import LINK_STATES
from modemagent.registry.store.assets.gateway_sites import ShownSites
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.unit_filters import LISTS, UnitFilter
from modemagent.registry.store.fleet.unit_search import UnitSearch
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind

_BLOCK = 500  # rows of a file that are read at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsPage:
    """A page of a list.

    :param newest: address of the first page; None: this is it
    :param is_short: more may match, but so many did not that reading was stopped
    """

    title: str
    rows: list[ListRow]
    columns: tuple[ListColumn, ...]
    controls: ListControls
    newest: str | None
    newer: str | None
    older: str | None
    is_short: bool


class UnitKindList(NamedTuple):
    """The list of one kind of unit.

    :param digits: name of the filter by the first digits of a number
    :param cells: returns the cells of a unit by column
    """

    title: str
    kind: UnitKind
    digits: str
    fields: tuple[FilterField, ...]
    columns: tuple[ListColumn, ...]
    cells: Callable[[Document, Links, Ask, str], dict[str, Callable[[], Cell]]]

    @property
    def name(self) -> str:
        """The last part of its address."""
        return reader.UNIT_LISTS[self.kind]


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
    view = ListQuery.of(ask, f"/{kind.name}", kind.fields, kind.columns)
    after, before = ask.number("after"), ask.number("before")
    before = before if after is None else None
    cursors = {name: one for name, one in (("after", after), ("before", before)) if one is not None}
    with ask.reading() as connection:
        unknown = False
        if name := ask.query("gateway"):
            gateway = reader.gateway(connection, name)
            if gateway is None and "gateway" in view.refused:
                return SeeOther(view.stated(**cursors))
            unknown = gateway is None
            ref, text = (gateway["ref"], gateway["gateway_id"]) if gateway else ("", "")
            if ref and ref != name:  # an id in an address could be a number
                return SeeOther(view.replace(gateway=ref).url(**cursors))
            view = view.replace(gateway=ref)
            view.shown["gateway"] = ask.who.text(text)
        if not unknown and not view.is_stated_by(ask):
            return SeeOther(view.stated(**cursors))
        search = UnitSearch(
            view=View(connection), kind=kind.kind, wanted=_wanted(kind, view),
            is_up=after is not None,
        )  # fmt: skip
        found = search.find(view.rows, after if after is not None else before)
        if after is not None and found.following is None and len(found.units) < view.rows:
            return SeeOther(view.url())  # the newest page, which has as many rows as fit
        units = [] if unknown else sorted(found.units, reverse=True)
        rows = _rows(connection, kind, view, units, ask)
        sentence = "No gateway has this id." if unknown else _sentence(kind, view)
        if unknown:  # the form keeps what was typed
            view = view.replace(gateway=name)
            view.shown["gateway"] = name
        tabs = ["link_state"] if kind.kind == UnitKind.MODEM else []
        controls = view.controls(ask, connection, sentence, tabs=tabs)
    older = after + 1 if after is not None else found.following
    newer = found.following if after is not None else before - 1 if before else None
    model = UnitsPage(
        title=kind.title,
        rows=rows,
        columns=view.columns,
        controls=controls,
        newest=view.url() if cursors else None,
        newer=None if newer is None else view.url(after=newer),
        older=None if older is None or unknown else view.url(before=older),
        is_short=found.following is not None and len(found.units) < view.rows,
    )
    return Page("units.html", model)


def _csv(ask: Ask, kind: UnitKindList) -> Answer:
    view = ListQuery.of(ask, f"/{kind.name}", kind.fields, kind.columns)

    def lines() -> Iterator[list[str]]:
        before: int | None = None
        while True:
            with ask.reading() as connection:
                wanted = _wanted(kind, view)
                search = UnitSearch(
                    view=View(connection), kind=kind.kind, wanted=wanted, is_up=False
                )
                found = search.find(_BLOCK, before)
                for row in _rows(connection, kind, view, found.units, ask):
                    yield [one for cell in row.cells for one in cell.files]
            if found.following is None:
                return
            before = found.following

    return Download(
        f"{kind.name}.csv",
        csv_lines(view.file_names(), lines(), as_text=ask.query("numbers") == "text"),
    )


def _wanted(kind: UnitKindList, view: ListQuery) -> UnitFilter:
    given = dict(view.values)
    return UnitFilter(
        digits=given.pop(kind.digits) or None,
        listed=given.pop("list") or None,
        **{name: one or None for name, one in given.items()},
    )


def _rows(
    connection: Connection, kind: UnitKindList, view: ListQuery, units: list[int], ask: Ask
) -> list[ListRow]:
    documents = reader.unit_documents(View(connection), kind.kind, units)
    links = Links(connection, ask.who, documents)
    names = [one.name for one in view.columns]
    sites = ShownSites(connection, documents if "site" in names else ())
    rows = []
    for one in documents:
        cells = kind.cells(one, links, ask, sites.of(one))
        shown = [cells[name]() for name in names]
        rows.append(ListRow(shown[0].link or Link("-"), shown))
    return rows


def _sentence(kind: UnitKindList, view: ListQuery) -> str:
    given = view.values
    parts = [f"that are {given['link_state']}" if given["link_state"] else ""]
    parts += [
        template.format(view.shown.get(name) or given[name])
        for name, template in _PARTS.items()
        if given.get(name)
    ]
    words = ", ".join(one for one in parts if one)
    return f"All {kind.title}{' ' if words else ''}{words}, the latest to appear first."


_PARTS = {
    "list": "on the {} list",
    "model": "of model {}",
    "firmware": "with firmware {}",
    "tac": "with an IMEI that begins with {}",
    "issuer": "with an ICCID that begins with {}",
    "site": "at site {}",
    "gateway": "in gateway {}",
}


def _common(one: Document, links: Links, ask: Ask, site: str) -> dict[str, Callable[[], Cell]]:
    """Return the cells that modems and SIMs have in common."""

    def where() -> Cell:
        gateway, port = links.gateway(one["gateway_id"]), links.text(one["port"] or "")
        return Cell(
            link=gateway, text=port, note="" if one["present"] else "no longer there",
            files=(gateway.text if gateway else "", port, "yes" if one["present"] else "no"),
        )  # fmt: skip

    def state() -> Cell:
        word = LINK_STATES[one["link_state"]]
        return Cell(word=word, files=(word.short,))

    return {
        "where": where,
        "site": lambda: of_text(links.text(site), "site"),
        "state": state,
        "first": lambda: of_time(moment(one["first_seen"], ask.now), "first read"),
        "seen": lambda: of_time(moment(one["last_seen"], ask.now), "last read"),
    }


def _number(link: Link | None, label: str = "") -> Cell:
    return Cell(link=link, is_digits=True, files=(link.text if link else "",), label=label)


def _modem_cells(one: Document, links: Links, ask: Ask, site: str) -> dict[str, Callable[[], Cell]]:
    def text(*names: str, label: str = "") -> Cell:
        return of_text(links.text(" ".join(one[name] for name in names if one[name])), label)

    return {
        "imei": lambda: _number(links.modem(one["imei"]) or Link("-")),
        "model": partial(text, "manufacturer", "model"),
        "firmware": partial(text, "firmware", label="firmware"),
        "tac": partial(text, "tac", label="TAC"),
        "serial": lambda: _number(links.plain(one["serial_number"]), "serial number"),
        **_common(one, links, ask, site),
    }


def _sim_cells(one: Document, links: Links, ask: Ask, site: str) -> dict[str, Callable[[], Cell]]:
    def plain(name: str, label: str) -> Cell:
        found = links.plain(one[name])
        return _number(found or Link("not read"), label)

    slot: Any = one["slot"]
    return {
        "iccid": lambda: _number(links.sim(one["iccid"]) or Link("-")),
        "imsi": partial(plain, "imsi", "IMSI"),
        "eid": partial(plain, "eid", "EID"),
        "modem": lambda: _number(links.modem(one["imei"]), "modem"),
        "slot": lambda: of_text("" if slot is None else str(slot), "slot"),
        **_common(one, links, ask, site),
    }


_GATEWAY = FilterField("gateway", "gateway")
_SITE = FilterField("site", "site")
_STATE = FilterField(
    "link_state", "state", (("", "all"), *((one, word.short) for one, word in LINK_STATES.items()))
)
_LIST = FilterField("list", "list", (("", "any or none"), *((one, one) for one in LISTS)))
_WHERE = (
    ListColumn("where", "Where", ("gateway", "port", "present")),
    ListColumn("site", "Site", ("site",), is_usual=False),
    ListColumn("state", "State", ("link_state",)),
    ListColumn("first", "First read", ("first_read",), is_usual=False),
    ListColumn("seen", "Last read", ("last_read",)),
)
_MODEMS = UnitKindList(
    "modems",
    UnitKind.MODEM,
    "tac",
    (
        _GATEWAY, _SITE, FilterField("model", "model"), FilterField("firmware", "firmware"),
        FilterField("tac", "TAC", is_digits=True), _STATE, _LIST,
    ),
    (
        ListColumn("imei", "IMEI", ("imei",)),
        ListColumn("model", "Model", ("model",)),
        ListColumn("firmware", "Firmware", ("firmware",), is_usual=False),
        ListColumn("tac", "TAC", ("tac",), is_usual=False),
        ListColumn("serial", "Serial number", ("serial_number",), is_usual=False),
        *_WHERE,
    ),
    _modem_cells,
)  # fmt: skip
_SIMS = UnitKindList(
    "SIMs",
    UnitKind.SIM,
    "issuer",
    (_GATEWAY, _SITE, FilterField("issuer", "issuer", is_digits=True), _STATE, _LIST),
    (
        ListColumn("iccid", "ICCID", ("iccid",)),
        ListColumn("imsi", "IMSI", ("imsi",)),
        ListColumn("eid", "EID", ("eid",), is_usual=False),
        ListColumn("modem", "Modem", ("imei",)),
        ListColumn("slot", "Slot", ("slot",), is_usual=False),
        *_WHERE,
    ),
    _sim_cells,
)
