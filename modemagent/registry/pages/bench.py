"""Production benches: does the line run, what is in each bay, what failed and whose fault is it?

Everything is as the station reported it last; the station decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from modemagent.registry.pages.figures import ShownTime, moment, short
from modemagent.registry.pages.finding_rows import FindingRow, finding_row
from modemagent.registry.pages.frame import Answer, Ask, EventSource, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.live import position_in
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.words import BENCH_STATES, BLAMES, Word
from modemagent.registry.store.assets import orders
from modemagent.registry.store.benches import bench_findings, benches
from modemagent.registry.store.benches.benches import BenchReport
from modemagent.registry.store.database.refs import format_ref
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.fleet import gateway_row
from modemagent.registry.store.tables import schema

#: Last reports that are read for the list of units: up to three are about one unit.
_READ, _UNITS = 120, 30
_LONGEST = 100
_AT_WORK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Share:
    """A number with its name."""

    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Units by verdict, as the station counts them.

    :param blames: failed units by whose fault it is
    :param first_pass: percentage of units that passed at once; empty: none had a verdict yet
    :param size: units of the order; None: it does not tell
    :param since: begin of the shift
    """

    passed: int
    waived: int
    failed: int
    blames: list[Share]
    first_pass: str
    size: int | None
    since: ShownTime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchUnit:
    """A report about a unit.

    :param tail: the last digits of its IMEI, enough to find it in the hand
    :param why: step that failed with its reason, or what was waived
    """

    bay: str
    state: Word
    unit: Link | None
    tail: str
    model: str
    order: str
    row: str
    why: str
    blame: str
    person: str
    is_revoked: bool
    received: ShownTime | None
    evidence: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLine:
    """A station in the list, and on top of its page.

    :param url: of its page
    :param received: when its last report was received
    """

    name: str
    url: str
    order: Link | None
    received: ShownTime | None
    total: Counts | None
    shift: Counts | None


