"""Documents of the registry's API, read from its database on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modemagent.registry.store import reader
from modemagent.registry.store.documents import Document
from modemagent.registry.store.engine import Database

_PAGES: dict[str, Callable[..., Document]] = {
    "modems": reader.modems,
    "sims": reader.sims,
    "gateways": reader.gateways,
    "events": reader.events,
    "findings": reader.findings,
}


class DatabaseSource:
    """The registry's database; identifiers are in full for everyone who can read the file."""

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url, guest=True)

    def get(self, path: str, **parameters: Any) -> Document | None:
        """Return the matches of ``lookup``, or a page of a collection."""
        if "after" in parameters and path != "gateways":
            parameters["after"] = int(parameters["after"])
        with self._database.reading() as connection:
            if path == "lookup":
                return reader.lookup(connection, parameters["id"])
            return _PAGES[path](connection, **parameters)
