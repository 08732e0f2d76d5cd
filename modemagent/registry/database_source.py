"""Documents of the registry's API, read from its database on this machine."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from modemagent.errors import RegistryRefused
from modemagent.registry.received import SEQUENCE_LIMIT
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.findings.decisions import (
    Decision,
    DecisionAction,
    DecisionRefused,
    StaleRevision,
    decide,
)
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.partial_lookup import lookup_partly
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy.acts import acting_as_user

_PAGES: dict[str, Callable[..., Document]] = {
    "modems": reader.modems,
    "sims": reader.sims,
    "gateways": reader.gateways,
    "pairings": reader.pairings,
    "events": reader.events,
    "findings": reader.findings,
}


_ONE: dict[str, Callable[..., Document | None]] = {
    "modems": reader.modem,
    "sims": reader.sim,
    "gateways": reader.gateway,
}
_TIMELINES: dict[str, Callable[..., Document | None]] = {
    "modems": reader.modem_timeline,
    "sims": reader.sim_timeline,
}
_FINDING = "findings/"


class DatabaseSource:
    """The registry's database; identifiers are in full for everyone who can read the file."""

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url, guest=True)

    def get(self, path: str, **parameters: Any) -> Document | None:
        """Return the document at a path below ``/api/v1/``, or None if it does not exist."""
        if "after" in parameters and path != "gateways":
            parameters["after"] = int(parameters["after"])
        with self._database.reading() as connection:
            if path == "lookup":
                return lookup_partly(connection, parameters["id"], full_ids=True)
            if path == "rules":
                return reader.rules(connection)
            if path.startswith(_FINDING):
                return reader.finding(connection, path.removeprefix(_FINDING))
            name, _, rest = path.partition("/")
            if name == "reports":
                return _report(connection, rest)
            if not rest:
                return _PAGES[path](connection, **parameters)
            times = {one: _milliseconds(parameters.get(one)) for one in ("as_of", "known_at")}
            identifier, _, timeline = rest.partition("/")
            return (_TIMELINES if timeline else _ONE)[name](connection, identifier, **times)

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
            _milliseconds(until),
            body.get("assignee"),
            bool(body.get("once")),
        )
        try:
            with acting_as_user():
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


def _milliseconds(time: str | None) -> int | None:
    return None if time is None else round(datetime.fromisoformat(time).timestamp() * 1000)


def _report(connection: Connection, key: str) -> Document | None:
    gateway_id, stream_id, sequence = key.split("/")
    if not (sequence.isascii() and sequence.isdecimal()) or int(sequence) >= SEQUENCE_LIMIT:
        return None
    found = reader.stored_report(connection, gateway_id, stream_id, int(sequence))
    if isinstance(found, reader.Gone):
        dates = f"{found.dates}"
        raise RegistryRefused(f"the body of this report has been deleted: {dates}", status=410)
    return found
