"""Calls about the outside EIR, for the HTTP API and for the command line beside the database."""

from __future__ import annotations

from modemagent.registry.list_calls import key_of
from modemagent.registry.store import eir_checks
from modemagent.registry.store.documents import Document
from modemagent.registry.store.engine import Database
from modemagent.registry.store.recorder import Recorder


class EirCalls:
    """The outside EIR of a registry.

    :param actor: who makes the changes, such as ``token 3``
    """

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def eir(self) -> Document:
        """Return the outside EIR and the state of the checks."""
        with self._database.reading() as connection:
            return eir_checks.eir_document(connection)

    def answers(self, limit: int, after: str | None, status: str | None = None) -> Document:
        """Return a page of the answers about modems."""
        begin = key_of(after) if after else 0
        with self._database.reading() as connection:
            return eir_checks.answer_page(connection, limit=limit, after=begin, status=status)

    def set_eir(
        self, url: str, token_file: str | None, per_minute: int, every_days: int
    ) -> Document:
        """Set the outside EIR."""
        Recorder(self._database).run(
            lambda batch: eir_checks.put_setting(
                batch, url, token_file, per_minute, every_days, self._actor
            )
        )
        return self.eir()

    def remove_eir(self) -> bool:
        """Remove the outside EIR; return False if there was none."""
        return Recorder(self._database).run(eir_checks.remove_setting)
