"""`identify`, `diagnose` and `explain` give the same meaning to the same line."""

from __future__ import annotations

import pytest

from modemagent.at.fields import parse_information
from modemagent.at.operator import parse_operator
from modemagent.at.pin_state import Lock, pin_state
from modemagent.at.registration import parse_registration
from modemagent.at.steps import Command, FinalResult, Listen, Response
from modemagent.diagnosis.checks import registration as registration_checks
from modemagent.diagnosis.checks import signal as signal_checks
from modemagent.diagnosis.checks.serving_cell import measure
from modemagent.diagnosis.facts import Facts
from modemagent.dialects.technologies import rat_of
from modemagent.explain import explain
from modemagent.identity.network import Network
from modemagent.identity.snapshot import SimState
from modemagent.modem.at_client import AtClient
from modemagent.modem.network import read_network
from modemagent.modem.sim_state import PendingState, state_of

OK, ERROR = FinalResult("ok", None, "OK"), FinalResult("error", None, "ERROR")

# line, <stat>, <AcT>, reject cause
REGISTRATIONS = [
    ("+CEREG: 6,3,,,,0,15,0", 3, None, 15),
    ('+CREG:002,001,"18d8","ffff"', 1, None, None),
    ('+CGREG:002,0011,"0f0d","14c3"', 11, None, None),
    ('+CREG: 0011,"0001","0010",000', 11, 0, None),
    ("+CREG: 1,0011,00D30156", 1, None, None),
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
    # every <n>, read form
    ("+CREG: 0,1", 1, None, None),
    ("+CGREG: 1,2", 2, None, None),
    ('+CEREG: 2,5,"1a2d","01a2d001",7', 5, 7, None),
    ("+CEREG: 3,3,,,,1,255", 3, None, 255),
    ('+CEREG: 4,1,"00A0","0002920C",9,,,"00100110","01011111"', 1, 9, None),
    ('+CEREG: 5,3,"00A0","0002920C",9,0,15,"00100110","01011111"', 3, 9, 15),
    ('+CEREG: 7,3,"00A0","0002920C",7,0,11,1', 3, 7, 11),
    # URC form
    ("+CEREG: 3", 3, None, None),
    ("+CEREG: 3,,,,0,8", 3, None, 8),
    ('+CEREG: 1,"00A0","0002920C",9,,,"00100110","01011111"', 1, 9, None),
    ('+CREG: 5,"1234","00005678"', 5, None, None),
    ('+CREG: 11,"0A0B","01020304",7', 11, 7, None),
    ('+CEREG: 90,,"FFFFFFFF",,,,,', 90, None, None),
    # Quectel BC66 and BC95: a routing area code in +CEREG, perhaps empty
    ("+CEREG: 5,3,,,,,0,15", 3, None, 15),
    ("+CEREG: 3,,,,,0,15", 3, None, 15),
    ('+CEREG: 5,3,"00A0","0002920C",9,"00",0,15', 3, 9, 15),
    ('+CEREG: 5,3,"00A0","0002920C",9,"00",0,15,"00100110","01011111"', 3, 9, 15),
    ('+CEREG: 4,1,"00A0","0002920C",9,"00",,,"00100110","01011111"', 1, 9, None),
    ('+CEREG: 1,1,"00A0","0002920C",9,"00"', 1, 9, None),
    # routing area code of GPRS
    ('+CGREG: 2,1,"8BE3","00002B5D",3,"01"', 1, 3, None),
    ('+CGREG: 5,"0502","0404736d",2,"ff"', 5, 2, None),
    ('+CGREG: 3,3,"00C3","0001",2,"00",0,7', 3, 2, 7),
    ('+CGREG: 3,"00C3","0001",2,"",0,14', 3, 2, 14),
    ("+CGREG: 3,3,,,,0,8", 3, None, 8),
    # 5G with and without slices
    ('+C5GREG: 2,1,"0000C3","000000010000001A",11,4,"01.010203"', 1, 11, None),
    ('+C5GREG: 1,"0000c3","000000010000001a",11,1,"01"', 1, 11, None),
    ('+C5GREG: 3,3,"0000C3","01",11,,,0,27', 3, 11, 27),
    ('+C5GREG: 3,3,"0000C3","01",11,0,"",0,62', 3, 11, 62),
    ("+C5GREG: 3,3,,,,0,11", 3, None, 11),
    ("+C5GREG: 0,0", 0, None, None),
    # quotes, spaces, padding, missing and trailing fields
    ('+CREG: 2,"1","8BE3","00002BAF"', 1, None, None),
    ('+CREG: "2","5","8BE3","00002BAF","7"', 5, 7, None),
    ("+CEREG :  2 ,  6", 6, None, None),
    ("+CEREG:00,05", 5, None, None),
    ("+CREG: 001,005", 5, None, None),
    ("+CREG: 0,1,", 1, None, None),
    ("+CEREG: 2,4,,", 4, None, None),
    ("+CEREG: 5,0,,,9,0,0,,", 0, 9, None),
    ('+CEREG: 003,003,"00a0","0002920c",007,000,015', 3, 7, 15),
    ("+CEREG: 3,3,,,0,15", 3, None, 15),
    ("+cereg: 2,1,00a0,0002920c,9", 1, 9, None),
]
#: Line, PLMN or name, <AcT>.
OPERATORS = [
    ('+COPS: 0,2,"26201",7', "262 01", 7),
    ('+COPS: 0,0,"26201",7', "262 01", 7),
    ('+COPS: 0,0,"SGP-M1",2', "SGP-M1", 2),
    ('+COPS: 0,0,"0056006F00640061"', "Voda", None),
    ("+COPS: 0", None, None),
    ("+COPS: 2", None, None),
    ("+COPS: 0,0", None, None),
    ('+COPS: 0,0,""', None, None),
    ('+COPS: 0,0,"",7', "unnamed operator", 7),
    ("+COPS:0,2,26201,0", "262 01", 0),
    ('+COPS: 1,2,"310410",13', "310 410", 13),
    ('+COPS: 0,0,"466 92",7', "466 92", 7),
    ('+COPS: 4,2,"46000",9', "460 00", 9),
    ('+COPS: 0,2,"26202",8', "262 02", 8),
    ('+COPS: 0,2,"26202",12', "262 02", 12),
    ('+COPS: 0,2,"90198",14', "901 98", 14),
    ('+COPS: 0, 0, "CHINA MOBILE" ,007', "CHINA MOBILE", 7),
    ("+COPS: 0,0,Telekom.de,7", "Telekom.de", 7),
    ('+COPS: 0,0,"O2 - de",2', "O2 - de", 2),
    ('+COPS: 0,1,"TMO D",3', "TMO D", 3),
    ('+COPS: 0,0,"A, B \\22C\\22",7', 'A, B "C"', 7),
    # UCS2: Latin, Chinese, Cyrillic, Arabic, a number; lower case
    ('+COPS: 0,0,"00540065006c0065006b006f006d002e00640065",7', "Telekom.de", 7),
    ('+COPS: 0,0,"4E2D56FD79FB52A8",7', "\u4e2d\u56fd\u79fb\u52a8", 7),
    ('+COPS: 0,0,"041C0422042100200052",2', "\u041c\u0422\u0421 R", 2),
    ('+COPS: 0,0,"0627062A0635"', "\u0627\u062a\u0635", None),
    ('+COPS: 0,2,"00320036003200300031",7', "262 01", 7),
    ('+COPS: 0,0,"D55CAD6D"', "\ud55c\uad6d", None),
    ('+COPS: 0,0,"566F6461666F6E65",7', "Vodafone", 7),
    # hexadecimal digits by chance
    ('+COPS: 0,0,"FACEBEEF",7', "FACEBEEF", 7),
    ('+COPS: 0,0,"CAFE",7', "CAFE", 7),
    ('+COPS: 0,0,"12345678",7', "12345678", 7),
    ("+cops: 0,2,26201,11", "262 01", 11),
]
#: Command, line, dBm or dB of each measure, level.
SIGNALS = [
    ("AT+CSQ", "+CSQ: 18,99", {"rssi": -77}, "good"),
    ("AT+CSQ", "+CSQ:18, 99", {"rssi": -77}, "good"),
    ("AT+CSQ", "+CSQ: 018,099", {"rssi": -77}, "good"),
    ("AT+CSQ", '+CSQ: "18","99"', {"rssi": -77}, "good"),
    ("AT+CSQ", "+CSQ: 18", {"rssi": -77}, "good"),
    ("AT+CSQ", "+CSQ: 0,0", {"rssi": -113}, "unusable"),
    ("AT+CSQ", "+CSQ: 31,7", {"rssi": -51}, "good"),
    ("AT+CSQ", "+CSQ: 3,99", {"rssi": -107}, "weak"),
    ("AT+CSQ", "+CSQ: 6,99", {"rssi": -101}, "weak"),
    ("AT+CSQ", "+CSQ: 99,99", {}, None),
    ("AT+CSQ", "+CSQ: 199,99", {}, None),
    ("AT+CSQ", "+CSQ: 116,99", {"rssi": -100}, "weak"),
    ("AT+CSQ", "+csq: 20,0", {"rssi": -73}, "good"),
    ("AT+CESQ", "+CESQ: 99,99,255,255,20,80", {"rsrp": -61, "rsrq": -10}, "good"),
    ("AT+CESQ", "+CESQ:  99, 99, 255, 255, 20, 80", {"rsrp": -61, "rsrq": -10}, "good"),
    ("AT+CESQ", "+CESQ: 99,99,255,255,255,24", {"rsrp": -117}, "weak"),
    ("AT+CESQ", "+CESQ: 99,99,255,255,255,10", {"rsrp": -131}, "unusable"),
    ("AT+CESQ", "+CESQ: 30,3,255,255,255,255", {"rxlev": -81}, "good"),
    ("AT+CESQ", "+CESQ: 099,099,031,033,255,255", {"rscp": -90, "ecno": -8}, "fair"),
    ("AT+CESQ", "+CESQ: 99,99,255,255,255,255", {}, None),
    (
        "AT+CESQ",
        "+CESQ: 99,99,255,255,255,255,65,70,77",
        {"ss_rsrq": -11, "ss_rsrp": -87, "ss_sinr": 15},
        "good",
    ),
    ("AT+CESQ", "+CESQ: 99,99,255,255,255,255,255,255,255", {}, None),
    ("AT+CESQ", "+CESQ: 99,99,255,255,20,80,", {"rsrp": -61, "rsrq": -10}, "good"),
    ("AT+CESQ", "+CESQ: 99,99,255,255,0,0", {"rsrp": -140, "rsrq": -19.5}, "unusable"),
    ("AT+CESQ", '+CESQ: "99","99","255","255","20","80"', {"rsrp": -61}, "good"),
]
#: Line, state or kind of lock, words of the explanation.
SIM_STATES = [
    ("+CPIN: READY", "ready", "the SIM is ready"),
    ("+CPIN:READY", "ready", "the SIM is ready"),
    ("+CPIN : READY", "ready", "the SIM is ready"),
    ('+CPIN: "READY"', "ready", "the SIM is ready"),
    ("+CPIN: ready", "ready", "the SIM is ready"),
    ("+CPIN:   READY  ", "ready", "the SIM is ready"),
    ("+cpin: READY", "ready", "the SIM is ready"),
    ("+CPIN: SIM PIN", "pin_required", "the SIM requires its PIN"),
    ("+CPIN: SIM  PIN", "pin_required", "the SIM requires its PIN"),
    ('+CPIN: "sim pin"', "pin_required", "the SIM requires its PIN"),
    ("+CPIN: SIM PUK", "puk_required", "the SIM requires its PUK"),
    ("+CPIN: SIM PIN2", "ready", "the SIM is ready"),
    ("+CPIN: SIM PUK2", "ready", "the SIM is ready"),
    # a missing or another separator
    ("+CPIN: SIMPIN", "pin_required", "the SIM requires its PIN"),
    ("+CPIN:SIM-PUK", "puk_required", "the SIM requires its PUK"),
    ("+CPIN: SIM_PIN2", "ready", "the SIM is ready"),
    ("+CPIN: PHNET PIN", "network", "another network"),
    ("+CPIN: PHSIM PUK", "sim", "unlock code blocked"),
    ("+CPIN: EMPTY_EUICC", "no_profile", "no profile"),
    ("+CPIN: NOT_INSERTED", "absent", "no SIM"),
    ("+CPIN: SIM DROP", "absent", "removed"),
    ("+CPIN: BLOCK", "BLOCKED", "blocked"),
    ("+CPIN: SIM CRASH", "OFF_OR_FAILED", "failed"),
    ("+CPIN: NOT READY", "BUSY", "not ready"),
    ("+CPIN: NOT INSERTED", "absent", "no SIM"),
    ("+CPIN: SIM NOT INSERTED", "absent", "no SIM"),
    ("+CPIN: REMOVED", "absent", "removed"),
    ("+CPIN: SIM BUSY", "BUSY", "starting"),
    ("+CPIN: PH-NET PIN", "network", "another network"),
    ("+CPIN: PH-NET PUK", "network", "unlock code blocked"),
    ('+CPIN: "PH-NETSUB PIN"', "network_subset", "another network subset"),
    ("+CPIN: PH-SP PIN", "service_provider", "another service provider"),
    ("+CPIN: PH-CORP PIN", "corporate", "another company"),
    ("+CPIN: PH-SIM PIN", "sim", "another SIM card"),
    ("+CPIN: PH-FSIM PUK", "first_sim", "first SIM card"),
    ("+CPIN: ph_simlock", "sim", "another SIM card"),
    ("+CPIN: SIM FAILURE", "OFF_OR_FAILED", ""),
]


