"""The card slots of a modem: which there are, which is in use, what the others hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from modemagent.identity.snapshot import ReadState, Sim, SimState

#: More than any modem has; a count beyond it is no count.
_MOST = 8
_WORDS: Mapping[str, SimState] = {
    "unknown": SimState.UNKNOWN,
    "present": SimState.UNKNOWN,  # there is a card, and only the slot in use is read
    "absent": SimState.ABSENT,
}


class Slot(NamedTuple):
    """One slot.

    :param number: counted from 1
    :param word: ``present``, ``absent``, or ``unknown`` where the modem does not say
    """

    number: int
    active: bool
    word: str


def slots_of(said: str, count: int = 0) -> tuple[Slot, ...]:
    """Return the slots that a dialect's slot reader tells.

    :param said: the slots' words in order, joined by commas, a ``*`` behind the one in use
    :param count: how many there are, 0 when not told
    :returns: () when it does not make sense: no slot or more than one in use, or too many

    >>> [(slot.number, slot.active, slot.word) for slot in slots_of("absent,present*")]
    [(1, False, 'absent'), (2, True, 'present')]
    >>> len(slots_of("unknown*", 2)), slots_of("unknown")
    (2, ())
    """
    words = said.split(",")
    words += ["unknown"] * (count - len(words))
    if said.count("*") != 1 or len(words) > _MOST:
        return ()
    return tuple(
        Slot(number, word.endswith("*"), word.rstrip("*")) for number, word in enumerate(words, 1)
    )


def all_slots(active: Sim, slots: tuple[Slot, ...]) -> tuple[Sim, ...]:
    """Return one entry a slot: the one that was read, and the others as far as they are known."""
    from dataclasses import replace

    if not slots:
        return (active,)
    unread = dict.fromkeys(("iccid", "imsi", "eid"), ReadState.UNSUPPORTED)
    empty = {**unread, "iccid": ReadState.ABSENT, "imsi": ReadState.ABSENT}
    return tuple(
        replace(active, slot=slot.number)
        if slot.active
        else Sim(
            slot=slot.number,
            active=False,
            state=_WORDS.get(slot.word, SimState.UNKNOWN),
            read=empty if slot.word == "absent" else unread,
        )
        for slot in slots
    )
