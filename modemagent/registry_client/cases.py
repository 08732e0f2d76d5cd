"""Cases and recalls of a registry over HTTP."""

from __future__ import annotations

from typing import Protocol

from modemagent.registry_client.assets import Given, send
from modemagent.registry_client.client import Document, HttpSource


class CaseSource(Protocol):
    """Calls about cases and recalls: over HTTP, or beside the database.

    They return what the API does; None: there is no such case or task.
    """

    def cases(self, limit: int, after: str | None, state: str | None = None) -> Document:
        """Return a page of the cases, newest first."""

    def case(self, key: str) -> Document | None:
        """Return a case with its checklist and its journal."""

    def letter(self, key: str) -> str | None:
        """Return a letter to the operator about a case."""

    def open_case(self, given: Given) -> Document:
        """Open a case."""

    def change_case(self, key: str, revision: int, given: Given) -> Document | None:
        """Change fields of a case that has this revision."""

    def do_task(self, key: str, position: int, revision: int, given: Given) -> Document | None:
        """Mark a task of a case that has this revision as done or not."""

    def close_case(self, key: str, revision: int, given: Given) -> Document | None:
        """Close a case that has this revision."""

    def recalls(self, limit: int, after: str | None) -> Document:
        """Return a page of the recall and warranty notices."""

    def add_recall(self, given: Given) -> Document:
        """Add a notice."""

    def remove_recall(self, key: str) -> bool:
        """Remove a notice; return False if there is no such notice."""


class HttpCases:
    """The cases and recalls of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def cases(self, limit: int, after: str | None, state: str | None = None) -> Document:
        return self._page("cases", limit, after=after, state=state)

    def case(self, key: str) -> Document | None:
        return self._source.get(f"cases/{key}")

    def letter(self, key: str) -> str | None:
        return self._source.text(f"cases/{key}/letter") if self.case(key) else None

    def open_case(self, given: Given) -> Document:
        return send(self._source, "POST", "cases", given) or {}

    def change_case(self, key: str, revision: int, given: Given) -> Document | None:
        return send(self._source, "PATCH", f"cases/{key}", given, revision)

    def do_task(self, key: str, position: int, revision: int, given: Given) -> Document | None:
        return send(self._source, "PUT", f"cases/{key}/tasks/{position}", given, revision)

    def close_case(self, key: str, revision: int, given: Given) -> Document | None:
        return send(self._source, "POST", f"cases/{key}/close", given, revision)

    def recalls(self, limit: int, after: str | None) -> Document:
        return self._page("recalls", limit, after=after)

    def add_recall(self, given: Given) -> Document:
        return send(self._source, "POST", "recalls", given) or {}

    def remove_recall(self, key: str) -> bool:
        status, body = self._source.request("DELETE", f"recalls/{key}")
        if status == 404:
            return False
        self._source.accepted(status, body)
        return True

    def _page(self, path: str, limit: int, **parameters: str | None) -> Document:
        given = {name: value for name, value in parameters.items() if value is not None}
        return self._source.get(path, limit=limit, **given) or {}
