"""Documents of the registry's API, read from its database on this machine."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from modemagent.errors import RegistryRefused
from modemagent.registry.store import reader
from modemagent.registry.store.decisions import (
    Decision,
    DecisionAction,
    DecisionRefused,
    StaleRevision,
    decide,
)
from modemagent.registry.store.documents import Document
from modemagent.registry.store.engine import Database
from modemagent.registry.store.recorder import Recorder

_PAGES: dict[str, Callable[..., Document]] = {
    "modems": reader.modems,
    "sims": reader.sims,
    "gateways": reader.gateways,
    "events": reader.events,
    "findings": reader.findings,
}


_FINDING = "findings/"


class DatabaseSource:
    """The registry's database; identifiers are in full for everyone who can read the file."""

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url, guest=True)

    def get(self, path: str, **parameters: Any) -> Document | None:
        """Return the matches of ``lookup``, a page of a collection, a finding, or the rules."""
        if "after" in parameters and path != "gateways":
            parameters["after"] = int(parameters["after"])
        with self._database.reading() as connection:
            if path == "lookup":
                return reader.lookup(connection, parameters["id"])
            if path == "rules":
                return reader.rules(connection)
            if path.startswith(_FINDING):
                return reader.finding(connection, path.removeprefix(_FINDING))
            return _PAGES[path](connection, **parameters)

    def post(self, path: str, body: Mapping[str, Any], *, revision: int) -> Document | None:
        """Make a decision about a finding, as the user of this process.

        :raises RegistryRefused: the finding has another revision, or the decision does not fit it
        """
        finding_id, _, action = path.removeprefix(_FINDING).partition("/")
        until = body.get("until")
        decision = Decision(
            DecisionAction(action),
            str(body["reason"]),
            f"user:{getpass.getuser()}",
            None if until is None else round(datetime.fromisoformat(until).timestamp() * 1000),
            body.get("assignee"),
        )
        try:
            return Recorder(self._database).run(
                lambda batch: decide(batch, finding_id, revision, decision)
            )
        except StaleRevision as stale:
            raise RegistryRefused(
                f"the finding has revision {stale.revision} by now",
                status=412,
                hint=f"See: modemagent registry findings show {finding_id}",
            ) from stale
        except DecisionRefused as refused:
            raise RegistryRefused(str(refused), status=409) from refused
