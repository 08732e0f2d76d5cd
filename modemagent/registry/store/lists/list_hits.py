"""The entries of the lists that cover numbers, found by index for many numbers at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.lists.entries import (
    BLOCK_SIZES,
    EntryKind,
    ListedNumber,
    ListEntry,
    block_numbers,
    candidates,
)
from modemagent.registry.store.database import dialect
from modemagent.registry.store.lists.lists import select_entries
from modemagent.registry.store.tables import list_tables

_COMPARED = 19  # digits of an ICCID; the 20th of an entry may be any
_FEWEST = 10**14  # smallest prefix of 14 digits as it is stored
#: Starts of ICCIDs with which an entry begins, each found by one look-up.
_STARTS = (
    "SELECT k.value FROM {texts} WHERE (SELECT e.first FROM list_entry e"  # noqa: S608
    f" WHERE e.kind = {EntryKind.ICCID:d} AND e.first >= k.value ORDER BY e.first LIMIT 1"
    ") <= k.value || 'F'"
)
#: Sizes of the blocks that there are.
_SIZES = " UNION ALL ".join(
    f"SELECT {size:d} WHERE EXISTS (SELECT 1 FROM list_block"  # noqa: S608
    f" WHERE prefix >= {_FEWEST // size:d} AND prefix < {2 * _FEWEST // size:d})"
    for size in BLOCK_SIZES
)


def entries_about(
    connection: Connection, numbers: Iterable[ListedNumber]
) -> dict[ListedNumber, list[ListEntry]]:
    """Return the entries that cover each number, whether they are valid now or not."""
    wanted = list(dict.fromkeys(numbers))
    iccids = [one for one in wanted if one.kind == "iccid"]
    unlisted = set(iccids) - _listed(connection, iccids) if iccids else set()
    keys = {number: () if number in unlisted else candidates(number) for number in wanted}
    entries = {(int(kind), first) for some in keys.values() for kind, first in some}
    by_key: dict[tuple[int, str], list[ListEntry]] = {}
    for row in select_entries(connection, ("kind", "first"), sorted(entries)):
        if row.kind != EntryKind.RANGE:
            by_key.setdefault((row.kind, row.first), []).append(row.entry())
    found = {
        number: [entry for key in some if key in by_key for entry in by_key[key]]
        for number, some in keys.items()
    }
    imeis = [one for one in wanted if one.kind == "imei"]
    for number, ranges in _ranges(connection, imeis).items():
        found[number] += ranges
    return found


def _listed(connection: Connection, iccids: Iterable[ListedNumber]) -> set[ListedNumber]:
    """Return the ICCIDs that an entry may cover."""
    starts = {one: one[:_COMPARED] for one in iccids}
    listed = {row[0] for row in dialect.query_texts(connection, _STARTS, starts.values())}
    return {one for one, start in starts.items() if start in listed}


def _ranges(
    connection: Connection, imeis: Iterable[ListedNumber]
) -> dict[ListedNumber, list[ListEntry]]:
    """Return the ranges that cover each IMEI; those that no range covers are left out."""
    sizes = [size for (size,) in dialect.query(connection, _SIZES)]
    if not sizes:
        return {}
    prefixes = {imei: block_numbers(imei, sizes) for imei in imeis}
    wanted = {one for some in prefixes.values() for one in some}
    keys = [(one,) for one in sorted(wanted)]
    links: list[Any] = dialect.select_rows(
        connection, list_tables.list_block, ("prefix",), ("prefix", "entry"), keys
    )
    if not links:
        return {}
    rows = {
        row.id: row.entry()
        for row in select_entries(connection, ("id",), sorted({(entry,) for _, entry in links}))
    }
    of_prefix: dict[int, list[ListEntry]] = {}
    for prefix, entry in sorted(links):
        of_prefix.setdefault(prefix, []).append(rows[entry])
    found = {
        imei: [one for prefix in some if prefix in of_prefix for one in of_prefix[prefix]]
        for imei, some in prefixes.items()
    }
    return {imei: some for imei, some in found.items() if some}
