"""Documents of the registry's API, read from its database on this machine."""

from __future__ import annotations

from typing import Any

from modemagent.registry.store import reader
from modemagent.registry.store.engine import Database

Document = dict[str, Any]


class DatabaseSource:
    """The registry's database; identifiers are in full for everyone who can read the file."""

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url, guest=True)

    def get(self, path: str, **parameters: Any) -> Document | None:
        """Return the matches of ``lookup``, or a page of a collection."""
        if path == "lookup":
            with self._database.reading() as connection:
                return {"matches": reader.lookup(connection, parameters["id"])}
        limit = int(parameters["limit"])
        after = parameters.get("after")
        found: tuple[list[Document], object]
        with self._database.reading() as connection:
            if path == "gateways":
                found = reader.gateways(connection, limit=limit, after=after or "")
            elif path == "events":
                found = reader.events(
                    connection,
                    limit=limit,
                    after=int(after) if after else None,
                    descending=parameters.get("order") == "desc",
                )
            else:
                page = reader.modems if path == "modems" else reader.sims
                found = page(connection, limit=limit, after=int(after or 0))
        return {path: found[0], "next": None if found[1] is None else str(found[1])}
