"""The table of checks in the order of a technician: port, modem, SIM, network, then this machine.

Names are stable; docs/diagnose.md shows the same tables.
"""

from collections.abc import Callable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from modemagent.diagnosis.causes import CONSEQUENCES, ORDER
from modemagent.diagnosis.checks import (
    data_session,
    host,
    modem,
    port,
    registration,
    signal,
    sim,
    supply_and_temperature,
    technologies,
)
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
    Check("supply", "Is the supply voltage high enough?", supply_and_temperature.supply),
    Check("temperature", "Is the modem too hot?", supply_and_temperature.temperature),
    Check("radio", "Is the radio on?", modem.radio),
    Check("sim", "Is a SIM card inserted and unlocked?", sim.sim),
    Check("sim_numbers", "Are the numbers of the SIM valid?", sim.numbers),
    Check(
        "technologies",
        "Do the modem's settings allow the networks here?",
        technologies.technologies,
    ),
    Check("signal", "Is the signal good enough for data?", signal.signal),
    Check("registration", "Is the modem registered, and if not, why?", registration.registration),
    Check("reason", "Which reason for a failure does the modem report?", registration.reason),
    Check("attached", "Is the modem attached for data?", data_session.attached),
    Check("access_point", "Is an access point name set?", data_session.access_point),
    Check("session", "Does a data connection have an address?", data_session.session),
)
HOST_CHECKS: Final = (
    Check("agent", "Is the agent running?", host.agent),
    Check("registry", "Does the registry accept reports?", host.registry),
    Check("encryption", "Is the connection to the registry encrypted?", host.encryption),
    Check("files", "Are settings and token protected from other users?", host.files),
    Check("outbox", "Are reports delivered?", host.outbox),
    Check("clock", "Is the clock of this machine correct?", host.clock),
)


def check_modem(facts: Facts) -> tuple[CheckOutcome, ...]:
    """Run every check of one modem; only the first one of a module in flashing mode.

    A finding that follows from another one becomes a note.
    """
    if not facts.is_flashing:
        return _without_consequences(_run(MODEM_CHECKS, facts))
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


def _without_consequences(results: tuple[CheckOutcome, ...]) -> tuple[CheckOutcome, ...]:
    severity = {each.name: _severity(each.finding) for each in results}

    def cause_of(name: str) -> str | None:
        return next(
            (
                cause
                for cause, consequences in CONSEQUENCES.items()
                if name in consequences and severity[cause] >= severity[name] > 0
            ),
            None,
        )

    return tuple(
        each._replace(finding=each.finding.as_consequence(cause))
        if (cause := cause_of(each.name))
        else each
        for each in results
    )


def _severity(finding: Finding) -> int:
    return (State.WARNING, State.ERROR).index(finding.state) + 1 if finding.is_bad else 0


def first_to_fix(results: Iterable[CheckOutcome]) -> CheckOutcome | None:
    """Return the cause: the first error in the order of causes, else the first warning."""
    bad = [each for each in results if each.finding.is_bad]
    order = {name: at for at, name in enumerate(ORDER)}
    return min(
        bad, key=lambda each: (-_severity(each.finding), order.get(each.name, 0)), default=None
    )
