"""Numbers that were erased: reports that still have them get the rows of their pseudonyms."""

from __future__ import annotations

from collections.abc import Iterable

from modemagent.registry.pseudonyms import number_hash
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read
from modemagent.registry.store.database.statements import Statement
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables.privacy_tables import erased_number

_ANY = "SELECT 1 FROM erased_number LIMIT 1"


def rows_of_erased(batch: Batch, numbers: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """Return the rows of those numbers that were erased, by kind and number.

    The bodies of the batch are stored without these numbers.
    """
    wanted = list(numbers)
    if not wanted or not _are_there_any(batch):
        return {}
    hashes = {
        (kind, number_hash(batch.secret, kind, number)): (kind, number) for kind, number in wanted
    }
    rows = dialect.select_rows(
        batch.connection, erased_number, ("kind", "hash"), ("kind", "hash", "target"), list(hashes)
    )
    found = {hashes[kind, digest]: row for kind, digest, row in rows}
    batch.erased.update(number for _, number in found)
    return found


def read_any(batch: Batch) -> Read | None:
    """Return the query whether any numbers were erased; None if it is known."""
    return Read(Statement(_ANY)) if batch.has_erased is None else None


def _are_there_any(batch: Batch) -> bool:
    if batch.has_erased is None:
        batch.has_erased = bool(dialect.query(batch.connection, _ANY))
    return batch.has_erased
