"""Calls about the audit, for the HTTP API and for the command line beside the database."""

from __future__ import annotations

from datetime import datetime

from modemagent.registry.calls.lists import key_of
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy import audit
from modemagent.registry.store.privacy.audit import Head, Verification


class AuditCalls:
    """The audit of a registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        """Return a page of the entries.

        :param filters: actor, kind and object
        """
        with self._database.reading() as connection:
            return audit.audit_page(
                connection,
                limit=limit,
                after=None if after is None else key_of(after),
                newest_first=newest_first,
                begin_ms=_ms(begin),
                end_ms=_ms(end),
                **filters,
            )

    def head(self) -> Head:
        """Return position and hash of the last entry."""
        with self._database.reading() as connection:
            return audit.head(connection)

    def verify(self, exported: str | None) -> Verification:
        """Verify all entries, and that the chain has a head that was exported before.

        :raises UsageError: the text is not a head
        """
        known = None if exported is None else audit.parse_head(exported)
        with self._database.reading() as connection:
            return audit.verify(connection, known)

    def chain(self) -> None:
        """Chain the acts that wait, if no process of the registry does."""
        while Recorder(self._database).run(audit.chain):
            pass


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
