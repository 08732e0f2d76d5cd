"""Orders: what was ordered, what was received, what is missing?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modemagent.registry.api.asset_documents import shown_register
from modemagent.registry.calls.assets import AssetCalls, order_csv_of
from modemagent.registry.pages.acts import Refusal, attempt
from modemagent.registry.pages.bench import StationLine, station_lines
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.finding_rows import FindingRow, finding_row
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import ORDER_STATES, Word
from modemagent.registry.store.benches import bench_findings
from modemagent.registry.store.fleet.documents import Document

_ROWS = 50
_BLOCK = 1000
_BENCHES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """An order in the list."""

    url: str
    number: str
    supplier: str
    state: Word
    expected: int
    received: int
    created: ShownTime | None
    actor: str


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """A page of orders."""

    rows: list[ListedOrder]
    older: str | None
    benches: list[StationLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRow:
    """What the supplier delivers together."""

    name: str
    models: str
    expected: int
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedUnit:
    """A unit that is expected, or several without numbers."""

    key: str
    line: int
    imei: Link | None
    iccid: Link | None
    about: str
    lot: str
    quantity: int
    received: int

    @property
    def has_number(self) -> bool:
        """Return True if it is received when it reports."""
        return self.imei is not None or self.iccid is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order with a page of its rows."""

    line: ListedOrder
    revision: int
    note: str
    is_closed: bool
    lots: list[LotRow]
    benches: list[StationLine]
    findings: list[FindingRow]
    rows: list[OrderedUnit]
    following: str | None
    may_operate: bool
    refusal: Refusal | None


def show_all(ask: Ask) -> Answer:
    """Return a page of orders, newest first."""
    calls = AssetCalls(ask.state.database, ask.who.actor)
    found = calls.orders(_ROWS, ask.query("after") or None)
    rows = [_line(one, ask) for one in found["orders"]]
    older = found["next"] and f"/orders?after={found['next']}"
    with ask.reading() as connection:
        at_work = station_lines(connection, Links(connection, ask.who), ask, most=_BENCHES)
    return Page("orders.html", OrdersPage(rows, older, at_work))


def show(ask: Ask) -> Answer:
    """Return the page of an order."""
    return _page(ask)


def csv(ask: Ask) -> Answer:
    """Return the rows of an order as an order file."""
    key, calls = ask.key("O", "order"), AssetCalls(ask.state.database, ask.who.actor)

    def page(after: str | None) -> Document | None:
        found = calls.order_with_id(key, _BLOCK, after)
        return found and shown_register(found, ask.who)

    text = order_csv_of(page)
    if text is None:
        raise not_found("order")
    return Download(f"order-O{key}.csv", [text])


def change(ask: Ask) -> Answer:
    """Change supplier and note of an order, or close it."""
    given: dict[str, object] = {
        name: ask.given(name) for name in ("supplier", "note") if name in ask.form.fields
    }
    if ask.given("closed"):
        given["closed"] = ask.given("closed") == "yes"
    return _act(ask, lambda calls, key, revision: calls.change_order(key, revision, given))


def receive(ask: Ask) -> Answer:
    """Set how many units of a row without a number were received."""
    row, received = str(ask.number("row") or 0), ask.number("received")
    number = -1 if received is None else received
    return _act(ask, lambda calls, key, revision: calls.receive_units(key, row, revision, number))


def _act(ask: Ask, work: Callable[[AssetCalls, str, int], Document | None]) -> Answer:
    key, calls = ask.key("O", "order"), AssetCalls(ask.state.database, ask.who.actor)
    made = attempt(lambda: work(calls, key, ask.number("revision") or 0), "order or row")
    return _page(ask, made) if isinstance(made, Refusal) else SeeOther(f"/orders/O{key}")


def _page(ask: Ask, refusal: Refusal | None = None) -> Page:
    key, calls = ask.key("O", "order"), AssetCalls(ask.state.database, ask.who.actor)
    found = calls.order_with_id(key, _ROWS, ask.query("after") or None)
    if found is None:
        raise not_found("order")
    shown = shown_register(found, ask.who)
    with ask.reading() as connection:
        links = Links(connection, ask.who, found["rows"])
        at_work = station_lines(connection, links, ask, order=found["number"])
        found_at_benches = [
            finding_row(one, links, ask.now)
            for one in bench_findings.in_order(connection, found["number"])
        ]
        rows = [
            _unit(one, other, links)
            for one, other in zip(found["rows"], shown["rows"], strict=True)
        ]
    model = OrderView(
        line=_line(found, ask),
        revision=found["revision"],
        note=shown["note"] or "",
        is_closed=found["state"] == "closed",
        lots=[_lot(one) for one in shown["lots"]],
        benches=at_work,
        findings=found_at_benches,
        rows=rows,
        following=found["next"] and f"/orders/O{key}?after={found['next']}",
        may_operate=ask.who.may_operate,
        refusal=refusal,
    )
    return Page("order.html", model, status=refusal.status if refusal else 200)


def _line(one: Document, ask: Ask) -> ListedOrder:
    shown = shown_register(one, ask.who)
    return ListedOrder(
        url=f"/orders/O{one['id']}",
        number=shown["number"],
        supplier=shown["supplier"] or "",
        state=ORDER_STATES[one["state"]],
        expected=one["expected"],
        received=one["received"],
        created=moment(one["created_at"], ask.now),
        actor=actor_text(one["created_by"]),
    )


def _lot(one: Document) -> LotRow:
    models = (" ".join(filter(None, (row["manufacturer"], row["model"]))) for row in one["models"])
    return LotRow(
        name=one["lot"] or "without a lot",
        models=", ".join(filter(None, models)),
        expected=one["expected"],
        received=one["received"],
    )


def _unit(one: Document, shown: Document, links: Links) -> OrderedUnit:
    return OrderedUnit(
        key=one["id"],
        line=one["line"],
        imei=links.modem(one["imei"]),
        iccid=links.sim(one["iccid"]),
        about=" ".join(filter(None, (shown["manufacturer"], shown["model"]))),
        lot=shown["lot"] or "",
        quantity=one["quantity"],
        received=one["received"],
    )
