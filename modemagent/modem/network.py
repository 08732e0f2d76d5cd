"""Reading of operator, registration and service provider name, in up to six commands.

``AT+COPS?`` shows the network in the format that was selected before, name or number. Selecting
another would change a setting, so the number is known only if the modem shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from modemagent.at.alphabets import sim_text
from modemagent.at.fields import parse_information
from modemagent.at.operator import parse_operator
from modemagent.at.registration import Registration, parse_registration
from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.parsers import crsm_data
from modemagent.dialects.technologies import rat_of
from modemagent.identity.network import Network, RegistrationState, ServingCell
from modemagent.identity.snapshot import SimState
from modemagent.modem.at_client import AtClient

#: Reads the serving cell of a modem of a dialect.
CellReader = Callable[[AtClient, str], Generator[Step, Outcome, ServingCell | None]]

#: Some modems search for the network before they respond.
_TIMEOUT_S = 5.0
#: Sent in this order until one reports "registered", packet networks first (TS 27.007 clauses
#: 10.1.22, 7.2, 10.1.47).
_REGISTRATIONS = ("AT+CEREG?", "AT+CREG?", "AT+C5GREG?")
#: Clause 10.1.20. A SIM for data only may be registered in GPRS alone.
_GPRS = "AT+CGREG?"
#: READ BINARY of EF_SPN, TS 31.102 clause 4.2.12.
_SPN = "AT+CRSM=176,28486,0,0,17"
_LONGEST_NAME = 64
#: States of domains without registration, the one to report first.
_UNREGISTERED = (
    RegistrationState.DENIED,
    RegistrationState.SEARCHING,
    RegistrationState.OFF,
    RegistrationState.UNKNOWN,
)


def read_network(
    client: AtClient,
    sim_state: SimState,
    dialect: str = "",
    kind: str = "",
    read_cell: CellReader | None = None,
) -> Generator[Step, Outcome, Network]:
    """Read operator, registration and the SIM's service provider name.

    :param dialect: name of the modem's dialect, which some numbers of technologies depend on
    :param kind: model and firmware separated by a space
    :param read_cell: reads the serving cell if the registration does not contain it; None: the cell
        is not read
    """
    response = yield from client.query("AT+COPS?", _TIMEOUT_S)
    network, technology = _operator(response)
    reports: list[Registration] = []
    for line in (*_REGISTRATIONS, _GPRS):
        if line == _GPRS and not reports:
            break  # no domain was reported
        response = yield from client.query(line, _TIMEOUT_S)
        if (report := _registration(response)) is None:
            continue
        reports.append(report)
        technology = report.technology if technology is None else technology
        if report.is_registered:
            break
    network = _with_registration(network, reports)
    network = network._replace(rat=rat_of(technology, dialect, kind))
    if read_cell is not None and network.registered is not False:
        cell = _cell(reports[-1]) if reports else None
        network = network._replace(cell=cell or (yield from read_cell(client, dialect)))
    if sim_state is SimState.READY:
        response = yield from client.query(_SPN, _TIMEOUT_S)
        network = network._replace(provider=_provider(response))
    return network


def _operator(response: Response) -> tuple[Network, int | None]:
    """Return the network and the <AcT> of a response to ``AT+COPS?``."""
    for line in response.lines if response.ok else ():
        found = parse_operator(parse_information(line, response.line))
        if found is None or (not found.name and found.technology is None):
            continue
        name = found.name[:_LONGEST_NAME] if found.name and found.mcc is None else None
        return Network(mcc=found.mcc, mnc=found.mnc, operator=name), found.technology
    return Network(), None


def _registration(response: Response) -> Registration | None:
    """Return the last report of a response."""
    prefix = response.line.removeprefix("AT").rstrip("?")
    found = None
    for text in response.lines if response.ok else ():
        line = parse_information(text, response.line)
        if line.name == prefix:
            found = parse_registration(line) or found
    return found


def _with_registration(network: Network, reports: Sequence[Registration]) -> Network:
    """Add the registration by the reports of all domains, of which the last may be registered."""
    if not reports:
        return network
    if not (best := reports[-1]).is_registered:
        best = min(reports, key=lambda each: _UNREGISTERED.index(_state(each)))
    state = _state(best)
    return network._replace(
        registered=best.is_registered,
        registration=state,
        reject_cause=best.reject_cause if state is RegistrationState.DENIED else None,
    )


def _cell(report: Registration) -> ServingCell | None:
    return None if report.cell_id is None else ServingCell(report.cell_id, report.area_code)


def _state(report: Registration) -> RegistrationState:
    return RegistrationState.of_status(report.status)


def _provider(response: Response) -> str | None:
    """Return the name in EF_SPN: a byte with the display condition, then a text field."""
    for line in map(parse_information, response.lines if response.ok else ()):
        data = crsm_data(line) if line.name == "+CRSM" else None
        if data is not None and len(data) > 1:
            name = sim_text(data[1:])
            return "".join(char for char in name if char.isprintable()).strip() or None
    return None
