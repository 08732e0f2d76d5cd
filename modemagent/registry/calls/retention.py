"""Calls about the retention of data, for the HTTP API and for the command line."""

from __future__ import annotations

from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy import acts, retention


class RetentionCalls:
    """How long a registry keeps each kind of data.

    :param actor: who makes the changes, such as ``token 3``
    :param keep_bodies_days: limit of bodies if none was set
    """

    def __init__(self, database: Database, actor: str, keep_bodies_days: int | None = None) -> None:
        self._database = database
        self._actor = actor
        self._keep_bodies_days = keep_bodies_days

    def retention(self) -> Document:
        """Return each kind of data with its limit, and how much is older."""
        with self._database.reading() as connection:
            return retention.retention_document(connection, now_ms(), self._keep_bodies_days)

    def set_retention(self, kind: str, days: int | None) -> Document:
        """Set the limit of a kind of data in days; None: without limit."""
        Recorder(self._database).run(
            lambda batch: retention.set_limit(batch, kind, days, self._actor)
        )
        return self.retention()

    def request_deletion(self) -> Document:
        """Let the registry delete what is older now; return what it will delete."""
        found = self.retention()
        Recorder(self._database).run(retention.hurry)
        return found

    def apply_retention(self) -> Document:
        """Delete here what is older; return what was deleted."""
        found, recorder = self.retention(), Recorder(self._database)
        recorder.run(lambda batch: acts.note(batch.connection, "retention.apply"))
        while recorder.run(retention.apply):
            pass
        return found
