"""Retention of the data of a registry over HTTP."""

from __future__ import annotations

from typing import Protocol

from modemagent.registry_client.assets import send
from modemagent.registry_client.client import Document, HttpSource


class RetentionSource(Protocol):
    """Calls about the retention of data: over HTTP, or beside the database."""

    def retention(self) -> Document:
        """Return each kind of data with its limit, and how much is older."""

    def set_retention(self, kind: str, days: int | None) -> Document:
        """Set the limit of a kind of data in days; None: without limit."""

    def apply_retention(self) -> Document:
        """Delete what is older; return how much it is."""


class HttpRetention:
    """The retention of the data of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def retention(self) -> Document:
        return self._source.get("retention") or {}

    def set_retention(self, kind: str, days: int | None) -> Document:
        return send(self._source, "PUT", f"retention/{kind}", {"days": days}) or {}

    def apply_retention(self) -> Document:
        return send(self._source, "POST", "retention/apply", {}) or {}
