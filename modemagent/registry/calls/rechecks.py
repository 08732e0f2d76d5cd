"""Calls about re-checks, for the HTTP API and for the command line beside the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from modemagent.registry.calls.lists import key_of
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.evaluation import recheck_reader, recheck_runs
from modemagent.registry.store.evaluation.held_units import RULES
from modemagent.registry.store.evaluation.recheck_runs import RecheckOptions
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy import acts

T = TypeVar("T")


class RecheckCalls:
    """The re-checks of a registry.

    :param actor: who starts or confirms them
    """

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def runs(self, limit: int, after: str | None, state: str | None = None) -> Document:
        """Return a page of the runs, newest first."""
        with self._database.reading() as connection:
            key = key_of(after) if after else None
            return recheck_reader.run_page(connection, limit=limit, after=key, state=state)

    def run(self, key: str) -> Document | None:
        """Return a run."""
        with self._database.reading() as connection:
            return recheck_reader.run_document(connection, key_of(key))

    def start(self, *, dry_run: bool, max_match_ratio: float, wait: bool = False) -> Document:
        """Evaluate all rules for the whole fleet; return the run.

        :param wait: do it here
        """
        options = RecheckOptions(dry_run, max_match_ratio, fewest=0)

        def work(batch: Batch) -> int:
            found = recheck_runs.create(batch, RULES, "", self._actor, (), options)
            acts.note(batch.connection, "recheck.start", f"run:{found}", dry_run=dry_run)
            return found

        run = self._change(work)
        if wait:
            recheck_reader.finish(Recorder(self._database), run)
        return self.run(str(run)) or {}

    def confirm(self, key: str, *, wait: bool = False) -> Document | None:
        """Let a stopped run write what it has counted; return it, or None if there is none.

        :raises NotStopped: it does not wait to be confirmed
        """
        run = key_of(key)
        found = self._change(lambda batch: recheck_reader.confirm(batch, run, self._actor))
        if found is None or not wait:
            return found
        recheck_reader.finish(Recorder(self._database), run)
        return self.run(key)

    def _change(self, work: Callable[[Batch], T]) -> T:
        return Recorder(self._database).run(work)
