"""The write-ahead log beside an outbox, read without SQLite (sqlite.org/fileformat2.html, 4).

SQLite ends its reading of a log at the first frame that is not whole. That is right after a power
cut, which tears the last transaction; but when a byte in the midst of it has changed, all that was
stored since would be forgotten, and its numbers given a second time. Each frame's checksum builds
on the one that stands in the frame before, so the frames behind a broken one can still be told to
be whole.
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

_HEADER, _FRAME = 32, 24
_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
# Each transaction that changes the notes (the first table laid out) is synced before the next
# begins. So behind frames that a power cut has torn stands one such transaction at most.
_NOTES_PAGE = 3
_TORN_AT_MOST = 1
# A log is a quarter of this long, but when a whole outbox was rewritten at once: to look through
# that would take a small gateway more memory and time than it is worth.
_MOST_READ = 1024 * 1024


@dataclass(slots=True)
class Log:
    """What stands in a log.

    :param pages: page number and content, in the order they were written, of all transactions
        that came to their end
    :param broken: not all of what had been synced is whole, and SQLite would not say so
    """

    pages: list[tuple[int, bytes]] = field(default_factory=list)
    broken: bool = False


def read(path: Path, page_size: int) -> Log:
    """Return the log of an outbox file, an empty one where there is none.

    :param page_size: of the outbox; a log of another is taken for one without frames, and so is
        one of more than 1 MiB
    :raises OSError: it can not be read
    """
    try:
        with Path(f"{path}-wal").open("rb") as file:
            content = file.read(_MOST_READ + 1)
    except FileNotFoundError:
        return Log()
    head = content[:_HEADER]
    if not head:
        return Log()
    # the last bit of the magic says in which order of bytes the checksums were made
    order = ">" if head[3:4] == _MAGIC[1][3:] else "<"
    if (
        len(head) < _HEADER
        or head[:4] not in _MAGIC
        or _checksum(head[:24], (0, 0), order) != _pair(head, 24)
    ):
        # SQLite would take it for an empty one; its frames bear what the head should say
        salts = content[_HEADER + 8 : _HEADER + 16]
        log = _frames(content, salts, (0, 0), page_size, "<" if sys.byteorder == "little" else ">")
        log.broken = True
        return log
    if _pair(head, 8)[0] != page_size or len(content) > _MOST_READ:
        return Log()
    return _frames(content, head[16:24], _pair(head, 24), page_size, order)


def _frames(content: bytes, salts: bytes, seed: tuple[int, int], page_size: int, order: str) -> Log:
    log = Log()
    begun: list[tuple[int, bytes]] = []
    torn, notes_after = False, 0
    for at in range(_HEADER, len(content) - _FRAME - page_size + 1, _FRAME + page_size):
        frame = content[at : at + _FRAME]
        page = content[at + _FRAME : at + _FRAME + page_size]
        said = _pair(frame, 16)
        ours = frame[8:16] == salts
        if ours and _checksum(frame[:8] + page, seed, order) == said:
            number, size = _pair(frame, 0)
            begun.append((number, page))
            if size:  # the last of its transaction
                notes_after += torn and any(number == _NOTES_PAGE for number, _ in begun)
                log.pages += begun
                begun = []
        else:
            torn, begun = True, []
        seed = said
    log.broken = notes_after > _TORN_AT_MOST
    return log


def _pair(content: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(">II", content, at)
    return first, second


def _checksum(content: bytes, seed: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = seed
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
