"""Lists, imports and checks of a registry over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from modemagent.registry_client.client import Document, HttpSource


class ListSource(Protocol):
    """Calls about lists: over HTTP, or beside the database. They return what the API does."""

    def lists(self) -> Document:
        """Return the lists with the numbers of their entries."""

    def entries(self, name: str, limit: int, after: str | None) -> Document:
        """Return a page of the entries of a list."""

    def put_entry(self, name: str, given: Mapping[str, str | None]) -> Document:
        """Put an entry on a list, in place of the one with the same numbers."""

    def remove_entry(self, name: str, entry: str) -> bool:
        """Remove an entry; return False if the list does not have it."""

    def import_file(self, content: bytes, *, dry_run: bool, **options: Any) -> Document:
        """Import a file; return what was done, or would be done, and what is wrong with it."""

    def imports(self, limit: int, after: str | None) -> Document:
        """Return a page of the imports, newest first."""

    def undo(self, key: str) -> Document | None:
        """Undo an import; ``undo`` of the result is null if it was undone before."""

    def check(
        self, numbers: Sequence[str] = (), *, kind: str, limits: Sequence[str], wait: bool
    ) -> Document:
        """Check numbers or a range; return the check with its results, if they are known.

        :param wait: return when the check is done, if this program does it
        """

    def check_again(self, key: str, *, wait: bool) -> Document | None:
        """Check the numbers of an earlier check; return the new one with the changes."""

    def check_results(self, key: str, limit: int, after: str | None) -> Document | None:
        """Return a check with a page of its results, and what changed since the previous one."""

    def check_csv(self, key: str) -> str:
        """Return the results of a check as CSV."""


class HttpLists:
    """The lists of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def lists(self) -> Document:
        return self._source.get("lists") or {"lists": []}

    def entries(self, name: str, limit: int, after: str | None) -> Document:
        return self._page(f"lists/{name}/entries", limit, after)

    def put_entry(self, name: str, given: Mapping[str, str | None]) -> Document:
        fields = {field: value for field, value in given.items() if value is not None}
        return self._send("PUT", f"lists/{name}/entries", json.dumps(fields).encode())

    def remove_entry(self, name: str, entry: str) -> bool:
        status, body = self._source.request("DELETE", f"lists/{name}/entries/{entry}")
        if status == 404:
            return False
        self._source.accepted(status, body)
        return True

    def import_file(self, content: bytes, *, dry_run: bool, **options: Any) -> Document:
        given = {name: value for name, value in options.items() if value is not None}
        given["mode"] = "replace" if given.pop("instead") else "add"
        fields = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in {**given, "dry_run": dry_run}.items()
        }
        status, body = self._source.request(
            "POST", "imports", content, content_type="text/csv", fields=fields
        )
        report = body.get("import")
        if status == 422 and isinstance(report, dict):
            return report
        return self._source.accepted(status, body)

    def imports(self, limit: int, after: str | None) -> Document:
        return self._page("imports", limit, after)

    def undo(self, key: str) -> Document | None:
        status, body = self._source.request("POST", f"imports/{key}/undo")
        if status == 409:
            return {"undo": None}
        return None if status == 404 else self._source.accepted(status, body)

    def check(
        self, numbers: Sequence[str] = (), *, kind: str, limits: Sequence[str], wait: bool
    ) -> Document:
        body: Document = {"kind": kind}
        if limits:
            body["range"] = {"first": limits[0], "last": limits[1]}
        else:
            body["numbers"] = list(numbers)
        return self._send("POST", "checks", json.dumps(body).encode())

    def check_again(self, key: str, *, wait: bool) -> Document | None:
        status, body = self._source.request("POST", f"checks/{key}/again")
        return None if status == 404 else self._source.accepted(status, body)

    def check_results(self, key: str, limit: int, after: str | None) -> Document | None:
        return self._page(f"checks/{key}", limit, after) or None

    def check_csv(self, key: str) -> str:
        return self._source.text(f"checks/{key}", format="csv")

    def _page(self, path: str, limit: int, after: str | None) -> Document:
        more = {} if after is None else {"after": after}
        return self._source.get(path, limit=limit, **more) or {}

    def _send(self, method: str, path: str, content: bytes) -> Document:
        return self._source.accepted(*self._source.request(method, path, content))
