"""The verdict of the lists on one number.

Precedence: a prohibited number itself, then a prohibited range or TAC, then tracked, then
permitted. Entries that are not valid at the time are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from modemagent.registry.lists.entries import ListedNumber, ListEntry, ListName


class ListVerdict(NamedTuple):
    """What the lists state about a number.

    :param status: the list that decides; None: the number is on no list
    :param hits: all valid entries that cover the number, the deciding one first
    """

    status: ListName | None
    hits: tuple[ListEntry, ...]


def match(number: ListedNumber, entries: Iterable[ListEntry], at_ms: int) -> ListVerdict:
    """Return the verdict on a number at a time.

    :param entries: any entries that may cover the number
    """
    hits = valid_entries((one for one in entries if one.value.covers(number)), at_ms)
    return ListVerdict(hits[0].list if hits else None, tuple(hits))


def valid_entries(entries: Iterable[ListEntry], at_ms: int) -> list[ListEntry]:
    """Return the entries that are valid at a time, by precedence.

    :param entries: those that cover one number
    """
    hits = [one for one in entries if one.is_valid(at_ms)]
    if len(hits) > 1:
        hits.sort(key=lambda one: (one.list, one.value.kind, one.value.width, one.id))
    return hits
