"""The exports of a registry over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Protocol

from modemagent.registry_client.client import Document, HttpSource

_LOOK_EVERY_S = 0.5


class ExportSource(Protocol):
    """Calls about exports: over HTTP, or beside the database."""

    def make(self, what: str, form: str, filters: Mapping[str, str]) -> Document:
        """Make an export; return it once it is done."""

    def content(self, key: str) -> str:
        """Return the content of an export."""


class HttpExports:
    """The exports of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def make(self, what: str, form: str, filters: Mapping[str, str]) -> Document:
        given = {"what": what, "format": form, "filters": dict(filters)}
        sent = self._source.request("POST", "exports", json.dumps(given).encode())
        found = self._source.accepted(*sent)
        while found["state"] == "waiting":
            time.sleep(_LOOK_EVERY_S)
            found = self._source.get(f"exports/{found['id']}") or found
        return found

    def content(self, key: str) -> str:
        return self._source.text(f"exports/{key}/content")
