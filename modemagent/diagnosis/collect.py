"""The plan that asks a modem what the checks want to know. Only lines that read."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Final, NamedTuple

from modemagent.at.steps import Command, Listen, Outcome, Plan, Response, Step
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import identify

#: What is asked besides the identification; each line is on the allow-list. What a modem does not
#: know it refuses, and the check that wanted it is skipped.
LINES: Final = (
    "AT+CFUN?",
    "AT+CPIN?",
    "AT+CPINR",
    "AT+CSQ",
    "AT+CESQ",
    "AT+CEREG?",
    "AT+C5GREG?",
    "AT+CGREG?",
    "AT+CREG?",
    "AT+COPS?",
    "AT+CGATT?",
    "AT+CGDCONT?",
    "AT+CEER",
)
_TIMEOUT_S = 5.0
#: After so many lines without an answer the rest would only take time.
_SILENCES = 2


class Gathered(NamedTuple):
    """What the modem said."""

    snapshot: Snapshot
    answers: Mapping[str, Response]


def gather(port: str, port_id: str | None) -> Plan[Gathered]:
    """Identify the modem, then ask the further lines.

    :raises PortError: from the plan, when there is no identity
    """
    snapshot = yield from identify(port, port_id=port_id)
    answers = yield from ask_lines()
    return Gathered(snapshot, answers)


def ask_lines() -> Generator[Step, Outcome, dict[str, Response]]:
    """Ask the further lines alone, of a modem that has been identified."""
    answers: dict[str, Response] = {}
    silences = 0
    for line in LINES:
        answer = yield Command(line, _TIMEOUT_S)
        if not isinstance(answer, Response):
            continue
        answers[line] = answer
        if answer.timed_out:
            silences += 1
            if silences == _SILENCES:
                break
            # a late answer must not be taken for that of the next line
            yield Listen(0.5, 2.0)
            yield Command("AT", 1.0)
    return answers
