"""The rows of a damaged SQLite file, page by page, without the tree that leads to them.

One bad sector in the root of a table hides all its rows from SQLite, though each of their pages
is whole. Here every page that looks like a leaf of a table is read for itself; whether a row is
whole is for the reader of its content to say. The layout is that of sqlite.org/fileformat2.html,
clauses 1.6 (pages and cells), 2.1 (records).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

_TABLE_LEAF = 0x0D
_HEADER = 8
Value = int | str | bytes | None


def rows(content: bytes, page_size: int, columns: int) -> Iterator[tuple[Value, ...]]:
    """Yield the rows that have so many columns, in the order of the file's pages.

    Floating point numbers are not read: an outbox has none. Text that is no UTF-8 is mended.
    """
    for start in range(0, len(content) - page_size + 1, page_size):
        page = content[start : start + page_size]
        if page[0] != _TABLE_LEAF:
            continue
        for at in range(min(_number(page[3:5]), (page_size - _HEADER) // 2)):
            pointer = _HEADER + 2 * at
            with contextlib.suppress(IndexError, ValueError):
                record = _record(content, page, _number(page[pointer : pointer + 2]))
                row = _values(record)
                if len(row) == columns:
                    yield row


def _record(content: bytes, page: bytes, cell: int) -> bytes:
    """Return the payload of one cell, with what of it stands on overflow pages."""
    length, at = _varint(page, cell)
    _, at = _varint(page, at)  # the rowid
    size = len(page)
    most = size - 35
    if length <= most:
        return page[at : at + length]
    if length > len(content):
        raise ValueError("longer than the file")
    least = (size - 12) * 32 // 255 - 23
    here = least + (length - least) % (size - 4)
    here = here if here <= most else least
    record = page[at : at + here]
    following = _number(page[at + here : at + here + 4])
    while len(record) < length:
        start = (following - 1) * size
        if not 0 < start <= len(content) - size:
            raise ValueError("the rest is on no page")
        record += content[start + 4 : start + size][: length - len(record)]
        following = _number(content[start : start + 4])
    return record


def _values(record: bytes) -> tuple[Value, ...]:
    end, at = _varint(record, 0)
    values: list[Value] = []
    value_at = end
    while at < end:
        kind, at = _varint(record, at)
        if kind >= 12:
            size = (kind - 12) // 2
        elif kind <= 6:
            size = (0, 1, 2, 3, 4, 6, 8)[kind]
        else:
            size = 0
        raw = record[value_at : value_at + size]
        if len(raw) < size:
            raise ValueError("the record is cut off")
        value_at += size
        if kind >= 12:
            values.append(raw.decode("utf-8", "replace") if kind % 2 else raw)
        elif kind in (8, 9):
            values.append(kind - 8)
        else:
            values.append(int.from_bytes(raw, "big", signed=True) if size else None)
    return tuple(values)


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where it ends."""
    value = 0
    for number in range(9):
        byte = content[at + number]
        if number == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + number + 1
    raise AssertionError


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")
