"""SIM locks of a module: which SIM cards it accepts, and the code that removes the lock.

>>> describe_lock(LockKind.NETWORK, LockCode.PIN)
'the module is locked: it accepts only SIM cards of one network'
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class LockKind(StrEnum):
    """SIM cards that a locked module accepts (3GPP TS 22.022, personalization categories)."""

    NETWORK = "network"
    NETWORK_SUBSET = "network_subset"
    SERVICE_PROVIDER = "service_provider"
    CORPORATE = "corporate"
    SIM = "sim"
    FIRST_SIM = "first_sim"


class LockCode(StrEnum):
    """Code that a locked module waits for: the unlock code, or the one of a blocked lock."""

    PIN = "pin"
    PUK = "puk"


_ACCEPTED: Mapping[LockKind, str] = {
    LockKind.NETWORK: "SIM cards of one network",
    LockKind.NETWORK_SUBSET: "certain SIM cards of one network",
    LockKind.SERVICE_PROVIDER: "SIM cards of one service provider",
    LockKind.CORPORATE: "SIM cards of one company",
    LockKind.SIM: "one SIM card",
    LockKind.FIRST_SIM: "the first SIM card that was inserted",
}


def describe_lock(kind: LockKind | None, code: LockCode | None) -> str:
    """Return a lock in plain language.

    :param kind: None if the module does not name the kind of its lock
    """
    accepted = _ACCEPTED[kind] if kind is not None else "certain SIM cards"
    blocked = ", and wrong unlock codes have blocked the lock" if code is LockCode.PUK else ""
    return f"the module is locked: it accepts only {accepted}{blocked}"
