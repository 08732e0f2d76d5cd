"""Reading of operator, registration and service provider name, in up to five commands.

``AT+COPS?`` shows the network in the format that was selected before, name or number. Selecting
another would change a setting, so the number is known only if the modem shows it.
"""

from __future__ import annotations

from collections.abc import Generator

from modemagent.at.fields import parse_information
from modemagent.at.operator import parse_operator
from modemagent.at.registration import RATS, parse_registration
from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.parsers import crsm_data
from modemagent.identity.network import Network
from modemagent.identity.snapshot import SimState
from modemagent.modem.at_client import AtClient

#: Some modems search for the network before they respond.
_TIMEOUT_S = 5.0
#: Sent in this order until one reports "registered", packet networks first (TS 27.007 clauses
#: 10.1.22, 7.2, 10.1.47).
_REGISTRATIONS = ("AT+CEREG?", "AT+CREG?", "AT+C5GREG?")
#: READ BINARY of EF_SPN, TS 31.102 clause 4.2.12.
_SPN = "AT+CRSM=176,28486,0,0,17"
_LONGEST_NAME = 64


def read_network(client: AtClient, sim_state: SimState) -> Generator[Step, Outcome, Network]:
    """Read operator, registration and the SIM's service provider name."""
    network = _operator((yield from client.query("AT+COPS?", _TIMEOUT_S)))
    for line in _REGISTRATIONS:
        response = yield from client.query(line, _TIMEOUT_S)
        network = _with_registration(network, response)
        if network.registered:
            break
    if sim_state is SimState.READY:
        response = yield from client.query(_SPN, _TIMEOUT_S)
        network = network._replace(provider=_provider(response))
    return network


def _operator(response: Response) -> Network:
    for line in response.lines if response.ok else ():
        found = parse_operator(parse_information(line))
        if found is None or not found.name:
            continue
        rat = RATS.get(-1 if found.technology is None else found.technology)
        if found.mcc is not None:
            return Network(mcc=found.mcc, mnc=found.mnc, rat=rat)
        return Network(operator=found.name[:_LONGEST_NAME], rat=rat)
    return Network()


def _with_registration(network: Network, response: Response) -> Network:
    """Return the network with the last registration report of a response."""
    prefix = response.line.removeprefix("AT").rstrip("?")
    registration = None
    for line in map(parse_information, response.lines if response.ok else ()):
        if line.name == prefix:
            registration = parse_registration(line) or registration
    if registration is None:
        return network
    rat = RATS.get(-1 if registration.technology is None else registration.technology)
    return network._replace(registered=registration.is_registered, rat=network.rat or rat)


def _provider(response: Response) -> str | None:
    """Return the name in EF_SPN: a display byte, then text, padded with FF."""
    for line in map(parse_information, response.lines if response.ok else ()):
        data = crsm_data(line) if line.name == "+CRSM" else None
        if data is None or len(data) < 2:
            continue
        raw = data[1:].rstrip(b"\xff")
        # TS 102 221 annex A: 80 announces UCS2. Otherwise the text is in the GSM default
        # alphabet, whose letters and digits are those of ASCII.
        text = (
            raw[1:].decode("utf-16-be", "replace")
            if raw[:1] == b"\x80"
            else raw.decode("latin-1").replace("\x00", "@")
        )
        return "".join(char for char in text if char.isprintable()).strip() or None
    return None
