"""The order of causes: which finding to fix first, and which findings only follow from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Checks in the order in which their findings are causes: what an earlier one prevents, a later
#: one cannot repair. The numbers of the SIM come late, as a modem works without them.
ORDER: Final = (
    *("device", "access", "holder", "role", "answers"),
    *("supply", "temperature", "radio", "identity", "sim"),
    *("technologies", "signal", "registration"),
    *("attached", "session", "sim_numbers", "access_point", "reason", "firmware"),
)

_DATA: Final = ("attached", "session")
_SEARCH: Final = ("signal", "registration", *_DATA)
_NETWORK: Final = ("technologies", *_SEARCH)
#: Check to the checks whose findings follow from an error in it.
CONSEQUENCES: Final[Mapping[str, tuple[str, ...]]] = {
    "supply": _NETWORK,
    "temperature": _NETWORK,
    "radio": ("sim", "sim_numbers", *_NETWORK),
    "sim": ("sim_numbers", *_NETWORK),
    "technologies": _SEARCH,
    "signal": ("registration", *_DATA),
    "registration": _DATA,
    "attached": ("session",),
}
