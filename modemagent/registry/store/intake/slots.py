"""Slots of a reading, packed: 27 bytes for each slot in the report."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import NamedTuple

_SLOT = Struct("<BBqqqc")
#: Stored as the index, so names are only ever added at the end.
_STATES = (
    "unknown", "ready", "pin_required", "puk_required", "locked", "no_profile", "absent", "busy",
    "failure", "off",
)  # fmt: skip
NOT_READ = -1


class StoredSlot(NamedTuple):
    """A slot in a report.

    :param sim: unit of the SIM, 0 if the slot is empty, :data:`NOT_READ` if neither is known
    :param imsi: row of the IMSI, 0 if it was not read
    :param eid: row of the EID, 0 if it was not read
    :param extra: the 20th digit of an ICCID whose unit has the first 19 digits, else empty
    """

    slot: int
    state: str
    sim: int
    imsi: int = 0
    eid: int = 0
    extra: str = ""


def pack(slots: list[StoredSlot]) -> bytes:
    """Return slots as they are stored; never empty, so that no slots differ from no reading."""
    return b"\x01" + b"".join(
        _SLOT.pack(
            one.slot,
            _STATES.index(one.state),
            one.sim,
            one.imsi,
            one.eid,
            one.extra.encode() or b"\0",
        )
        for one in slots
    )


@lru_cache(maxsize=4096)
def unpack(packed: bytes) -> tuple[StoredSlot, ...]:
    """Return the slots of a stored reading."""
    return tuple(
        StoredSlot(slot, _STATES[state], sim, imsi, eid, extra.decode().rstrip("\0"))
        for slot, state, sim, imsi, eid, extra in _SLOT.iter_unpack(packed[1:])
    )
