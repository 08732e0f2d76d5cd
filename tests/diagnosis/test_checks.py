"""Each check with facts that pass it and facts that fail it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from modemagent.at.steps import FinalResult, Response
from modemagent.channel.lock import Holder
from modemagent.diagnosis.catalogue import (
    HOST_CHECKS,
    MODEM_CHECKS,
    check_host,
    check_modem,
    first_to_fix,
)
from modemagent.diagnosis.collect import LINES
from modemagent.diagnosis.facts import Facts, HostFacts
from modemagent.dialects.allowlist import is_allowed
from modemagent.discovery.candidate import Candidate, Role
from modemagent.errors import (
    DeadlinePassed,
    NoAnswer,
    NotAModem,
    PortBusy,
    PortDenied,
    PortNotFound,
    PortVanished,
)
from modemagent.identity.locks import LockCode, LockKind
from modemagent.identity.network import Network
from modemagent.identity.problems import problem
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot

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
HEALTHY = {
    "AT+CFUN?": "+CFUN: 1",
    "AT+CEREG?": '+CEREG: 0,1,"5B00","0A",7',
    "AT+CGREG?": "+CGREG: 0,0",
    "AT+COPS?": '+COPS: 0,0,"Telekom.de",7',
    "AT+CSQ": "+CSQ: 18,99",
    "AT+CGATT?": "+CGATT: 1",
    "AT+CGDCONT?": '+CGDCONT: 1,"IP","internet.t-d1.de"',
}
STATUS = {
    "version": "1",
    "modems": [{"state": "watching"}],
    "uplink": {"state": "idle", "reason": "", "hint": "", "registry": "https://registry.example"},
    "outbox": {"waiting": 0, "dead_letters": 0, "error": "", "quarantined": []},
}


def answers(lines: Mapping[str, str | None]) -> dict[str, Response]:
    """Return responses of one line each; None for a command that is rejected."""
    return {
        line: Response(line, (said,), OK) if said is not None else Response(line, (), ERROR)
        for line, said in lines.items()
    }


def facts(**changed: Any) -> Facts:
    """Return the facts of a healthy modem with changes; ``lines`` changes its responses."""
    lines = HEALTHY | changed.pop("lines", {})
    base = Facts(PORT, AT_PORT, (NMEA_PORT,), snapshot=SNAPSHOT, responses=answers(lines))
    return base._replace(**changed)


def sim(state: SimState, **changed: Any) -> Snapshot:
    return snapshot(sims=(Sim(state=state, read={}, **changed),))


def snapshot(**changed: Any) -> Snapshot:

    return SNAPSHOT._replace(**changed)


def failed(error: Any, **changed: Any) -> Facts:
    return facts(failure=error, snapshot=None, responses={}, **changed)


#: check -> facts that fail it, the state and a part of the message
FAILING: Mapping[str, list[tuple[Facts, str, str]]] = {
    "device": [
        (failed(PortNotFound("/dev/x is not there", port="/dev/x")), "error", "not there"),
        (failed(PortVanished("gone", port=PORT)), "error", "disappeared"),
    ],
    "access": [
        (failed(PortDenied("may not", port=PORT, hint="usermod")), "error", "may not"),
        (failed(PortNotFound("none", port=PORT)), "skipped", "does not exist"),
    ],
    "holder": [
        (failed(PortBusy("held by gpsd (pid 7)", port=PORT)), "error", "gpsd"),
        (facts(route="modemmanager", holder=Holder(812, "ModemManager")), "note", "pid 812"),
        (facts(holder=Holder(9, "cat")), "warning", "cat"),
        (failed(PortDenied("may not", port=PORT)), "skipped", "not opened"),
    ],
    "role": [
        (facts(candidate=NMEA_PORT, siblings=(AT_PORT,)), "error", "positions"),
        (facts(candidate=AT_PORT._replace(role=Role.DIAG)), "error", "diagnostics"),
        (facts(candidate=AT_PORT._replace(role=Role.DATA)), "error", "data calls"),
        (facts(candidate=AT_PORT._replace(role=Role.UNKNOWN)), "note", "answers AT commands"),
        (facts(candidate=None), "skipped", "no information"),
    ],
    "answers": [
        (failed(NoAnswer("mute", port=PORT)), "error", "mute"),
        (failed(NotAModem("NMEA", port=PORT)), "error", "NMEA"),
        (failed(DeadlinePassed("late", port=PORT)), "error", "late"),
        (failed(PortBusy("held", port=PORT)), "skipped", "no command was sent"),
        (failed(PortVanished("no port", port=PORT), route="agent"), "error", "no port"),
        (facts(silent_ports=("/dev/ttyUSB3",)), "warning", "ttyUSB3"),
        (facts(responses={"AT+CSQ": Response("AT+CSQ", (), None)}), "warning", "AT+CSQ"),
    ],
    "firmware": [
        (facts(snapshot=snapshot(dialect="generic")), "note", "no dialect"),
        (failed(NoAnswer("mute", port=PORT)), "skipped", "not be identified"),
    ],
    "identity": [
        (facts(snapshot=snapshot(problems=(problem("imei.missing", "imei"),))), "error", "IMEI"),
        (
            facts(snapshot=snapshot(problems=(problem("imei.spare_digit", "imei"),))),
            "warning",
            "15th digit",
        ),
        (failed(NoAnswer("mute", port=PORT)), "skipped", "not be identified"),
    ],
    "radio": [
        (facts(lines={"AT+CFUN?": "+CFUN: 0"}), "error", "off"),
        (facts(lines={"AT+CFUN?": "+CFUN: 4"}), "error", ""),
        (facts(lines={"AT+CFUN?": None}), "skipped", "does not report"),
    ],
    "sim": [
        *(
            (facts(snapshot=sim(state)), "error", "")
            for state in SimState
            if state is not SimState.READY
        ),
        (
            facts(
                snapshot=sim(SimState.LOCKED, lock=LockKind.NETWORK, lock_code=LockCode.PIN),
                lines={"AT+CPINR": "+CPINR: SIM PIN,3,3"},
            ),
            "error",
            "module is locked: it accepts only SIM cards of one network",
        ),
        (
            facts(snapshot=sim(SimState.LOCKED, lock=LockKind.CORPORATE, lock_code=LockCode.PUK)),
            "error",
            "wrong unlock codes have blocked the lock",
        ),
        (
            facts(snapshot=sim(SimState.PIN_REQUIRED), lines={"AT+CPINR": "+CPINR: SIM PIN,1,3"}),
            "error",
            "1 of 3 attempts left",
        ),
        (
            facts(
                snapshot=snapshot(
                    sims=(Sim(state=SimState.ABSENT, read={}), Sim(slot=2, active=False)),
                    problems=(problem("sim.wrong_slot", "sim"),),
                )
            ),
            "error",
            "slot 2",
        ),
        (failed(NoAnswer("mute", port=PORT)), "skipped", "not be identified"),
    ],
    "sim_numbers": [
        (
            facts(
                snapshot=snapshot(
                    sims=(Sim(state=SimState.READY, read={"iccid": ReadState.FAILED}),)
                )
            ),
            "warning",
            "ICCID",
        ),
        (
            facts(snapshot=snapshot(problems=(problem("iccid.non_telecom_mii", "iccid"),))),
            "error",
            "89",
        ),
        (facts(snapshot=sim(SimState.ABSENT)), "skipped", "cannot be read"),
    ],
    "registration": [
        (facts(lines={"AT+CEREG?": "+CEREG: 3,3,,,,0,15"}), "error", "EMM cause 15"),
        (facts(lines={"AT+CEREG?": "+CEREG: 0,2"}), "error", "searching"),
        (
            facts(snapshot=sim(SimState.ABSENT), lines={"AT+CEREG?": "+CEREG: 0,0"}),
            "skipped",
            "without a SIM",
        ),
        (facts(responses={}), "skipped", "does not report"),
        (
            facts(route="modemmanager", snapshot=snapshot(network=Network(registered=False))),
            "error",
            "not registered",
        ),
        (facts(route="modemmanager"), "skipped", "ModemManager"),
    ],
    "reason": [
        (
            facts(lines={"AT+CEREG?": "+CEREG: 0,3", "AT+CEER": "+CEER: EPS and non-EPS denied"}),
            "note",
            "EPS and non-EPS denied",
        ),
        (facts(), "skipped", "only relevant"),
        (facts(lines={"AT+CEREG?": "+CEREG: 0,3"}), "skipped", "does not report a reason"),
    ],
    "signal": [
        (facts(lines={"AT+CSQ": "+CSQ: 2,99"}), "warning", "-109 dBm"),
        (facts(lines={"AT+CSQ": "+CSQ: 99,99"}), "warning", "no signal"),
        (facts(lines={"AT+CESQ": "+CESQ: 99,99,255,255,4,10"}), "warning", "RSRP"),
        (facts(lines={"AT+CSQ": None}), "skipped", "does not report"),
    ],
    "attached": [
        (facts(lines={"AT+CGATT?": "+CGATT: 0"}), "warning", "not attached"),
        (
            facts(lines={"AT+CGATT?": "+CGATT: 0", "AT+CEREG?": "+CEREG: 0,2"}),
            "skipped",
            "not registered",
        ),
        (facts(lines={"AT+CGATT?": None}), "skipped", "does not report"),
    ],
    "access_point": [
        (facts(lines={"AT+CGDCONT?": '+CGDCONT: 1,"IP",""'}), "note", "no APN"),
        (
            facts(responses={"AT+CGDCONT?": Response("AT+CGDCONT?", (), OK)}),
            "note",
            "no data connection",
        ),
        (facts(lines={"AT+CGDCONT?": None}), "skipped", "does not report"),
    ],
}


def status(**changed: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(STATUS)
    for key, value in changed.items():
        before = merged[key]
        merged[key] = {**before, **value} if isinstance(before, dict) else value
    return merged


def host(found: Mapping[str, Any] | None = None, clock_s: float = 1.8e9, **more: Any) -> HostFacts:
    return HostFacts(found or status(), "", clock_s, **{"clock_synchronized": True, **more})


HOST_FAILING: Mapping[str, list[tuple[HostFacts, str, str]]] = {
    "agent": [
        (HostFacts(None, "no agent is running", 1.8e9, True), "note", "no agent"),
        (host(status(modems=[{"state": "broken"}])), "warning", "0 of 1"),
    ],
    "registry": [
        (host(status(uplink={"reason": "refused: 401", "hint": "see the token"})), "error", "401"),
        (host(status(uplink={"state": "off"})), "note", "no registry"),
        (HostFacts(None, "none", 1.8e9, True), "skipped", "agent does not run"),
    ],
    "outbox": [
        (host(status(outbox={"error": "no space left"})), "error", "no space"),
        (host(status(outbox={"quarantined": ["outbox.db.damaged-1"]})), "warning", "quarantined"),
        (host(status(outbox={"dead_letters": 3})), "warning", "3 reports"),
        (HostFacts(None, "none", 1.8e9, True), "skipped", "agent does not run"),
    ],
    "clock": [
        (host(clock_s=60.0), "error", "not set"),
        (host(clock_synchronized=False), "note", "not synchronized"),
    ],
}

MODEM_CASES = [(name, *case) for name, cases in FAILING.items() for case in cases]
HOST_CASES = [(name, *case) for name, cases in HOST_FAILING.items() for case in cases]


def test_healthy_modem_passes_every_check() -> None:
    found = check_modem(facts())
    assert {each.name: str(each.finding.state) for each in found if each.finding.state != "ok"} == {
        "reason": "skipped"
    }
    assert first_to_fix(found) is None


def test_healthy_machine_passes_every_check() -> None:
    assert {str(each.finding.state) for each in check_host(host())} == {"ok"}


@pytest.mark.parametrize(("name", "given", "state", "words"), MODEM_CASES)
def test_finding_of_a_modem_check(name: str, given: Facts, state: str, words: str) -> None:
    has_finding(check_modem(given), name, state, words)


@pytest.mark.parametrize(("name", "given", "state", "words"), HOST_CASES)
def test_finding_of_a_host_check(name: str, given: HostFacts, state: str, words: str) -> None:
    has_finding(check_host(given), name, state, words)


def has_finding(found: Any, name: str, state: str, words: str) -> None:
    finding = next(each.finding for each in found if each.name == name)
    assert (str(finding.state), words in finding.message) == (state, True), finding
    assert bool(finding.remedy) or finding.state not in ("error", "warning"), "no remedy"
    assert not finding.remedy or finding.remedy.endswith(".")


def test_every_check_has_facts_that_fail_it() -> None:
    assert list(FAILING) == [check.name for check in MODEM_CHECKS]
    assert list(HOST_FAILING) == [check.name for check in HOST_CHECKS]


def test_first_to_fix_is_the_first_error() -> None:
    given = facts(
        lines={"AT+CFUN?": "+CFUN: 4", "AT+CSQ": "+CSQ: 1,99"}, silent_ports=("/dev/ttyUSB3",)
    )
    first = first_to_fix(check_modem(given))
    assert first is not None
    assert first.name == "radio"


def test_every_command_is_on_the_allow_list() -> None:
    assert all(map(is_allowed, LINES))


@pytest.mark.parametrize("judge", [check.judge for check in MODEM_CHECKS])
def test_response_text_cannot_control_the_terminal(judge: Callable[[Facts], Any]) -> None:
    hostile = {line: f"{said}\x1b[2J\u202e" for line, said in HEALTHY.items()}
    document = judge(facts(lines=hostile)).to_json()
    assert all(str(value).isprintable() for value in document.values())