def response(line: str) -> Response:
    """Return the response with this line to the read command of its prefix."""
    return Response(f"AT{parse_information(line).name}?", (line,), OK)


def identified(line: str) -> Network:
    """Return the network that an identification reads from one line."""
    known = response(line)
    answers = {"AT+CREG?": response("+CREG: 0,0")} if known.line == "AT+CGREG?" else {}
    answers[known.line] = known
    plan = read_network(AtClient("port"), SimState.ABSENT)
    try:
        step = next(plan)
        while True:
            assert isinstance(step, Command | Listen)
            command = step.line if isinstance(step, Command) else ""
            step = plan.send(answers.get(command) or Response(command, (), ERROR))
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
    assert network.rat == rat_of(technology)

    explained = explain(response(line).line, line)
    assert explained is not None
    assert explained == explain("", line)
    fields = explained["fields"]
    assert isinstance(fields, dict)
    assert fields["status"] == status
    assert fields["registered"] is network.registered
    assert fields.get("reject_cause") == cause

    known = response(line)
    finding = registration_checks.registration(Facts("port", responses={known.line: known}))
    if finding.state != "skipped":
        # registered for SMS only is a warning
        assert (finding.state != "error") is network.registered
        reason = f"cause {cause}," if cause and not network.registered else str(explained["text"])
        assert reason in finding.message


