"""Deadlines and regulations of a registry over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from modemagent.registry_client.client import Document, HttpSource


class DeadlineSource(Protocol):
    """Calls about deadlines and regulations: over HTTP, or beside the database."""

    def deadlines(self, limit: int, after: str | None, **filters: str | None) -> Document:
        """Return a page of the deadlines."""

    def regulations(self) -> Document:
        """Return all rules with source, date and confidence."""

    def put_regulation(self, given: Mapping[str, Any], *, dry_run: bool) -> Document:
        """Store a rule of the operator, and return it with what it leads to."""

    def remove_regulation(self, key: str) -> bool:
        """Remove a rule of the operator; return False if there is none with this id."""

    def set_site(self, gateway: str, site: str | None) -> Document | None:
        """Set the site of a gateway; None: it is not known."""


class HttpDeadlines:
    """The deadlines and regulations of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def deadlines(self, limit: int, after: str | None, **filters: str | None) -> Document:
        given = {name: value for name, value in {"after": after, **filters}.items() if value}
        return self._source.get("deadlines", limit=limit, **given) or {}

    def regulations(self) -> Document:
        return self._source.get("regulations") or {"regulations": []}

    def put_regulation(self, given: Mapping[str, Any], *, dry_run: bool) -> Document:
        content = {name: value for name, value in given.items() if name != "id"}
        status, body = self._source.request(
            "PUT", f"regulations/{given.get('id')}", json.dumps(content, default=str).encode(),
            fields={"dry_run": str(dry_run).lower()},
        )  # fmt: skip
        return self._source.accepted(status, body)

    def remove_regulation(self, key: str) -> bool:
        status, body = self._source.request("DELETE", f"regulations/{key}")
        if status == 404:
            return False
        self._source.accepted(status, body)
        return True

    def set_site(self, gateway: str, site: str | None) -> Document | None:
        content = json.dumps({"site": site}).encode()
        status, body = self._source.request("PUT", f"gateways/{gateway}/site", content)
        return None if status == 404 else self._source.accepted(status, body)
