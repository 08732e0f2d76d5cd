"""Calls about assets and orders, for the HTTP API and for the command line beside the database.

They take and return what the API does, with identifiers in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection

from modemagent.identity.csv_cells import clean_text
from modemagent.registry.assets.asset_fields import (
    FIELDS,
    LONGEST_NOTE,
    parse_field,
    shown_imei,
)
from modemagent.registry.assets.asset_file import asset_csv
from modemagent.registry.assets.order_file import order_csv
from modemagent.registry.calls.lists import key_of
from modemagent.registry.store.assets import asset_changes, assets, orders
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.evaluation import inventory
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.known_numbers import known_modems
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder

T = TypeVar("T")
_PAGE = 1000

Given = Mapping[str, Any]


class AssetCalls:
    """The assets and orders of a registry.

    :param actor: who makes the changes, such as ``token 3``
    """

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def assets(self, limit: int, after: str | None, **filters: str | None) -> Document:
        """Return a page of the assets."""
        with self._database.reading() as connection:
            begin = key_of(after) if after else 0
            return assets.asset_page(connection, limit=limit, after=begin, **filters)

    def asset(self, key: str) -> Document | None:
        """Return an asset with its history and its modem, by its id."""
        with self._database.reading() as connection:
            rows = assets.load(connection, "id", [key_of(key)])
            return _whole_asset(connection, rows[0]) if rows else None

    def named_asset(self, name: str) -> Document | None:
        """Return an asset as :meth:`asset` does, by its tag, or else by its id."""
        with self._database.reading() as connection:
            row = assets.find_asset(connection, name)
            return None if row is None else _whole_asset(connection, row)

    def add_asset(self, given: Given) -> Document:
        """Add an asset; ``reason`` beside its fields is that of its history."""
        values, reason = _asset_values(given)

        def work(batch: Batch) -> int:
            found = asset_changes.add_asset(batch, values, self._actor, reason)
            inventory.evaluate_noted(batch)
            return found

        key = self._run(work)
        return self.asset(str(key)) or {}

    def change_asset(self, key: str, revision: int, given: Given) -> Document | None:
        """Change fields of an asset; None: there is no such asset.

        :raises StaleRevision: the asset has another revision
        """
        values, reason = _asset_values(given)
        row = key_of(key)

        def work(batch: Batch) -> bool:
            found = asset_changes.change_asset(batch, row, revision, values, self._actor, reason)
            inventory.evaluate_noted(batch)
            return found

        done = self._run(work)
        return self.asset(key) if done else None

    def delete_asset(self, key: str, revision: int) -> bool:
        """Delete an asset with its history; False: there is no such asset.

        :raises StaleRevision: the asset has another revision
        :raises AssetInUse: a case or a note is about it
        """
        row = key_of(key)

        def work(batch: Batch) -> bool:
            found = asset_changes.delete_asset(batch, row, revision)
            inventory.evaluate_noted(batch)
            return found

        return self._run(work)

    def all_assets(self, **filters: str | None) -> Iterator[Document]:
        """Yield the assets page by page."""
        after: str | None = None
        while True:
            page = self.assets(_PAGE, after, **filters)
            yield from page["assets"]
            after = page["next"]
            if after is None:
                return

    def asset_csv(self, *, as_text: bool = False, **filters: str | None) -> str:
        """Return assets as CSV."""
        return "".join(asset_csv(self.all_assets(**filters), as_text=as_text))

    def orders(self, limit: int, after: str | None) -> Document:
        """Return a page of the orders, newest first."""
        with self._database.reading() as connection:
            begin = key_of(after) if after else None
            return orders.order_page(connection, limit=limit, after=begin)

    def order_with_id(self, key: str, limit: int, after: str | None) -> Document | None:
        """Return an order with lots and a page of rows, by its id."""
        with self._database.reading() as connection:
            rows = orders.load_orders(connection, "id", [key_of(key)])
            return _whole_order(connection, rows[0], limit, after) if rows else None

    def order(self, name: str, limit: int, after: str | None) -> Document | None:
        """Return an order with lots and a page of rows, by its number, or else by its id."""
        with self._database.reading() as connection:
            found = orders.find_order(connection, name)
            return None if found is None else _whole_order(connection, found, limit, after)

    def change_order(self, key: str, revision: int, given: Given) -> Document | None:
        """Change supplier, note and the closed state of an order; None: there is no such order.

        :raises StaleRevision: the order has another revision
        """
        row, values = key_of(key), _order_values(given)
        done = self._run(lambda batch: orders.change_order(batch, row, revision, values))
        return self._changed_order(row) if done else None

    def receive_units(self, key: str, row: str, revision: int, received: int) -> Document | None:
        """Set how many units of a row were received; None: there is no such order or row.

        :raises StaleRevision: the order has another revision
        """
        order, row_id = key_of(key), key_of(row)
        done = self._run(
            lambda batch: orders.receive_units(batch, order, revision, row_id, received)
        )
        return self._changed_order(order) if done else None

    def _changed_order(self, key: int) -> Document:
        with self._database.reading() as connection:
            (row,) = orders.load_orders(connection, "id", [key])
            return _whole_order(connection, row, _PAGE, None)

    def order_csv(self, name: str) -> str | None:
        """Return the rows of an order as an order file; None: there is no such order."""
        return order_csv_of(lambda after: self.order(name, _PAGE, after))

    def _run(self, work: Callable[[Batch], T]) -> T:
        return Recorder(self._database).run(work)


def order_csv_of(page: Callable[[str | None], Document | None]) -> str | None:
    """Return the rows of an order as CSV, from its pages; None: there is no such order."""
    rows: list[Document] = []
    found = page(None)
    if found is None:
        return None
    number = found["number"]
    while True:
        rows += found["rows"]
        following = found["next"]
        found = page(following) if following is not None else None
        if found is None:
            return "".join(order_csv(number, rows))


def _whole_asset(connection: Connection, row: assets.AssetRow) -> Document:
    modem = None
    if row["imei"] is not None:
        imei = shown_imei(row["imei"]) or ""
        modem = known_modems(connection, [imei]).get(imei)
    shown = None
    if modem is not None:
        names = ("ref", "present", "gateway_id", "port", "last_seen", "last_report")
        shown = {name: modem[name] for name in names}
    history = assets.asset_history(connection, row["id"])
    return {**assets.to_document(row), "modem": shown, "history": history}


def _whole_order(
    connection: Connection, order: orders.OrderRow, limit: int, after: str | None
) -> Document:
    begin = key_of(after) if after else 0
    rows, following = orders.row_page(connection, order["id"], limit=limit, after=begin)
    lots = orders.lots_of(connection, order["id"])
    return {**orders.order_document(order), "lots": lots, "rows": rows, "next": following}


def _asset_values(given: Given) -> tuple[dict[str, str | None], str]:
    values = {
        name: parse_field(name, given[name] or "") for name in FIELDS if name in given
    }  # fmt: skip
    reason = clean_text("reason", given.get("reason") or "", LONGEST_NOTE)
    return values, reason


def _order_values(given: Given) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in ("supplier", "note"):
        if name in given:
            values[name] = orders.clean_note(given[name])
    if given.get("closed") is not None:
        values["closed"] = bool(given["closed"])
    return values
