"""Locks of a module to certain SIM cards, as a reading names them.

>>> describe_lock(LockKind.NETWORK, LockCode.PIN)
'the module is locked: it accepts only SIM cards of one network'
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class LockKind(StrEnum):
    """Which cards a locked module accepts (3GPP TS 22.022, personalization categories)."""

    NETWORK = "network"
    NETWORK_SUBSET = "network_subset"
    SERVICE_PROVIDER = "service_provider"
    CORPORATE = "corporate"
    SIM = "sim"
    FIRST_SIM = "first_sim"


class LockCode(StrEnum):
    """The code a locked module waits for: its unlock code, or the one for a blocked lock."""

    PIN = "pin"
    PUK = "puk"


_CARDS: Mapping[LockKind, str] = {
    LockKind.NETWORK: "SIM cards of one network",
    LockKind.NETWORK_SUBSET: "certain SIM cards of one network",
    LockKind.SERVICE_PROVIDER: "SIM cards of one service provider",
    LockKind.CORPORATE: "SIM cards of one company",
    LockKind.SIM: "one SIM card",
    LockKind.FIRST_SIM: "the first SIM card that was inserted",
}


def describe_lock(kind: LockKind | None, code: LockCode | None) -> str:
    """Return a lock in words.

    :param kind: None when the module does not name the kind of its lock
    """
    cards = _CARDS[kind] if kind is not None else "certain SIM cards"
    blocked = ", and wrong unlock codes have blocked the lock" if code is LockCode.PUK else ""
    return f"the module is locked: it accepts only {cards}{blocked}"
