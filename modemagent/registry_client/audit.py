"""The audit of a registry over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from modemagent.registry_client.client import Document, HttpSource


class AuditSource(Protocol):
    """Calls about the audit: over HTTP, or beside the database."""

    def entries(
        self,
        limit: int,
        after: str | None,
        *,
        newest_first: bool = False,
        begin: datetime | None = None,
        end: datetime | None = None,
        **filters: str | None,
    ) -> Document:
        """Return a page of the entries."""


class HttpAudit:
    """The audit of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def entries(
        self,
        limit: int,
        after: str | None,
        *,
        newest_first: bool = False,
        begin: datetime | None = None,
        end: datetime | None = None,
        **filters: str | None,
    ) -> Document:
        given = {
            **filters,
            "after": after,
            "from": None if begin is None else begin.isoformat(),
            "to": None if end is None else end.isoformat(),
            "order": "desc" if newest_first else None,
        }
        chosen = {name: value for name, value in given.items() if value is not None}
        found = self._source.get("audit", limit=limit, **chosen)
        return found or {"entries": [], "next": None, "head": None}
