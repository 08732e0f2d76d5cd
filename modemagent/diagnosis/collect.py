"""The plan that collects a modem's responses for the checks. Its commands only read."""

from collections.abc import Generator, Iterator, Mapping
from typing import Final, NamedTuple

from modemagent.at.steps import Outcome, Plan, Response, Step
from modemagent.diagnosis.checks.registration import is_registered, is_registration_reported
from modemagent.diagnosis.facts import Facts, Managed
from modemagent.dialects.diagnostic_reads import (
    ATTEMPTS,
    SELECTION,
    SIGNAL,
    SLOTS,
    STANDARD_SUPPLY,
    SUPPLY,
    TEMPERATURE,
)
from modemagent.discovery.age import modem_age_s
from modemagent.errors import ModemAgentError
from modemagent.identity.snapshot import SimState, Snapshot
from modemagent.modem.at_client import AtClient
from modemagent.modem.identify import identify
from modemagent.modem.imei_reread import reread_imei
from modemagent.modem.ladder import read_lines

#: Commands beside the identification, all of them on the allow-list. If a modem rejects one, the
#: check that uses it is skipped.
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
    "AT+CGACT?",
    "AT+CGPADDR",
    "AT+CGCONTRDP",
    "AT+CEER",
    STANDARD_SUPPLY,
)
_NEEDS_CODE = (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED)
_TIMEOUT_S = 5.0


class Collected(NamedTuple):
    """A reading of a modem.

    :param responses: command line to response
    :param failure: why responses are missing
    :param managed: what ModemManager reports in place of responses, None without it
    """

    snapshot: Snapshot
    responses: Mapping[str, Response] = {}
    failure: ModemAgentError | None = None
    managed: Managed | None = None


def collect(port: str, port_id: str | None, listen_s: float = 0.0) -> Plan[Collected]:
    """Identify the modem, then send the further commands.

    :param listen_s: how long to listen before the first byte is sent
    :raises PortError: from the plan, if the modem cannot be identified
    """
    snapshot = yield from identify(
        port, port_id=port_id, listen_s=listen_s, age=lambda: modem_age_s(port)
    )
    responses = yield from query_lines(snapshot)
    snapshot = yield from reread_imei(snapshot)
    return Collected(snapshot, responses)


def query_lines(snapshot: Snapshot) -> Generator[Step, Outcome, dict[str, Response]]:
    """Send the further commands to a modem that has been identified."""
    client = AtClient(snapshot.port)
    responses = yield from read_lines(client, lines_for(snapshot), _TIMEOUT_S)
    facts = Facts(snapshot.port, snapshot=snapshot, responses=responses)
    if is_registration_reported(facts) and not is_registered(facts):
        selection = [read for read, _ in SELECTION.get(snapshot.dialect, ())]
        responses |= yield from read_lines(client, selection, _TIMEOUT_S)
    return responses


def lines_for(snapshot: Snapshot) -> Iterator[str]:
    """Yield the lines for every modem, those of its maker, and those that a fault requires."""
    yield from LINES
    for table in (SIGNAL, SUPPLY, TEMPERATURE):
        yield from table.get(snapshot.dialect, ())
    sim, modem = snapshot.active_sim, snapshot.modem
    if sim is not None and sim.state in _NEEDS_CODE and snapshot.dialect in ATTEMPTS:
        yield ATTEMPTS[snapshot.dialect]
    if sim is not None and sim.state is SimState.ABSENT and len(snapshot.sims) == 1:
        yield from SLOTS.get(snapshot.dialect, ())
    if modem.imei is None and modem.imei_raw is None and modem.meid is None:
        yield "AT+CGSN"  # The error it returns now is the reason.
