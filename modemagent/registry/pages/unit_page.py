"""From the address of a modem or SIM to its page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.lookup import count_lookup
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.past import past_documents
from modemagent.registry.store.database.refs import parse_ref
from modemagent.registry.store.history.units import UnitKind


@dataclass(frozen=True, slots=True)
class UnitPage:
    """The page of one kind of unit.

    :param name: of the kind
    :param folder: first part of the address
    :param read: returns the unit by its number or reference
    :param model: returns what is shown
    """

    kind: UnitKind
    name: str
    folder: str
    template: str
    read: Callable[..., dict[str, Any] | None]
    model: Callable[[Connection, Ask, dict[str, Any]], object]

    def __call__(self, ask: Ask) -> Answer:
        """Return the page; a number in the address leads to the reference."""
        name = ask.path["name"]
        if parse_ref(name) is None:
            count_lookup(ask)
        with ask.reading() as connection:
            found = self.read(connection, name)
            if found is None:
                raise not_found(self.name)
            if parse_ref(name) is None or name != found["ref"]:
                return SeeOther(f"/{self.folder}/{found['ref']}")
            past = past_documents(connection, ask, self.kind, name)
            model = self.model(connection, ask, {**found, "past": past})
        return Page(self.template, model)
