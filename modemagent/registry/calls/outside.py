"""Calls about what others state: an outside EIR, and the APIs of operators.

They are for the HTTP API and for the command line beside the database.
"""

from __future__ import annotations

from modemagent.errors import OperatorApiError
from modemagent.registry.calls.lists import key_of
from modemagent.registry.connectors.connector import Connector
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.outside import eir_checks, operator_sims


class OutsideCalls:
    """What others state about the modems and SIMs of a registry.

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

    def connectors(self) -> Document:
        """Return the last run of each connector."""
        with self._database.reading() as connection:
            return operator_sims.run_documents(connection)

    def contradictions(self, connector: str, limit: int, after: str | None) -> Document:
        """Return a page of the SIMs that an operator has seen in another modem."""
        begin = key_of(after) if after else 0
        with self._database.reading() as connection:
            return operator_sims.contradiction_page(connection, connector, limit=limit, after=begin)

    def run_connector(self, name: str, kind: str, connector: Connector) -> Document:
        """Read all SIMs of an operator, and store what follows; return the run."""
        started_ms = now_ms()
        try:
            sims = list(connector.sims())
        except OperatorApiError as failure:
            problem = failure.message
            return operator_sims.store_failure(self._database, name, kind, problem, started_ms)
        return operator_sims.store_run(self._database, name, kind, sims, started_ms)

    def try_connector(self, name: str, connector: Connector) -> list[Document]:
        """Return the contradictions that a run would find, without storing anything.

        :raises OperatorApiError: the API cannot be used
        """
        return operator_sims.try_run(self._database, name, list(connector.sims()))
