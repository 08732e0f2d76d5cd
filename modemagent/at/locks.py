"""Locks of a module to certain SIM cards: their words and error numbers.

A module may accept only the cards of one network, provider or company (personalization, 3GPP TS
22.022). Its unlock code has nothing to do with the SIM's PIN: a PIN that is entered for it costs
an attempt. Words are from TS 27.007 clause 8.3, error numbers from clause 9.2.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Lock(NamedTuple):
    """A lock of a module.

    :param kind: ``network``, ``network_subset``, ``service_provider``, ``corporate``, ``sim``,
        ``first_sim``; None for a word of a maker that names none of them
    :param code: ``pin``, or ``puk`` when wrong unlock codes have blocked the lock
    """

    kind: str | None
    code: str


#: Standard names and the makers' longer ones, without separators and digits.
_KINDS: Mapping[str, str] = {
    "NET": "network",
    "NETWORK": "network",
    "NW": "network",
    "NETSUB": "network_subset",
    "NETSUBSET": "network_subset",
    "NETWORKSUB": "network_subset",
    "NETWORKSUBSET": "network_subset",
    "NS": "network_subset",
    "SP": "service_provider",
    "SERVICEPROVIDER": "service_provider",
    "CORP": "corporate",
    "CORPORATE": "corporate",
    "SIM": "sim",
    "USIM": "sim",
    "FSIM": "first_sim",
    "FIRSTSIM": "first_sim",
}
_WORD = re.compile(r"PH[-_ ]+([A-Z][-_ A-Z0-9]*)")
_PARTS = re.compile(r"([A-Z]+?)[0-9]*(?:LOCK(?:ED)?)?(PIN|PUK)?[0-9]*(?:REQUIRED)?")

#: +CME ERROR: number -> the lock that is the reason.
CME_LOCKS: Mapping[int, Lock] = MappingProxyType(
    {
        5: Lock("sim", "pin"),
        6: Lock("first_sim", "pin"),
        7: Lock("first_sim", "puk"),
        40: Lock("network", "pin"),
        41: Lock("network", "puk"),
        42: Lock("network_subset", "pin"),
        43: Lock("network_subset", "puk"),
        44: Lock("service_provider", "pin"),
        45: Lock("service_provider", "puk"),
        46: Lock("corporate", "pin"),
        47: Lock("corporate", "puk"),
    }
)

#: What to do about every lock. It names no PIN on purpose.
REMEDY = (
    "insert a card of the right operator, or ask whoever sold the device for the unlock code; "
    "no code of the card opens this lock"
)


def lock_of(word: str) -> Lock | None:
    """Return the lock that a word of ``+CPIN:`` names, None when it is about the card.

    Case, quotes and the separator do not matter; a word without PIN or PUK waits for its code.

    >>> lock_of("PH-NETSUB PUK"), lock_of("ph_simlock"), lock_of("SIM PIN")
    (Lock(kind='network_subset', code='puk'), Lock(kind='sim', code='pin'), None)
    """
    found = _WORD.fullmatch(word.strip(' \t"').upper())
    if found is None:
        return None
    parts = _PARTS.fullmatch(re.sub(r"[-_ ]", "", found[1]))
    if parts is None:
        return Lock(None, "pin")
    return Lock(_KINDS.get(parts[1]), (parts[2] or "PIN").lower())
