"""`identify`, `diagnose` and `explain` give the same meaning to the same line."""

from __future__ import annotations

import pytest

from modemagent.at.fields import parse_information
from modemagent.at.operator import parse_operator
from modemagent.at.registration import RATS, parse_registration
from modemagent.at.steps import Command, FinalResult, Listen, Response
from modemagent.diagnosis.checks import network as checks
from modemagent.diagnosis.facts import Facts
from modemagent.explain import explain
from modemagent.identity.network import Network
from modemagent.identity.snapshot import SimState
from modemagent.modem.at_client import AtClient
from modemagent.modem.network import read_network

OK, ERROR = FinalResult("ok", None, "OK"), FinalResult("error", None, "ERROR")

# line, <stat>, <AcT>, reject cause
REGISTRATIONS = [
    ("+CEREG: 6,3,,,,0,15,0", 3, None, 15),
    ('+CREG:002,001,"18d8","ffff"', 1, None, None),
    ('+CREG: 001,"0001","0010",000', 1, 0, None),
    ("+CREG: 0,00,0", 0, None, None),
    ("+CREG: 2,1,  0 5, 2715", 1, None, None),
    ("+CREG: 2,,", 2, None, None),
    ("+CEREG: 1,2, 0001, 00000100, 7", 2, 7, None),
    ("+CEREG: 2,1, 1F00, 20 ,79D903 ,7", 1, 7, None),
    ("+CEREG: 1, 1F00, 79D903 ,7", 1, 7, None),
    ('+CEREG: 5,"B400","000A0001",9', 5, 9, None),
    ('+CEREG: 8,"0A0B","01020304",9,0,0,,', 8, 9, None),
    ('+CEREG: 3,3,"002F","0012BEEF",7,12,13', 3, 7, 13),
    ("+C5GREG: 2,1,1F00,79D903,11,6,ABCDEF", 1, 11, None),
    ("+CREG: 0,77", 77, None, None),
]
# line, PLMN or name
OPERATORS = [
    ('+COPS: 0,2,"26201",7', "262 01"),
    ('+COPS: 0,0,"26201",7', "262 01"),
    ('+COPS: 0,0,"SGP-M1",2', "SGP-M1"),
    ('+COPS: 0,0,"0056006F00640061"', "Voda"),
    ("+COPS: 0", None),
]


def response(line: str) -> Response:
    """Return the response with this line to the read command of its prefix."""
    return Response(f"AT{parse_information(line).name}?", (line,), OK)


def identified(line: str) -> Network:
    """Return the network that an identification reads from one line."""
    known = response(line)
    plan = read_network(AtClient("port"), SimState.ABSENT)
    try:
        step = next(plan)
        while True:
            assert isinstance(step, Command | Listen)
            command = step.line if isinstance(step, Command) else ""
            step = plan.send(known if command == known.line else Response(command, (), ERROR))
    except StopIteration as done:
        network: Network = done.value
        return network


@pytest.mark.parametrize(("line", "status", "technology", "cause"), REGISTRATIONS)
def test_registration_lines_read_alike(
    line: str, status: int, technology: int | None, cause: int | None
) -> None:
    parsed = parse_registration(parse_information(line))
    assert parsed is not None
    assert (parsed.status, parsed.technology, parsed.reject_cause) == (status, technology, cause)

    network = identified(line)
    assert network.registered is parsed.is_registered
    assert network.rat == (None if technology is None else RATS[technology])

    explained = explain(response(line).line, line)
    assert explained is not None
    assert explained == explain("", line)
    fields = explained["fields"]
    assert isinstance(fields, dict)
    assert fields["status"] == status
    assert fields["registered"] is network.registered
    assert fields.get("reject_cause") == cause

    known = response(line)
    finding = checks.registration(Facts("port", responses={known.line: known}))
    assert (finding.state == "ok") is network.registered or finding.state == "skipped"
    if finding.state != "skipped":
        assert str(explained["text"]) in finding.message


@pytest.mark.parametrize(("line", "shown"), OPERATORS)
def test_operator_lines_read_alike(line: str, shown: str | None) -> None:
    network = identified(line)
    plmn = f"{network.mcc} {network.mnc}" if network.mcc else None
    assert (plmn or network.operator) == shown
    assert parse_operator(parse_information(line)) is not None
    explained = explain("AT+COPS?", line)
    assert explained is not None
    assert (shown or "no operator") in str(explained["text"])
