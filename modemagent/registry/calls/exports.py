"""Exports for the command line beside the database."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.registry.api.auth import masked_text
from modemagent.registry.calls.lists import key_of
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.outbound import exports


class ExportCalls:
    """The exports of a registry, with numbers in full.

    :param actor: who requests them
    """

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def make(self, what: str, form: str, filters: Mapping[str, str]) -> Document:
        """Make an export; return it once it is done.

        :raises UsageError: the kind or a filter is unknown
        """
        recorder = Recorder(self._database)
        key = recorder.run(
            lambda batch: exports.add(batch, what, form, filters, self._actor, full_ids=True)
        )
        while recorder.run(lambda batch: exports.step(batch, masked_text)):
            pass
        with self._database.reading() as connection:
            return exports.export_document(connection, key) or {}

    def content(self, key: str) -> str:
        """Return the content of an export."""
        with self._database.reading() as connection:
            return exports.content_of(connection, key_of(key)).decode()
