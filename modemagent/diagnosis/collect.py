"""The plan that asks a modem what the checks want to know. Only lines that read."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Final, NamedTuple

from modemagent.at.steps import Outcome, Plan, Response, Step
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.at_client import AtClient
from modemagent.modem.identify import identify
from modemagent.modem.ladder import read_lines

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


class Gathered(NamedTuple):
    """What the modem said."""

    snapshot: Snapshot
    answers: Mapping[str, Response]


def gather(port: str, port_id: str | None) -> Plan[Gathered]:
    """Identify the modem, then ask the further lines.

    :raises PortError: from the plan, when there is no identity
    """
    snapshot = yield from identify(port, port_id=port_id)
    answers = yield from ask_lines(port)
    return Gathered(snapshot, answers)


def ask_lines(port: str) -> Generator[Step, Outcome, dict[str, Response]]:
    """Ask the further lines alone, of a modem that has been identified."""
    return (yield from read_lines(AtClient(port), LINES, _TIMEOUT_S))
