"""The checks in the order a technician goes: from the plug to the network, then this machine.

Names are stable; docs/diagnose.md shows the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from modemagent.diagnosis.checks import host, modem, network, port, sim
from modemagent.diagnosis.facts import Facts, HostFacts
from modemagent.diagnosis.finding import Finding, State

F = TypeVar("F")


class Check(NamedTuple, Generic[F]):
    """One question and who answers it."""

    name: str
    question: str
    judge: Callable[[F], Finding]


class Checked(NamedTuple):
    """A check and what it found."""

    name: str
    question: str
    finding: Finding

    def to_json(self) -> dict[str, object]:
        return {"check": self.name, "question": self.question, **self.finding.to_json()}


MODEM_CHECKS: Final = (
    Check("device", "Is the port there, and what is it?", port.device),
    Check("access", "May this user open it?", port.access),
    Check("holder", "Does somebody else have it?", port.holder),
    Check("role", "Is it the port for AT commands?", port.role),
    Check("answers", "Does the modem answer?", port.answers),
    Check("firmware", "What is it?", modem.firmware),
    Check("identity", "Are its numbers sound?", modem.identity),
    Check("radio", "Is its radio on?", modem.radio),
    Check("sim", "Is there a card, and is it open?", sim.sim),
    Check("sim_numbers", "Are the card's numbers sound?", sim.numbers),
    Check("registration", "Is it registered, and if not, why?", network.registration),
    Check("reason", "What does the modem say of it?", network.reason),
    Check("signal", "Is the signal good?", network.signal),
    Check("attached", "Does the network carry its data?", network.attached),
    Check("access_point", "Is an access point set?", network.access_point),
)
HOST_CHECKS: Final = (
    Check("agent", "Does the agent run?", host.agent),
    Check("registry", "Does the registry take reports?", host.registry),
    Check("outbox", "Do reports leave?", host.outbox),
    Check("clock", "Is this machine's clock right?", host.clock),
)
_WORST_FIRST: Final = (State.ERROR, State.WARNING)


def check_modem(facts: Facts) -> tuple[Checked, ...]:
    """Make every check of one modem."""
    return tuple(Checked(name, question, judge(facts)) for name, question, judge in MODEM_CHECKS)


def check_host(facts: HostFacts) -> tuple[Checked, ...]:
    """Make every check of this machine."""
    return tuple(Checked(name, question, judge(facts)) for name, question, judge in HOST_CHECKS)


def first_to_do(found: Iterable[Checked]) -> Checked | None:
    """Return what to see to first: the first error, for later ones often follow from it."""
    for state in _WORST_FIRST:
        for each in found:
            if each.finding.state is state:
                return each
    return None
