"""Calls about lists, for the HTTP API and for the command line beside the database.

They take and return what the API does, with identifiers in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from modemagent.errors import UsageError
from modemagent.registry.lists.new_entries import list_of, parse_entry
from modemagent.registry.store import imports, lists
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.documents import Document
from modemagent.registry.store.engine import Database
from modemagent.registry.store.imports import ImportOptions
from modemagent.registry.store.recorder import Recorder

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

    def import_file(self, content: bytes, options: ImportOptions, *, dry_run: bool) -> Document:
        """Import a file; return what was done, or would be done, and what is wrong with it."""
        found = imports.read_file(content, options)
        if dry_run:
            with self._database.reading() as connection:
                return imports.try_import(connection, found, options)
        return self._run(lambda batch: imports.run_import(batch, found, options, self._actor))

    def imports(self, limit: int, after: str | None) -> Document:
        """Return a page of the imports, newest first."""
        with self._database.reading() as connection:
            return imports.import_page(
                connection, limit=limit, after=key_of(after) if after else None
            )

    def import_run(self, key: str) -> Document | None:
        """Return an import."""
        with self._database.reading() as connection:
            return imports.import_document(connection, key_of(key))

    def undo(self, key: str) -> Document | None:
        """Undo an import; ``undo`` of the result is null if it was undone before."""
        run = key_of(key)
        return self._run(lambda batch: imports.undo(batch, run, self._actor))

    def _run(self, work: Callable[[Batch], T]) -> T:
        return Recorder(self._database).run(work)


def key_of(text: str) -> int:
    """Return the id of an entry, an import or a check.

    :raises UsageError: it is not an id
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < _MOST_KEY):
        raise UsageError("an id is a number", hint="Use the id that the registry returned.")
    return int(text)
