"""Assets and orders of a registry over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from modemagent.errors import RegistryRefused
from modemagent.registry_client.client import Document, HttpSource

Given = Mapping[str, Any]


class AssetSource(Protocol):
    """Calls about assets and orders: over HTTP, or beside the database.

    They return what the API does; None: there is no such asset or order.
    """

    def assets(self, limit: int, after: str | None, **filters: str | None) -> Document:
        """Return a page of the assets."""

    def named_asset(self, name: str) -> Document | None:
        """Return an asset with its history, by its tag, or else by its id."""

    def add_asset(self, given: Given) -> Document:
        """Add an asset."""

    def change_asset(self, key: str, revision: int, given: Given) -> Document | None:
        """Change fields of an asset that has this revision."""

    def delete_asset(self, key: str, revision: int) -> bool:
        """Delete an asset that has this revision; False: there is no such asset."""

    def asset_csv(self, *, as_text: bool = False, **filters: str | None) -> str:
        """Return assets as CSV.

        :param as_text: with IMEIs in a form that spreadsheets do not round
        """

    def orders(self, limit: int, after: str | None) -> Document:
        """Return a page of the orders, newest first."""

    def order(self, name: str, limit: int, after: str | None) -> Document | None:
        """Return an order with its lots and a page of its rows, by its number or its id."""

    def change_order(self, key: str, revision: int, given: Given) -> Document | None:
        """Change supplier, note or the closed state of an order that has this revision."""

    def receive_units(self, key: str, row: str, revision: int, received: int) -> Document | None:
        """Set how many units of a row of an order that has this revision were received."""

    def order_csv(self, name: str) -> str | None:
        """Return the rows of an order as an order file."""


class HttpAssets:
    """The assets and orders of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def assets(self, limit: int, after: str | None, **filters: str | None) -> Document:
        return self._source.get("assets", limit=limit, **_given(after=after, **filters)) or {}

    def named_asset(self, name: str) -> Document | None:
        matches = (self._source.get("lookup", id=name) or {"matches": []})["matches"]
        ids = [one["asset"] for one in matches if one["kind"] == "asset_tag"]
        if not ids and not name.isdecimal():
            return None
        return self._source.get(f"assets/{ids[0] if ids else name}")

    def add_asset(self, given: Given) -> Document:
        return send(self._source, "POST", "assets", given) or {}

    def change_asset(self, key: str, revision: int, given: Given) -> Document | None:
        return send(self._source, "PATCH", f"assets/{key}", given, revision)

    def delete_asset(self, key: str, revision: int) -> bool:
        headers = {"If-Match": f'"{revision}"'}
        status, body = self._source.request("DELETE", f"assets/{key}", headers=headers)
        return status != 404 and self._source.accepted(status, body) is not None

    def asset_csv(self, *, as_text: bool = False, **filters: str | None) -> str:
        numbers = "text" if as_text else "plain"
        return self._source.text("assets", format="csv", numbers=numbers, **_given(**filters))

    def orders(self, limit: int, after: str | None) -> Document:
        return self._source.get("orders", limit=limit, **_given(after=after)) or {}

    def order(self, name: str, limit: int, after: str | None) -> Document | None:
        return self._source.get(f"orders/{name}", limit=limit, **_given(after=after))

    def change_order(self, key: str, revision: int, given: Given) -> Document | None:
        return send(self._source, "PATCH", f"orders/{key}", given, revision)

    def receive_units(self, key: str, row: str, revision: int, received: int) -> Document | None:
        path = f"orders/{key}/rows/{row}/received"
        return send(self._source, "PUT", path, {"received": received}, revision)

    def order_csv(self, name: str) -> str | None:
        try:
            return self._source.text(f"orders/{name}", format="csv")
        except RegistryRefused as refused:
            if refused.status == 404:
                return None
            raise


def send(
    source: HttpSource, method: str, path: str, given: Given, revision: int | None = None
) -> Document | None:
    """Send a change, and return the changed object; None: it does not exist.

    :param revision: of the object on which the change is based
    """
    headers = {} if revision is None else {"If-Match": f'"{revision}"'}
    content = json.dumps(given).encode()
    status, body = source.request(method, path, content, headers=headers)
    return None if status == 404 else source.accepted(status, body)


def _given(**parameters: str | None) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value is not None}
