"""Idempotency: the digests of the last reports of each stream, 64 to a row.

A page is deleted some days after its last use. From then on the ranges of received numbers decide:
see :mod:`.ranges`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from sqlalchemy import Connection

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.tables import schema

NUMBERS_PER_PAGE = 64
_SHIFT = 6
_EMPTY = array("q", [0] * NUMBERS_PER_PAGE)

DAY_MS = 86_400_000


class KeyPages:
    """The pages of the numbers in one batch.

    :param rows: of the query that :meth:`read` returns
    """

    def __init__(self, connection: Connection, rows: Rows) -> None:
        self._connection = connection
        self._pages: dict[tuple[int, int], array[int]] = {}
        self._changed: set[tuple[int, int]] = set()
        for stream, page, digests in rows:
            found = array("q")
            found.frombytes(bytes(digests))
            found.extend(_EMPTY[len(found) :])
            self._pages[stream, page] = found

    @staticmethod
    def read(connection: Connection, wanted: Iterable[tuple[int, int]]) -> Read | None:
        """Return the query for the pages of numbers.

        :param wanted: row of the stream, and sequence number
        """
        keys = sorted({(stream, sequence >> _SHIFT) for stream, sequence in wanted})
        names = ("stream", "page", "digests")
        return dialect.rows_of(connection, schema.key_page, names[:2], names, keys)

    def get(self, stream: int, sequence: int) -> int:
        """Return the digest stored under a number, 0 if there is none."""
        page = self._pages.get((stream, sequence >> _SHIFT))
        return page[sequence & 63] if page is not None else 0

    def put(self, stream: int, sequence: int, digest: int) -> None:
        """Store the digest of a report."""
        key = stream, sequence >> _SHIFT
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = array("q", _EMPTY)
        page[sequence & 63] = digest
        self._changed.add(key)

    def write(self, now_ms: int) -> None:
        """Write the changed pages."""
        day = now_ms // DAY_MS
        rows = []
        for key in sorted(self._changed):
            page = self._pages[key]
            length = NUMBERS_PER_PAGE
            while not page[length - 1]:
                length -= 1
            rows.append((*key, day, page[:length].tobytes()))
        dialect.upsert_rows(
            self._connection, schema.key_page, ("stream", "page"), ("used_day", "digests"), rows
        )
