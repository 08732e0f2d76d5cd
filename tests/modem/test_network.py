"""Operator and registration in the lines of real modules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.at.steps import Command, FinalResult, Listen, Response
from modemagent.identity.network import Network, RegistrationState, ServingCell
from modemagent.identity.snapshot import SimState
from modemagent.modem.at_client import AtClient
from modemagent.modem.network import CellReader, read_network
from modemagent.modem.serving_cell import read_serving_cell

HOME, ROAMING, SEARCHING, DENIED, OFF, OTHER = RegistrationState
OK, ERROR = FinalResult("ok", None, "OK"), FinalResult("error", None, "ERROR")


def network(
    answers: dict[str, str], state: SimState = SimState.READY, dialect: str = "", kind: str = "",
    read_cell: CellReader | None = None,
) -> Network:  # fmt: skip
    """Drive the plan over a table of answers; what is not in it is refused."""
    plan = read_network(AtClient("port"), state, dialect, kind, read_cell)
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


def test_serving_cell_is_read_on_request() -> None:
    registered = {"AT+CEREG?": '+CEREG: 2,5,"54A1","01A2D001",7'}
    alone = {"AT+CEREG?": "+CEREG: 0,1"}
    quectel = '+QENG: "servingcell","NOCONN","LTE","FDD",262,01,1A2D001,321,1300,3,5,5,54A1,-98,-11'
    simcom = "+CPSI: LTE,Online,460-11,0x54A1,27447297,318,EUTRAN-BAND3,1650,5,5,-94,-850,-545,15"
    for answers, dialect, cell in (
        (registered, "quectel", ServingCell(0x1A2D001, 0x54A1)),
        ({**alone, 'AT+QENG="servingcell"': quectel}, "quectel",
         ServingCell(0x1A2D001, 0x54A1, "262", "01")),
        ({**alone, "AT+CPSI?": simcom}, "simcom", ServingCell(0x1A2D001, 0x54A1, "460", "11")),
        ({**alone, 'AT+QENG="servingcell"': '+QENG: "servingcell","SEARCH"'}, "quectel", None),
        ({'AT+QENG="servingcell"': quectel}, "quectel",
         ServingCell(0x1A2D001, 0x54A1, "262", "01")),
        (alone, "", None),
        ({"AT+CEREG?": "+CEREG: 0,2", "AT+CPSI?": simcom}, "simcom", None),
    ):  # fmt: skip
        assert network(answers, dialect=dialect, read_cell=read_serving_cell).cell == cell
        assert network(answers, dialect=dialect).cell is None
    found = network(registered, read_cell=read_serving_cell)
    cell_json = {"cell_id": 0x1A2D001, "area_code": 0x54A1, "mcc": None, "mnc": None}
    assert found.to_json()["cell"] == cell_json
    assert "cell" not in network(registered).to_json()


CASES = [
    # quectel-eg25-g, ublox-sara-g350 (no technology), forlinx manual for the RM500U
    ({"AT+COPS?": '+COPS: 0,0,"SGP-M1",2'}, Network(operator="SGP-M1", rat="umts")),
    ({"AT+COPS?": '+COPS: 0,0,"Vodafone"'}, Network(operator="Vodafone")),
    ({"AT+COPS?": '+COPS: 0,2,"46000",7'}, Network("460", "00", "lte")),
    ({"AT+COPS?": '+COPS: 0,2,"310410",13'}, Network("310", "410", "nr")),
    ({"AT+COPS?": "+COPS: 0"}, Network()),
    ({"AT+COPS?": "+COPS: 2"}, Network()),
    # read answers, with and without area and cell; quoted status; spaces; URC forms
    ({"AT+CEREG?": "+CEREG: 0,1"}, Network(registered=True, registration=HOME)),
    (
        {"AT+CEREG?": '+CEREG: 2,5,"1A2D","01A2D001",7'},
        Network(registered=True, rat="lte", registration=ROAMING),
    ),
    ({"AT+CEREG?": "+CEREG: 1,2\n+CEREG: 0,2"}, Network(registered=False, registration=SEARCHING)),
    (
        {"AT+CEREG?": '+CEREG: 5,"B400","000A0001",9'},
        Network(registered=True, rat="nb_iot", registration=ROAMING),
    ),
    (
        {"AT+CEREG?": '+CEREG: 4,3,"5B00","01A2D101",7,0,15'},
        Network(registered=False, rat="lte", registration=DENIED, reject_cause=15),
    ),
    ({"AT+CEREG?": "+CEREG:  1 , 6"}, Network(registered=True, registration=HOME)),
    (
        {"AT+CEREG?": "+CEREG: 0,4", "AT+CREG?": "+CREG: 0,1"},
        Network(registered=True, registration=HOME),
    ),
    (
        {"AT+CEREG?": "+CEREG: 0,0", "AT+C5GREG?": "+C5GREG: 0,1"},
        Network(registered=True, registration=HOME),
    ),
    (
        {"AT+CEREG?": "+CEREG: 0,0", "AT+CGREG?": "+CGREG: 0,5"},
        Network(registered=True, registration=ROAMING),
    ),
    ({"AT+CREG?": '+CREG: 001,"5B00","1234"'}, Network(registered=True, registration=HOME)),
    ({}, Network()),
    # of several domains without registration, the denied one counts, with its cause
    (
        {"AT+CEREG?": "+CEREG: 3,3,,,,0,15", "AT+CREG?": "+CREG: 0,2", "AT+CGREG?": "+CGREG: 0,0"},
        Network(registered=False, registration=DENIED, reject_cause=15),
    ),
    (
        {"AT+CEREG?": "+CEREG: 3,2,,,,0,11", "AT+CREG?": "+CREG: 0,0"},
        Network(registered=False, registration=SEARCHING),
    ),
    ({"AT+CEREG?": "+CEREG: 0,0"}, Network(registered=False, registration=OFF)),
    ({"AT+CEREG?": "+CEREG: 0,8"}, Network(registered=False, registration=OTHER)),
    # the cause of an earlier refusal in one domain does not belong to the registration in another
    (
        {"AT+CEREG?": "+CEREG: 3,3,,,,0,7", "AT+CREG?": "+CREG: 0,5"},
        Network(registered=True, registration=ROAMING),
    ),
    # EF_SPN: GSM letters, UCS2, nothing written
    (
        {"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"014F72616E6765FFFFFFFFFFFFFFFFFFFF"'},
        Network(provider="Orange"),
    ),
    (
        {"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"0080004D00D8FFFFFFFFFFFFFFFFFFFFFF"'},
        Network(provider="MØ"),
    ),
    # the GSM alphabet where it differs from ASCII: A, u and o with dots, at sign, euro
    (
        {"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"005B7E7C004F1B65FFFFFFFFFFFFFFFFFF"'},
        Network(provider="Äüö@O€"),
    ),
    # TS 102 221 annex A: half page of Cyrillic by 81, by 82 with a base; text that ends with FF
    (
        {"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"018103089496AFFFFFFFFFFFFFFFFFFFFF"'},
        Network(provider="ДЖЯ"),
    ),
    (
        {"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"018205040094B6CFA921FFFFFFFFFFFFFF"'},
        Network(provider="ДжяЩ!"),
    ),
    (
        {"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"018004140416044F04FFFFFFFFFFFFFFFF"'},
        Network(provider="ДЖяӿ"),
    ),
    ({"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"018004"'}, Network()),
    ({"AT+CRSM=176,28486,0,0,17": '+CRSM: 144,0,"' + "FF" * 17 + '"'}, Network()),
    ({"AT+CRSM=176,28486,0,0,17": '+CRSM: 148,4,""'}, Network()),
]


@pytest.mark.parametrize(("answers", "expected"), CASES)
def test_network_lines_of_real_modems(answers: dict[str, str], expected: Network) -> None:
    assert network(answers) == expected


@pytest.mark.parametrize(
    ("dialect", "kind", "number", "rat"),
    [
        ("quectel", "BG95-M3 BG95M3LAR02A03", 8, "lte_m"),
        ("quectel", "BC66 BC66NBR01A10", 9, "nb_iot"),
        ("quectel", "EG25-G EG25GGBR07A08M2G", 7, "lte"),
        ("quectel", "RG500Q-EA", 13, "nr"),
        ("quectel", "EC20F", 100, "cdma"),
        ("telit", "ME910C1-WW 30.00.207", 8, "lte_m"),
        ("ublox", "SARA-R410M-02B L0.0.00.00.05.08", 8, "lte_m"),
        ("ublox", "SARA-R510M8S 02.05", 7, "lte_m"),
        ("ublox", "LARA-R6401 00.13", 7, "lte"),
        ("simcom", "SIM7080G 1951B16SIM7080", 7, "lte_m"),
        ("simcom", "SIM7600E LE11B12SIM7600M22", 7, "lte"),
        ("nordic", "nRF9160-SICA mfw_nrf9160_1.3.5", 7, "lte_m"),
        ("fibocom", "FG621-EA 16121.1034.00.01.01.08", 16, "lte"),
        ("nordic", "nRF93M1-LACA mfw_nrf93m1_1.5.0", 7, "lte"),
        ("nordic", "nRF9151-LACA mfw_nrf9151-ntn_1.0.0", 14, "satellite"),
        ("sierra", "HL7812 HL7812.5.7.3.0", 7, "lte_m"),
        ("generic", "", 8, "gsm"),
        ("generic", "", 11, "nr"),
        ("generic", "", 99, None),
    ],
)
def test_technology_depends_on_the_dialect(
    dialect: str, kind: str, number: int, rat: str | None
) -> None:
    answers = {"AT+COPS?": f'+COPS: 0,2,"26201",{number}'}
    assert network(answers, dialect=dialect, kind=kind).rat == rat
    answers = {"AT+CEREG?": f'+CEREG: 2,1,"00A0","0002920C",{number}'}
    assert network(answers, dialect=dialect, kind=kind).rat == rat


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
