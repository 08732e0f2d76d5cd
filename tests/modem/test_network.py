"""Operator and registration in the lines of real modules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.at.steps import Command, FinalResult, Listen, Response
from modemagent.identity.network import Network
from modemagent.identity.snapshot import SimState
from modemagent.modem.at_client import AtClient
from modemagent.modem.network import read_network

OK, ERROR = FinalResult("ok", None, "OK"), FinalResult("error", None, "ERROR")


def network(answers: dict[str, str], state: SimState = SimState.READY) -> Network:
    """Drive the plan over a table of answers; what is not in it is refused."""
    plan = read_network(AtClient("port"), state)
    try:
        step = next(plan)
        while True:
            assert isinstance(step, Command | Listen)
            line = step.line if isinstance(step, Command) else ""
            said = answers.get(line)
            lines = tuple(said.split("\n")) if said else ()
            step = plan.send(Response(line, lines, OK if said else ERROR))
    except StopIteration as done:
        found: Network = done.value
        return found


CASES = [
    # quectel-eg25-g, ublox-sara-g350 (no technology), forlinx manual for the RM500U
    ({"AT+COPS?": '+COPS: 0,0,"SGP-M1",2'}, Network(operator="SGP-M1", rat="umts")),
    ({"AT+COPS?": '+COPS: 0,0,"Vodafone"'}, Network(operator="Vodafone")),
    ({"AT+COPS?": '+COPS: 0,2,"46000",7'}, Network("460", "00", "lte")),
    ({"AT+COPS?": '+COPS: 0,2,"310410",13'}, Network("310", "410", "endc")),
    ({"AT+COPS?": "+COPS: 0"}, Network()),
    ({"AT+COPS?": "+COPS: 2"}, Network()),
    # read answers, with and without area and cell; quoted status; spaces; URC forms
    ({"AT+CEREG?": "+CEREG: 0,1"}, Network(registered=True)),
    ({"AT+CEREG?": '+CEREG: 2,5,"1A2D","01A2D001",7'}, Network(registered=True, rat="lte")),
    ({"AT+CEREG?": "+CEREG: 1,2\n+CEREG: 0,2"}, Network(registered=False)),
    ({"AT+CEREG?": '+CEREG: 5,"B400","000A0001",9'}, Network(registered=True, rat="nbiot")),
    ({"AT+CEREG?": '+CEREG: 4,3,"5B00","01A2D101",7,0,15'}, Network(registered=False, rat="lte")),
    ({"AT+CEREG?": "+CEREG:  1 , 6"}, Network(registered=True)),
    ({"AT+CEREG?": "+CEREG: 0,4", "AT+CREG?": "+CREG: 0,1"}, Network(registered=True)),
    ({"AT+CEREG?": "+CEREG: 0,0", "AT+C5GREG?": "+C5GREG: 0,1"}, Network(registered=True)),
    ({"AT+CREG?": '+CREG: 001,"5B00","1234"'}, Network(registered=True)),
    ({}, Network()),
    # EF_SPN: GSM letters, UCS2, nothing written
    (
        {"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"014F72616E6765FFFFFFFFFFFFFFFFFFFF"'},
        Network(provider="Orange"),
    ),
    (
        {"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"0080004D00D8FFFFFFFFFFFFFFFFFFFFFF"'},
        Network(provider="MØ"),
    ),
    ({"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"' + "FF" * 17 + '"'}, Network()),
    ({"AT+CRSM=176,28486,0,0,17": '+CRSM: 148,4,""'}, Network()),
]


@pytest.mark.parametrize(("answers", "expected"), CASES)
def test_network_lines_of_real_modems(answers: dict[str, str], expected: Network) -> None:
    assert network(answers) == expected


def test_provider_name_is_read_only_if_the_sim_is_ready() -> None:
    asked = {"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"014F72616E6765"'}
    assert network(asked, SimState.PIN_REQUIRED).provider is None


@given(st.lists(st.text(max_size=60), min_size=4, max_size=4))
def test_any_network_line_is_accepted(lines: list[str]) -> None:
    questions = ("AT+COPS?", "AT+CEREG?", "AT+CREG?", "AT+CRSM=176,28486,0,0,17")
    prefixes = ("+COPS: 0,", "+CEREG: ", "+CREG: ", "+CRSM: 144,0,")
    found = network(
        {
            question: (prefix + line).replace("\n", " ")
            for question, prefix, line in zip(questions, prefixes, lines, strict=True)
        }
    )
    assert Network(**found.to_json()) == found
