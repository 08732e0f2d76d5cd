"""Facts about a healthy modem for the tests of diagnose, and facts with changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modemagent.at.results import parse_final
from modemagent.at.steps import FinalResult, Response
from modemagent.diagnosis.facts import Facts
from modemagent.discovery.candidate import Candidate, Role
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot

#: A line of a response, several of them, or None for a command that is rejected.
Lines = Mapping[str, str | tuple[str, ...] | None]

PORT = "/dev/ttyUSB2"
OK, ERROR = FinalResult("ok", None, "OK"), FinalResult("error", None, "ERROR")
AT_PORT = Candidate(
    PORT, "usb:1-2:1.2", "usb:1-2", "2c7c", "0125", 2, "option", Role.AT, "interface 2",
    True, "Quectel", "EG25-G",
)  # fmt: skip
NMEA_PORT = AT_PORT._replace(path="/dev/ttyUSB1", role=Role.NMEA, why="interface 1")
READ = dict.fromkeys(("iccid", "imsi"), ReadState.OK)
SIM = Sim(state=SimState.READY, iccid="8988303000000000010", imsi="901288000000001", read=READ)
SNAPSHOT = Snapshot(
    port=PORT, dialect="quectel", sims=(SIM,), commands=9, elapsed_ms=61,
    modem=Modem(
        manufacturer="Quectel", model="EG25-G", firmware="EG25GGBR07A08M2G", imei="867698040000013"
    ),
)  # fmt: skip
HEALTHY: Lines = {
    "AT+CFUN?": "+CFUN: 1",
    "AT+CEREG?": '+CEREG: 0,1,"5B00","0A",7',
    "AT+CGREG?": "+CGREG: 0,0",
    "AT+COPS?": '+COPS: 0,0,"Telekom.de",7',
    "AT+CSQ": "+CSQ: 18,99",
    "AT+CBC": "+CBC: 0,80,3840",
    "AT+QTEMP": "+QTEMP: 36,34,33",
    "AT+CGATT?": "+CGATT: 1",
    "AT+CGDCONT?": '+CGDCONT: 1,"IP","internet.t-d1.de"',
    "AT+CGACT?": "+CGACT: 1,1",
    "AT+CGPADDR": '+CGPADDR: 1,"10.0.0.7"',
}


def answers(lines: Lines) -> dict[str, Response]:
    """Return the responses to commands; a CME error is a final result."""
    return {line: _response(line, given) for line, given in lines.items()}


def _response(line: str, given: str | tuple[str, ...] | None) -> Response:
    if given is None:
        return Response(line, (), ERROR)
    texts = (given,) if isinstance(given, str) else given
    final = parse_final(texts[-1]) if texts else None
    return Response(line, texts, OK) if final is None else Response(line, texts[:-1], final)


def facts(**changed: Any) -> Facts:
    """Return the facts of a healthy modem with changes; ``lines`` changes its responses."""
    lines = {**HEALTHY, **changed.pop("lines", {})}
    base = Facts(PORT, AT_PORT, (NMEA_PORT,), snapshot=SNAPSHOT, responses=answers(lines))
    return base._replace(**changed)


def sim(state: Any, **changed: Any) -> Snapshot:
    return snapshot(sims=(Sim(state=state, read={}, **changed),))


def snapshot(**changed: Any) -> Snapshot:
    return SNAPSHOT._replace(**changed)


def failed(error: Any, **changed: Any) -> Facts:
    return facts(failure=error, snapshot=None, responses={}, **changed)
