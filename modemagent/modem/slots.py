"""The SIM slots of a modem: how many there are, which is in use, what the others hold."""

from collections.abc import Mapping
from typing import NamedTuple

from modemagent.identity.snapshot import ReadState, Sim, SimState

#: A higher count is not plausible.
_MOST_SLOTS = 8
_STATES: Mapping[str, SimState] = {
    "unknown": SimState.UNKNOWN,
    "present": SimState.UNKNOWN,  # Only the slot in use is read.
    "absent": SimState.ABSENT,
}


class Slot(NamedTuple):
    """One slot.

    :param number: counted from 1
    :param content: ``present``, ``absent``, or ``unknown`` if the modem does not report it
    """

    number: int
    active: bool
    content: str


def slots_of(text: str, count: int = 0) -> tuple[Slot, ...]:
    """Return the slots in the text of a slot parser.

    :param text: contents in order, separated by commas, ``*`` after the slot in use
    :param count: number of slots, 0 if unknown
    :returns: () if the text is not plausible: no slot or several in use, or too many slots

    >>> [(slot.number, slot.active, slot.content) for slot in slots_of("absent,present*")]
    [(1, False, 'absent'), (2, True, 'present')]
    >>> len(slots_of("unknown*", 2)), slots_of("unknown")
    (2, ())
    """
    contents = text.split(",")
    contents += ["unknown"] * (count - len(contents))
    if text.count("*") != 1 or len(contents) > _MOST_SLOTS:
        return ()
    return tuple(
        Slot(number, content.endswith("*"), content.rstrip("*"))
        for number, content in enumerate(contents, 1)
    )


def all_slots(active: Sim, slots: tuple[Slot, ...]) -> tuple[Sim, ...]:
    """Return one entry per slot: the SIM that was read, and what is known of the others."""
    if not slots:
        return (active,)
    unread = dict.fromkeys(("iccid", "imsi", "eid"), ReadState.UNSUPPORTED)
    empty = {**unread, "iccid": ReadState.ABSENT, "imsi": ReadState.ABSENT}
    return tuple(
        active._replace(slot=slot.number)
        if slot.active
        else Sim(
            slot=slot.number,
            active=False,
            state=_STATES.get(slot.content, SimState.UNKNOWN),
            read=empty if slot.content == "absent" else unread,
        )
        for slot in slots
    )