@dataclass(frozen=True, slots=True)
class StationsPage:
    """The stations, the one that reported last first."""

    rows: list[StationLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPage:
    """A station.

    :param gateway: its page as a gateway
    :param findings: about its lots and modules
    :param position: the stream continues after it
    """

    line: StationLine
    gateway: Link | None
    bays: list[BenchUnit]
    units: list[BenchUnit]
    findings: list[FindingRow]
    position: int


@dataclass(frozen=True)
class StationNews:
    """Reads whether a station has reported since a position."""

    gateway: int

    def __call__(self, connection: Connection, after: int) -> list[tuple[int, dict[str, Any]]]:
        at = benches.position_of(connection, self.gateway)
        return [(at, {})] if at is not None and at > after else []


def show_all(ask: Ask) -> Answer:
    """Return the list of stations."""
    with ask.reading() as connection:
        links = Links(connection, ask.who)
        rows = station_lines(connection, links, ask, at_work=False)
    return Page("benches.html", StationsPage(rows))


def station_lines(
    connection: Connection,
    links: Links,
    ask: Ask,
    *,
    order: str | None = None,
    most: int = benches.MOST_STATIONS,
    at_work: bool = True,
) -> list[StationLine]:
    """Return the stations, the one that reported last first.

    :param order: number of an order: only those that work on it
    :param at_work: only those that have reported within the last day
    """
    found = []
    since_ms = round((ask.now - _AT_WORK).timestamp() * 1000) if at_work else 0
    for one in benches.stations(connection, since_ms=since_ms, most=most):
        newest = [one.newest] if one.newest is not None else []
        if order is None or (newest and newest[0].bench.get("order") == order):
            found.append(_line(connection, links, ask, one.gateway_id, newest))
    return found


def show(ask: Ask) -> Answer:
    """Return the page of a station; an id in the address leads to its reference."""
    name = ask.path["name"]
    with ask.reading() as connection:
        row, gateway_id, ref = _gateway(connection, name)
        position = benches.position_of(connection, row)
        if position is None:
            raise not_found("bench")
        if name != ref:
            return SeeOther(f"/bench/{ref}")
        found = bench_findings.at_station(connection, row)
        links = Links(connection, ask.who, found)
        last = benches.last_reports(connection, row, gateway_id, _READ)
        bays = benches.bay_reports(connection, row, gateway_id)
        modems = _modems([*bays, *last])
        ended = [one for one in last if _stage(one) == "ended"][:_UNITS]
        model = BenchPage(
            line=_line(connection, links, ask, gateway_id, last),
            gateway=links.gateway(gateway_id),
            bays=[_unit(one, modems, links, ask) for one in _by_bay([*bays, *last])],
            units=[_unit(one, modems, links, ask) for one in ended],
            findings=[finding_row(one, links, ask.now) for one in found],
            position=position,
        )
    return Page("bench.html", model)


def stream(ask: Ask) -> Answer:
    """Return the stream of a page, which states only that there is news."""
    with ask.reading() as connection:
        row, _, _ = _gateway(connection, ask.path["name"])
    return EventSource(ask.who.actor, _encoded, position_in(ask) or 0, StationNews(row))


def _encoded(position: int, _: Mapping[str, Any]) -> bytes:
    return f"id: {position}\ndata: news\n\n".encode()


def _gateway(connection: Connection, name: str) -> tuple[int, str, str]:
    """Return row, id and reference of a gateway.

    :raises PageError: there is no such gateway
    """
    g = schema.gateway.c
    query = select(g.id, g.gateway_id, g.ref).where(g.id == gateway_row(connection, name))
    found = connection.execute(query).first()
    if found is None:
        raise not_found("bench")
    return found.id, found.gateway_id, format_ref(found.ref)


def _line(
    connection: Connection, links: Links, ask: Ask, gateway_id: str, last: Sequence[BenchReport]
) -> StationLine:
    _, _, ref = _gateway(connection, gateway_id)
    document = reader.gateway(connection, ref)
    order = _text(last[0].bench.get("order")) if last else ""
    counts = next((one for each in last if (one := _part(each.bench, "counts"))), {})
    return StationLine(
        name=links.text(gateway_id),
        url=f"/bench/{ref}",
        order=_order_link(connection, links, order),
        received=moment(document["last_received"], ask.now) if document is not None else None,
        total=_counts(_part(counts, "order"), ask),
        shift=_counts(_part(counts, "shift"), ask),
    )


def _order_link(connection: Connection, links: Links, number: str) -> Link | None:
    if not number:
        return None
    found = orders.load_orders(connection, "number", [number])
    return Link(links.text(number), f"/orders/O{found[0]['id']}" if found else None)


def _counts(given: Mapping[str, Any], ask: Ask) -> Counts | None:
    if not given:
        return None
    rate = given.get("first_pass")
    first_pass = f"{rate * 100:.0f} %" if isinstance(rate, (int, float)) and 0 <= rate <= 1 else ""
    blames = {name: _count(_part(given, "blame").get(name)) for name in BLAMES}
    return Counts(
        passed=_count(given.get("passed")),
        waived=_count(given.get("waived")),
        failed=_count(given.get("failed")),
        blames=[Share(BLAMES[name], number) for name, number in blames.items() if number],
        first_pass=first_pass,
        size=_count(given.get("size")) or None,
        since=_time(given.get("since"), ask),
    )


def _by_bay(reports: Sequence[BenchReport]) -> list[BenchReport]:
    """Return the newest report of each bay, by its number.

    A revoked verdict may be that of a unit that has left its bay, so it changes only its own tile.
    """
    found: dict[str, BenchReport] = {}
    for one in sorted(reports, key=lambda each: each.position):
        bay, attempt = _text(one.bench.get("bay")), one.bench.get("attempt_id")
        is_other = bay in found and found[bay].bench.get("attempt_id") != attempt
        if bay and not (one.bench.get("revoked") and is_other):
            found[bay] = one
    return [found[bay] for bay in sorted(found, key=lambda text: (len(text), text))]


def _modems(reports: Sequence[BenchReport]) -> dict[str, Mapping[str, Any]]:
    """Return the module of each attempt: a report about a revoked verdict is without it."""
    return {
        _text(one.bench.get("attempt_id")): modem
        for one in reports
        if (modem := _part(one.report, "modem"))
    }


def _unit(
    one: BenchReport, modems: Mapping[str, Mapping[str, Any]], links: Links, ask: Ask
) -> BenchUnit:
    bench = one.bench
    modem = modems.get(_text(bench.get("attempt_id")), {})
    stage, verdict = _stage(one), _text(bench.get("verdict"))
    state = stage if stage in ("checked", "removed") else verdict
    imei = _text(modem.get("imei")) or None
    failed, waived = (
        ", ".join(map(_text, listed)) if isinstance(listed := bench.get(name), list) else ""
        for name in ("failed", "waived")
    )
    why = ": ".join(filter(None, (failed, _text(bench.get("reason")))))
    return BenchUnit(
        bay=links.text(_text(bench.get("bay"))),
        state=BENCH_STATES.get(state, BENCH_STATES["unknown"]),
        unit=links.modem(imei),
        tail=short(imei) if imei else "",
        model=links.text(" ".join(_text(modem.get(name)) for name in ("manufacturer", "model"))),
        order=links.text(_text(bench.get("order"))),
        row=f"line {row}" if isinstance(row := bench.get("row"), int) else "",
        why=links.text(why or (f"waived: {waived}" if waived else "")),
        blame=BLAMES.get(_text(bench.get("blame")), ""),
        person=links.text(_text(bench.get("person"))),
        is_revoked=bench.get("revoked") is True,
        received=moment(one.received, ask.now),
        evidence=links.report(one.key),
    )


def _stage(one: BenchReport) -> str:
    return _text(one.bench.get("stage"))


def _part(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = given.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 10**9 else 0


def _time(value: object, ask: Ask) -> ShownTime | None:
    try:
        return moment(value, ask.now) if isinstance(value, str) else None
    except (ValueError, TypeError):
        return None
