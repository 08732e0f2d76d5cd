"""Surrogate keys: numbers of 64 bits, unique in the whole database, reserved in blocks."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from modemagent.registry.store.database import dialect

KEY_BLOCK = 1000


class KeySource:
    """Surrogate keys for one writer; keys of a transaction that is rolled back are lost."""

    def __init__(self) -> None:
        self._keys: Iterator[int] = iter(())

    def take(self, connection: Connection) -> int:
        """Return a key that no row has."""
        for key in self._keys:
            return key
        first = dialect.reserve_keys(connection, KEY_BLOCK)
        self._keys = iter(range(first + 1, first + KEY_BLOCK))
        return first

    def forget(self) -> None:
        """Drop the reserved keys, because the transaction that reserved them was rolled back."""
        self._keys = iter(())