@pytest.mark.parametrize(("line", "shown", "technology"), OPERATORS)
def test_operator_lines_read_alike(line: str, shown: str | None, technology: int | None) -> None:
    network = identified(line)
    plmn = f"{network.mcc} {network.mnc}" if network.mcc else None
    assert (plmn or network.operator) == (None if shown == "unnamed operator" else shown)
    assert network.rat == rat_of(technology)
    parsed = parse_operator(parse_information(line))
    assert parsed is not None
    assert parsed.technology == technology
    explained = explain("AT+COPS?", line)
    assert explained is not None
    assert (shown or "no operator") in str(explained["text"])

    known = {each.line: each for each in (response(line), response("+CREG: 0,1"))}
    finding = registration_checks.registration(Facts("port", responses=known))
    assert str(explained["text"]) in finding.message


@pytest.mark.parametrize(("command", "line", "values", "level"), SIGNALS)
def test_signal_lines_read_alike(
    command: str, line: str, values: dict[str, float], level: str | None
) -> None:
    explained = explain(command, line)
    assert explained is not None
    assert explained == explain("", line)
    fields = explained.get("fields", {})
    assert isinstance(fields, dict)
    found = {name: fields.get(f"{name}_dbm", fields.get(f"{name}_db")) for name in values}
    assert found == values
    assert fields.get("level") == level

    facts = Facts("port", responses={command: Response(command, (line,), OK)})
    measured = measure(facts)
    assert measured.values.items() >= values.items()
    assert measured.is_weak == (level in ("weak", "unusable"))
    assert measured.is_unusable == (level == "unusable")
    finding = signal_checks.signal(facts)
    assert (finding.state in ("ok", "warning")) is (level is not None)
    assert ("unknown" in finding.message) is (level is None)


@pytest.mark.parametrize(("line", "state", "words"), SIM_STATES)
def test_sim_lines_read_alike(line: str, state: str, words: str) -> None:
    found = state_of(pin_state(parse_information(line)))
    match found:
        case Lock():
            assert found.kind == state
        case PendingState():
            assert found.name == state
        case _:
            assert found == state
    explained = explain("AT+CPIN?", line)
    assert explained is not None
    assert words in str(explained["text"])
    assert "specific to the maker" not in str(explained["text"])


def test_last_report_of_a_response_counts() -> None:
    lines = ("+CEREG: 2", '+CEREG: 2,1,"00A0","0002920C",9')
    known = Response("AT+CEREG?", ("+CREG: 3", *lines), OK)
    finding = registration_checks.registration(Facts("port", responses={known.line: known}))
    assert finding.state == "ok"
    assert finding.evidence == lines[-1]
