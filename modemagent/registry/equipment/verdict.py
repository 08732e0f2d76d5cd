"""The status of equipment: the first of the reasons that applies.

>>> verdict(Reasons()), verdict(Reasons(), Status.PROHIBITED)
(None, <Status.PROHIBITED: 'BLACKLISTED'>)
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from modemagent.registry.lists.entries import ListEntry, ListName


class Status(StrEnum):
    """A status, with its name in 3GPP TS 29.511."""

    PERMITTED = "WHITELISTED"
    TRACKED = "GREYLISTED"
    PROHIBITED = "BLACKLISTED"


_OF_LISTS = {
    ListName.PROHIBITED: Status.PROHIBITED,
    ListName.TRACKED: Status.TRACKED,
    ListName.PERMITTED: Status.PERMITTED,
}


class Reasons(NamedTuple):
    """What is known about a modem, and about the SIM that is queried with it.

    :param hits: valid entries of the lists, the deciding one first
    :param is_excepted: a policy excepts the pair from the lists
    :param is_allowed: an enforced policy allows the pair, or not; None: there is none, or it cannot
        be decided
    """

    hits: Sequence[ListEntry] = ()
    is_excepted: bool = False
    is_allowed: bool | None = None


def verdict(reasons: Reasons, default: Status | None = None) -> Status | None:
    """Return the status; None: the equipment is unknown.

    An excepted pair comes first; then a prohibited number itself, range or TAC; a pair that is not
    allowed; tracked; permitted, by a list or by a policy; the default.
    """
    if reasons.is_excepted:
        return Status.PERMITTED
    listed = _OF_LISTS[reasons.hits[0].list] if reasons.hits else None
    if listed == Status.PROHIBITED or reasons.is_allowed is False:
        return Status.PROHIBITED
    if listed is None and reasons.is_allowed:
        return Status.PERMITTED
    return default if listed is None else listed
