"""Pairs of modem and SIM that a policy allows, and the state of the link between the two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from modemagent.registry.rules.inputs import ReportMoment, RuleFinding


class LinkState(IntEnum):
    """State of a slot; a modem has the largest of its slots. The value is stored."""

    LINKED = 0
    UNLINKED = 1
    ARMED = 2
    DIFFERED = 3

    @property
    def shown(self) -> str:
        return self.name.lower()


class PairPolicy(NamedTuple):
    """The policy that covers a modem.

    :param iccids: keys of SIMs that every covered modem may hold
    :param own: keys of SIMs that this modem may hold: pairs and exceptions
    :param own_imsis: the same by IMSI
    :param has_pairs: the policy lists pairs, or SIMs that are not among those above
    """

    key: int
    name: str
    is_enforced: bool
    iccids: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    imsis: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    own_imsis: frozenset[str] = frozenset()
    has_pairs: bool = False

    @property
    def learns(self) -> bool:
        """The policy lists no SIMs: the first one that is read in a slot belongs there."""
        return not (self.iccids or self.prefixes or self.imsis or self.has_pairs)


class HeldSim(NamedTuple):
    """The last SIM that was read in a slot.

    :param sim: its unit
    :param iccid: key of the SIM
    :param at: report that first shows it there
    """

    slot: int
    sim: int
    iccid: str
    imsi: str | None
    at: ReportMoment


def link_state(
    policy: PairPolicy | None, reading: HeldSim | None, learned: int | None
) -> LinkState:
    """Return the state of a slot.

    :param policy: None: no policy of mode learn or enforce covers the modem
    :param reading: None: no SIM was read there yet
    :param learned: the SIM that was read first while the policy learnt
    """
    if policy is None:
        return LinkState.UNLINKED
    if reading is None:
        return LinkState.ARMED
    return LinkState.LINKED if is_allowed(policy, reading, learned) else LinkState.DIFFERED


def is_allowed(policy: PairPolicy, reading: HeldSim, learned: int | None) -> bool:
    """Return True if a policy allows the SIM of a reading; for the parameters see above."""
    if reading.iccid in policy.own or reading.imsi in policy.own_imsis:
        return True
    if policy.learns:
        return learned is None or learned == reading.sim
    return (
        reading.iccid in policy.iccids
        or reading.imsi in policy.imsis
        or any(map(reading.iccid.startswith, policy.prefixes))
    )


def pairing(
    policy: PairPolicy,
    slots: Iterable[tuple[HeldSim, LinkState]],
    *,
    is_announced: bool,
) -> Iterator[RuleFinding]:
    """Yield ``pairing.violation`` for each slot with a SIM that an enforced policy does not allow.

    :param is_announced: work at the modem is announced for now
    """
    if policy.is_enforced and not is_announced:
        for reading, state in slots:
            if state == LinkState.DIFFERED:
                yield RuleFinding("pairing.violation", reading.at, str(reading.slot))
