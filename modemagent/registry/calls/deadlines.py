"""Calls about deadlines and regulations, for the HTTP API and for the command line.

They take and return what the API does, with identifiers in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeVar

from modemagent.errors import UsageError
from modemagent.registry.regulations.counting import date_of
from modemagent.registry.regulations.regulation import Regulation, parse_regulation
from modemagent.registry.store.assets.gateway_sites import set_site
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.key_pages import DAY_MS
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.regulations import deadlines
from modemagent.registry.store.regulations.deadline_reader import deadline_page
from modemagent.registry.store.regulations.regulations import (
    put_regulation,
    regulation_documents,
    regulations,
    remove_regulation,
)

T = TypeVar("T")

_DATES = ("due_from", "due_before")
_PAGE = 500


class DeadlineCalls:
    """The deadlines and regulations of a registry.

    :param actor: who makes the changes, such as ``token 3``
    """

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def deadlines(self, limit: int, after: str | None, **filters: str | None) -> Document:
        """Return a page of the deadlines; for the filters see :func:`.deadline_page`."""
        given: dict[str, Any] = {name: value for name, value in filters.items() if value}
        for name in _DATES:
            if name in given:
                given[name] = _date(name, given[name])
        if "country" in given:
            given["country"] = given["country"].upper()
        with self._database.reading() as connection:
            return deadline_page(connection, limit=limit, after=after, **given)

    def regulations(self) -> Document:
        """Return all rules with source, date and confidence."""
        with self._database.reading() as connection:
            return regulation_documents(connection)

    def put_regulation(self, given: Mapping[str, Any], *, dry_run: bool = False) -> Document:
        """Store a rule of the operator, and return it with what it leads to.

        :param dry_run: only count
        """
        rule = parse_regulation(given)
        matches = self._matches(rule)
        run = None
        if not dry_run:
            run = self._change(rule.id, lambda batch: put_regulation(batch, rule, self._actor))
        found = {one["id"]: one for one in self.regulations()["regulations"]}
        shown = {name: getattr(rule, name) for name in rule.__slots__}
        return {**found.get(rule.id, {}), **shown, "dry_run": dry_run, **matches,
                "run": None if run is None else str(run)}  # fmt: skip

    def remove_regulation(self, key: str) -> bool:
        """Remove a rule of the operator; return False if there is none with this id."""
        return self._change(key, lambda batch: remove_regulation(batch, key)) is not None

    def set_site(self, gateway: str, site: str | None) -> Document | None:
        """Set the site of a gateway; None: it is not known."""
        found = Recorder(self._database).run(
            lambda batch: set_site(batch, gateway, site, self._actor)
        )
        return None if found is None else {"gateway_id": found, "site": site or None}

    def _matches(self, rule: Regulation) -> Document:
        """Count the modems that a rule would be about, and their states."""
        today = now_ms() // DAY_MS
        year = date_of(today).year
        after, modems = 0, 0
        levels: Counter[str] = Counter()
        with self._database.reading() as connection:
            while True:
                units = deadlines.next_modems(connection, [rule], after, _PAGE, year)
                for one in deadlines.judge(connection, units, [rule], today).values():
                    modems += bool(one.rows)
                    levels.update(str(finding.severity) for finding in one.findings)
                if len(units) < _PAGE:
                    break
                after = units[-1]
        return {"modems": modems, "findings": dict(sorted(levels.items()))}

    def _change(self, key: str, work: Callable[[Batch], bool]) -> int | None:
        """Change a rule; return the re-check that follows, None if nothing has changed."""

        def changed(batch: Batch) -> int | None:
            before = regulations(batch.connection).get(key)
            if not work(batch):
                return None
            after = regulations(batch.connection).get(key)
            rules = [one for one in (before, after) if one is not None]
            return deadlines.request(batch, f"regulation {key}", rules, self._actor)

        return Recorder(self._database).run(changed)


def _date(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{name} is not a date", hint="Example: 2027-01-31") from None
