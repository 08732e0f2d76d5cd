"""The table of checks in the order of a technician: port, modem, SIM, network, then this machine.

Names are stable; docs/diagnose.md shows the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from modemagent.diagnosis.checks import host, modem, network, port, sim
from modemagent.diagnosis.facts import Facts, HostFacts
from modemagent.diagnosis.finding import Finding, State, skipped

F = TypeVar("F")


class Check(NamedTuple, Generic[F]):
    """A question and the function that answers it."""

    name: str
    question: str
    judge: Callable[[F], Finding]


class CheckOutcome(NamedTuple):
    """A check and its finding."""

    name: str
    question: str
    finding: Finding

    def to_json(self) -> dict[str, object]:
        return {"check": self.name, "question": self.question, **self.finding.to_json()}


MODEM_CHECKS: Final = (
    Check("device", "Does the port exist, and which device is it?", port.device),
    Check("access", "May this user open the port?", port.access),
    Check("holder", "Does another program hold the port?", port.holder),
    Check("role", "Is it the port for AT commands?", port.role),
    Check("answers", "Does the modem answer?", port.answers),
    Check("firmware", "Which modem is it, and which firmware does it run?", modem.firmware),
    Check("identity", "Are the numbers of the modem valid?", modem.identity),
    Check("radio", "Is the radio on?", modem.radio),
    Check("sim", "Is a SIM card inserted and unlocked?", sim.sim),
    Check("sim_numbers", "Are the numbers of the SIM valid?", sim.numbers),
    Check("registration", "Is the modem registered, and if not, why?", network.registration),
    Check("reason", "Which reason does the modem report?", network.reason),
    Check("signal", "Is the signal strong enough?", network.signal),
    Check("attached", "Is the modem attached for data?", network.attached),
    Check("access_point", "Is an access point name set?", network.access_point),
)
HOST_CHECKS: Final = (
    Check("agent", "Is the agent running?", host.agent),
    Check("registry", "Does the registry accept reports?", host.registry),
    Check("outbox", "Are reports delivered?", host.outbox),
    Check("clock", "Is the clock of this machine right?", host.clock),
)


def check_modem(facts: Facts) -> tuple[CheckOutcome, ...]:
    """Run every check of one modem; only the first one of a module in flashing mode."""
    if not facts.is_flashing:
        return _run(MODEM_CHECKS, facts)
    other = skipped("a module in flashing mode is never opened")
    return (
        *_run(MODEM_CHECKS[:1], facts),
        *(CheckOutcome(each.name, each.question, other) for each in MODEM_CHECKS[1:]),
    )


def check_host(facts: HostFacts) -> tuple[CheckOutcome, ...]:
    """Run every check of this machine."""
    return _run(HOST_CHECKS, facts)


def _run(checks: Iterable[Check[F]], facts: F) -> tuple[CheckOutcome, ...]:
    return tuple(CheckOutcome(name, question, judge(facts)) for name, question, judge in checks)


def first_to_fix(results: Iterable[CheckOutcome]) -> CheckOutcome | None:
    """Return the first error, else the first warning; later errors often follow from the first."""
    order = (State.ERROR, State.WARNING)
    bad = [each for each in results if each.finding.state in order]
    return min(bad, key=lambda each: order.index(each.finding.state), default=None)
