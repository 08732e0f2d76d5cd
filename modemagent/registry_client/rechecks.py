"""Re-checks of a registry over HTTP."""

from __future__ import annotations

import json
import time
from typing import Protocol

from modemagent.registry_client.client import Document, HttpSource

_RESTING = ("stopped", "done", "counted", "superseded")
_LOOK_EVERY_S = 0.5


class RecheckSource(Protocol):
    """Calls about re-checks: over HTTP, or beside the database. They return what the API does."""

    def runs(self, limit: int, after: str | None, state: str | None = None) -> Document:
        """Return a page of the runs, newest first."""

    def start(self, *, dry_run: bool, max_match_ratio: float, wait: bool) -> Document:
        """Evaluate all rules for the whole fleet; return the run.

        :param wait: return when it is over
        """

    def confirm(self, key: str, *, wait: bool) -> Document | None:
        """Let a stopped run write what it has counted; return it, or None if there is none."""


class HttpRechecks:
    """The re-checks of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def runs(self, limit: int, after: str | None, state: str | None = None) -> Document:
        chosen = {"after": after, "state": state}
        more = {name: value for name, value in chosen.items() if value is not None}
        return self._source.get("rules/runs", limit=limit, **more) or {"runs": [], "next": None}

    def start(self, *, dry_run: bool, max_match_ratio: float, wait: bool) -> Document:
        path = "rules/dry-run" if dry_run else "rules/check"
        content = json.dumps({"max_match_ratio": max_match_ratio}).encode()
        found = self._source.accepted(*self._source.request("POST", path, content))
        return self._awaited(found) if wait else found

    def confirm(self, key: str, *, wait: bool) -> Document | None:
        status, body = self._source.request("POST", f"rules/runs/{key}/confirm")
        if status == 404:
            return None
        found = self._source.accepted(status, body)
        return self._awaited(found) if wait else found

    def _awaited(self, run: Document) -> Document:
        while run["state"] not in _RESTING:
            time.sleep(_LOOK_EVERY_S)
            run = self._source.get(f"rules/runs/{run['id']}") or run
        return run
