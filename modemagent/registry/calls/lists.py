"""Calls about lists, for the HTTP API and for the command line beside the database.

They take and return what the API does, with identifiers in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from modemagent.errors import UsageError
from modemagent.registry.lists.new_entries import list_of, parse_entry
from modemagent.registry.lists.numbers import AUTO, numbers_of_range
from modemagent.registry.lists.results import to_csv
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.evaluation import recheck_runs
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.lists import checks, imports, lists
from modemagent.registry.store.lists.checks import GivenNumber
from modemagent.registry.store.lists.imports import ImportOptions

T = TypeVar("T")
_MOST_KEY = 2**62


class ListCalls:
    """The lists of a registry.

    :param actor: who makes the changes, such as ``token 3``
    """

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def lists(self) -> Document:
        """Return the lists with the numbers of their entries."""
        with self._database.reading() as connection:
            return lists.list_documents(connection)

    def entries(self, name: str, limit: int, after: str | None) -> Document:
        """Return a page of the entries of a list."""
        with self._database.reading() as connection:
            return lists.entry_page(
                connection, list_of(name), limit=limit, after=key_of(after) if after else 0
            )

    def entry(self, name: str, entry: str) -> Document | None:
        """Return an entry of a list."""
        with self._database.reading() as connection:
            return lists.entry_document(connection, list_of(name), key_of(entry))

    def put_entry(self, name: str, given: Mapping[str, str | None]) -> Document:
        """Put an entry on a list, in place of the one with the same numbers."""
        listed, new = list_of(name), parse_entry(given)
        return self._run(lambda batch: lists.put_entry(batch, listed, new, self._actor))

    def remove_entry(self, name: str, entry: str) -> bool:
        """Remove an entry; return False if the list does not have it."""
        listed, key = list_of(name), key_of(entry)
        return self._run(lambda batch: lists.remove_entry(batch, listed, key, self._actor))

    def import_file(self, content: bytes, *, dry_run: bool, **given: Any) -> Document:
        """Import a file; return what was done, or would be done, and what is wrong with it.

        :param given: the fields of :class:`.ImportOptions`
        """
        options = ImportOptions(**given)
        found = imports.read_file(content, options)
        if dry_run:
            with self._database.reading() as connection:
                return imports.try_import(connection, found, options)
        return self._run(lambda batch: imports.run_import(batch, found, options, self._actor))

    def imports(self, limit: int, after: str | None, target: str | None = None) -> Document:
        """Return a page of the imports, newest first.

        :param target: only those into it
        """
        begin = key_of(after) if after else None
        with self._database.reading() as connection:
            return imports.import_page(connection, limit=limit, after=begin, target=target)

    def import_run(self, key: str) -> Document | None:
        """Return an import."""
        with self._database.reading() as connection:
            return imports.import_document(connection, key_of(key))

    def undo(self, key: str) -> Document | None:
        """Undo an import; ``undo`` of the result is null if it was undone before."""
        run = key_of(key)
        return self._run(lambda batch: imports.undo(batch, run, self._actor))

    def check(
        self,
        numbers: Sequence[str] = (),
        *,
        kind: str = AUTO,
        limits: Sequence[str] = (),
        wait: bool = False,
    ) -> Document:
        """Check numbers; return the check with its results, if they are known.

        :param limits: both ends of a range, instead of numbers
        :param wait: check more than :data:`.AT_ONCE` numbers here, not by the job
        """
        texts = numbers_of_range(*limits) if limits else numbers
        return self._check(checks.given_numbers(texts, kind), kind, None, wait=wait)

    def check_again(
        self,
        key: str,
        *,
        wait: bool = False,
        instead: Mapping[int, str] | None = None,
        more: Sequence[str] = (),
    ) -> Document | None:
        """Check the numbers of an earlier check; return the new one with the changes.

        :param instead: numbers that replace those at some positions
        :param more: numbers that follow
        """
        with self._database.reading() as connection:
            before = checks.run_document(connection, key_of(key))
            numbers = checks.numbers_of(connection, key_of(key))
        if before is None:
            return None
        if instead or more:
            texts = [(instead or {}).get(at, text) for at, (text, _) in enumerate(numbers, 1)]
            numbers = checks.given_numbers([*texts, *more], before["kind"])
        return self._check(numbers, before["kind"], key, wait=wait)

    def _check(
        self, numbers: list[GivenNumber], kind: str, previous: str | None, *, wait: bool
    ) -> Document:
        results = None
        if len(numbers) <= checks.AT_ONCE:
            with self._database.reading() as connection:
                results = checks.judge(connection, numbers, kind, now_ms())
        earlier = None if previous is None else key_of(previous)
        run = self._run(
            lambda batch: checks.store_run(batch, numbers, kind, self._actor, results, earlier)
        )
        while wait and results is None and self._run(lambda batch: checks.run_part(batch, run)):
            pass
        return self.check_results(str(run), checks.AT_ONCE, None) or {}

    def check_results(self, key: str, limit: int, after: str | None) -> Document | None:
        """Return a check with a page of its results, and what changed since the previous one."""
        run, begin = key_of(key), key_of(after) if after else 0
        with self._database.reading() as connection:
            found = checks.run_document(connection, run)
            if found is None:
                return None
            results = checks.results_of(connection, run, after=begin, limit=limit)
            is_first = not begin and found["state"] == "done"
            changes = None
            if is_first and found["previous"] is not None:
                previous = key_of(found["previous"])
                changes = list(checks.changes_of(connection, run, previous))
        end = results[-1]["position"] if results else begin
        following = str(end) if results and end < found["done"] else None
        return {**found, "changes": changes, "results": results, "next": following}

    def check_csv(self, key: str) -> str:
        """Return the results of a check as CSV."""
        with self._database.reading() as connection:
            return to_csv(checks.results_of(connection, key_of(key)))

    def checks(self, limit: int, after: str | None) -> Document:
        """Return a page of the checks, newest first."""
        with self._database.reading() as connection:
            return checks.run_page(connection, limit=limit, after=key_of(after) if after else None)

    def _run(self, work: Callable[[Batch], T]) -> T:
        def changed(batch: Batch) -> T:
            found = work(batch)
            recheck_runs.request(batch, self._actor)
            return found

        return Recorder(self._database).run(changed)


def key_of(text: str) -> int:
    """Return the id of an entry, an import or a check.

    :raises UsageError: it is not an id
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < _MOST_KEY):
        raise UsageError("an id is a number", hint="Use the id that the registry returned.")
    return int(text)
