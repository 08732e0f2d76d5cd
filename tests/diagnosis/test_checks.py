"""Each check with facts that pass it and facts that fail it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from modemagent.at.steps import Response
from modemagent.channel.port_lock import Holder
from modemagent.diagnosis.causes import CONSEQUENCES, ORDER
from modemagent.diagnosis.check_list import (
    HOST_CHECKS,
    MODEM_CHECKS,
    check_host,
    check_modem,
    first_to_fix,
)
from modemagent.diagnosis.collect import LINES, lines_for
from modemagent.diagnosis.facts import Facts, HostFacts
from modemagent.dialects.allowlist import is_allowed
from modemagent.dialects.diagnostic_reads import ATTEMPTS, SIGNAL
from modemagent.discovery.candidate import Role
from modemagent.errors import (
    DeadlinePassed,
    NoAnswer,
    NotAModem,
    PortBusy,
    PortDenied,
    PortNotFound,
    PortVanished,
)
from modemagent.identity.network import Network
from modemagent.identity.problems import problem
from modemagent.identity.sim_locks import LockCode, LockKind
from modemagent.identity.snapshot import Modem, Sim, SimState
from modemagent.settings import Mistake
from tests.diagnosis.modem_facts import (
    AT_PORT,
    HEALTHY,
    NMEA_PORT,
    OK,
    PORT,
    SNAPSHOT,
    facts,
    failed,
    sim,
    snapshot,
)

STATUS = {
    "version": "1",
    "modems": [{"state": "watching"}],
    "uplink": {
        "state": "idle",
        "reason": "",
        "hint": "",
        "registry": "https://registry.example",
        "last_success_ago_s": 5.0,
        "delivered": 2,
    },
    "outbox": {"waiting": 0, "dead_letters": 0, "error": "", "quarantined": []},
}

#: check -> facts that fail it, the state and a part of the message
FAILING: Mapping[str, list[tuple[Facts, str, str]]] = {
    "device": [
        (failed(PortNotFound("/dev/x is not there", port="/dev/x")), "error", "not there"),
        (failed(PortVanished("gone", port=PORT)), "error", "disappeared"),
        (facts(drops="8 drops in 25 s: check power supply"), "error", "8 drops in 25 s"),
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
        (
            facts(
                responses={
                    "AT+CSQ": Response("AT+CSQ", (), None),
                    "AT+CEER": Response("AT+CEER", (), OK),
                }
            ),
            "note",
            "not to AT+CSQ, which this modem may not support",
        ),
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
    "supply": [
        (facts(lines={"AT+CBC": "+CBC: 0,5,3100"}), "warning", "at least 3.2 V"),
        (facts(lines={"AT+CBC": "+CBC: 0,80,3840"}), "ok", "3.84 V"),
        (facts(lines={"AT+CBC": "+CBC: 0,80"}), "skipped", "does not report"),
        (facts(lines={"AT+CBC": "+CBC: 0,0,0"}), "skipped", "does not measure"),
    ],
    "temperature": [
        (facts(lines={"AT+QTEMP": "+QTEMP: 86,80,80"}), "warning", "too hot: 86"),
        (facts(lines={"AT+QTEMP": "+QTEMP: 38,40,41"}), "ok", "41 °C"),
        (facts(lines={"AT+QTEMP": None}), "skipped", "does not report"),
    ],
    "radio": [
        (facts(lines={"AT+CFUN?": "+CFUN: 5"}), "error", "factory test mode: the radio is off"),
        (facts(lines={"AT+CFUN?": "+CFUN: 7"}), "error", "offline"),
        (facts(snapshot=snapshot(dialect="telit"), lines={"AT+CFUN?": "+CFUN: 5"}), "note", ""),
        (facts(snapshot=snapshot(dialect="cinterion"), lines={"AT+CFUN?": "+CFUN: 7"}), "note", ""),
        (
            facts(snapshot=snapshot(dialect="nordic"), lines={"AT+CFUN?": "+CFUN: 31"}),
            "error",
            "LTE radio is off",
        ),
        (
            facts(
                snapshot=snapshot(dialect="simcom"),
                lines={"AT+CFUN?": None, "AT+CPSI?": "+CPSI: NO SERVICE,Low Power Mode"},
            ),
            "error",
            "low power mode",
        ),
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
        (facts(snapshot=sim("no_profile")), "error", "no enabled profile"),
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
            "(1 attempt left)",
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
            facts(snapshot=snapshot(problems=(problem("iccid.missing", "iccid"),))),
            "error",
            "ICCID: the modem does not report it",
        ),
        (
            facts(snapshot=snapshot(problems=(problem("iccid.non_telecom_mii", "iccid"),))),
            "error",
            "89",
        ),
        (
            facts(snapshot=snapshot(problems=(problem("iccid.hex_digit", "iccid"),))),
            "note",
            "A-F",
        ),
        (facts(snapshot=sim(SimState.ABSENT)), "skipped", "cannot be read"),
    ],
    "technologies": [
        (
            facts(
                lines={
                    "AT+CEREG?": "+CEREG: 0,2",
                    'AT+QCFG="nwscanmode"': '+QCFG: "nwscanmode",1',
                }
            ),
            "error",
            "GSM only",
        ),
        (
            facts(
                lines={
                    "AT+CEREG?": "+CEREG: 0,2",
                    'AT+QCFG="nwscanmode"': '+QCFG: "nwscanmode",3',
                }
            ),
            "note",
            "LTE only",
        ),
        (
            facts(
                lines={
                    "AT+CEREG?": "+CEREG: 0,2",
                    'AT+QCFG="nwscanmode"': '+QCFG: "nwscanmode",0',
                }
            ),
            "ok",
            "all technologies",
        ),
        (facts(lines={"AT+CEREG?": "+CEREG: 0,2"}), "skipped", "does not report"),
        (facts(), "skipped", "only relevant"),
    ],
    "signal": [
        (facts(lines={"AT+CSQ": "+CSQ: 2,99"}), "warning", "weak signal: RSSI -109 dBm"),
        (facts(lines={"AT+CSQ": "+CSQ: 9,99"}), "warning", "RSSI -95 dBm"),
        (facts(lines={"AT+CSQ": "+CSQ: 10,99"}), "ok", "RSSI -93 dBm"),
        (facts(lines={"AT+CSQ": "+CSQ: 99,99"}), "note", "but it is registered"),
        (
            facts(lines={"AT+CSQ": "+CSQ: 99,99", "AT+CESQ": "+CESQ: 99,99,255,255,255,255"}),
            "note",
            "unknown",
        ),
        (
            facts(lines={"AT+CSQ": "+CSQ: 99,99", "AT+CEREG?": "+CEREG: 0,2"}),
            "error",
            "no signal",
        ),
        (
            facts(lines={"AT+CSQ": "+CSQ: 99,99", "AT+CEREG?": "+CEREG: 0,0"}),
            "note",
            "does not search",
        ),
        (
            facts(
                lines={
                    "AT+CSQ": "+CSQ: 99,99",
                    "AT+CEREG?": "+CEREG: 0,0",
                    "AT+QCSQ": '+QCSQ: "NOSERVICE"',
                }
            ),
            "error",
            "no signal",
        ),
        (
            facts(lines={"AT+CSQ": "+CSQ: 99,99", "AT+CEREG?": "+CEREG: 3,3,,,,0,15"}),
            "note",
            "unknown",
        ),
        (facts(lines={"AT+CSQ": "+CSQ: 2,99", "AT+CEREG?": "+CEREG: 0,2"}), "error", "weak"),
        # both sides of each limit in explain/signal_levels.py
        (facts(lines={"AT+CESQ": "+CESQ: 99,99,255,255,22,33"}), "ok", "RSRP -108 dBm"),
        (
            facts(lines={"AT+CESQ": "+CESQ: 99,99,255,255,22,32"}),
            "warning",
            "weak signal: RSRP -109",
        ),
        (facts(lines={"AT+CESQ": "+CESQ: 99,99,26,19,255,255"}), "ok", "RSCP -95 dBm"),
        (
            facts(lines={"AT+CESQ": "+CESQ: 99,99,25,19,255,255"}),
            "warning",
            "weak signal: RSCP -96",
        ),
        (facts(lines={"AT+CESQ": "+CESQ: 18,99,255,255,255,255"}), "ok", "RXLEV -93 dBm"),
        (facts(lines={"AT+CESQ": "+CESQ: 17,99,255,255,255,255"}), "warning", "RXLEV -94 dBm"),
        (facts(lines={"AT+CESQ": "+CESQ: 99,99,255,255,6,60"}), "ok", "RSRQ -17 dB"),
        (facts(lines={"AT+CESQ": "+CESQ: 99,99,255,255,5,60"}), "warning", "disturbed"),
        (facts(lines={"AT+CESQ": "+CESQ: 99,99,60,19,255,255"}), "ok", "Ec/No -15 dB"),
        (facts(lines={"AT+CESQ": "+CESQ: 99,99,60,18,255,255"}), "warning", "disturbed"),
        (facts(lines={"AT+QCSQ": '+QCSQ: "LTE",-60,-88,105,-12'}), "ok", "SINR 1 dB"),
        (facts(lines={"AT+QCSQ": '+QCSQ: "LTE",-60,-88,104,-12'}), "warning", "disturbed"),
        # unusable, which a modem without a network shows to be true
        (facts(lines={"AT+CESQ": "+CESQ: 99,99,255,255,22,12"}), "warning", "weak signal: RSRP"),
        (
            facts(lines={"AT+CESQ": "+CESQ: 99,99,255,255,22,13", "AT+CEREG?": "+CEREG: 0,2"}),
            "error",
            "weak signal: RSRP -128 dBm",
        ),
        (
            facts(lines={"AT+CESQ": "+CESQ: 99,99,255,255,22,12", "AT+CEREG?": "+CEREG: 0,2"}),
            "error",
            "no usable signal: RSRP -129 dBm",
        ),
        (facts(lines={"AT+CSQ": None}), "skipped", "does not report"),
    ],
    "registration": [
        (facts(lines={"AT+CEREG?": "+CEREG: 3,3,,,,0,15"}), "error", "EMM cause 15"),
        (facts(lines={"AT+CEREG?": "+CEREG: 0,2"}), "error", "searching"),
        (facts(lines={"AT+CEREG?": "+CEREG: 0,6"}), "warning", "SMS only"),
        (
            facts(lines={"AT+CEREG?": "+CEREG: 0,0", "AT+CREG?": "+CREG: 0,6"}),
            "ok",
            "SMS only",
        ),
        (
            facts(snapshot=sim(SimState.ABSENT), lines={"AT+CEREG?": "+CEREG: 0,0"}),
            "note",
            "follows from: sim",
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
            facts(lines={"AT+CEREG?": "+CEREG: 0,2", "AT+CEER": "+CEER: EPS and non-EPS denied"}),
            "note",
            "EPS and non-EPS denied",
        ),
        (facts(), "skipped", "only relevant"),
        (facts(lines={"AT+CEREG?": "+CEREG: 0,3"}), "skipped", "does not report a reason"),
    ],
    "attached": [
        (facts(lines={"AT+CGATT?": "+CGATT: 0"}), "warning", "not attached"),
        (
            facts(lines={"AT+CGATT?": "+CGATT: 0", "AT+CEER": "+CEER: ESM cause 33"}),
            "error",
            "requested service option not subscribed",
        ),
        (
            facts(lines={"AT+CGATT?": "+CGATT: 0", "AT+CEREG?": "+CEREG: 0,2"}),
            "skipped",
            "not registered",
        ),
        (facts(lines={"AT+CGATT?": None}), "skipped", "does not report"),
    ],
    "access_point": [
        (facts(lines={"AT+CGDCONT?": '+CGDCONT: 1,"IP",""'}), "note", "no APN"),
        (facts(lines={"AT+CGDCONT?": ()}), "note", "no data connection"),
        (facts(lines={"AT+CGDCONT?": None}), "skipped", "does not report"),
    ],
    "session": [
        (facts(lines={"AT+CGPADDR": '+CGPADDR: 1,"0.0.0.0"'}), "error", "has no address"),
        (facts(lines={"AT+CGPADDR": None}), "ok", "active"),
        (
            facts(
                lines={
                    "AT+CGPADDR": "+CGPADDR: 1",
                    "AT+CGDCONT?": '+CGDCONT: 1,"Non-IP","iot.example"',
                }
            ),
            "ok",
            "active",
        ),
        (
            facts(
                lines={
                    "AT+CGPADDR": (),
                    "AT+CGCONTRDP": '+CGCONTRDP: 1,5,"iot.example","10.0.0.7"',
                }
            ),
            "ok",
            "10.0.0.7",
        ),
        (facts(lines={"AT+CGACT?": "+CGACT: 1,0", "AT+CGPADDR": ()}), "note", "no data connection"),
        (
            facts(
                lines={
                    "AT+CGACT?": "+CGACT: 1,0",
                    "AT+CGPADDR": (),
                    "AT+CEER": '+CEER: "ESM","cause 29"',
                }
            ),
            "error",
            "user authentication",
        ),
        (facts(lines={"AT+CEER": "+CEER: ESM cause 27"}), "ok", "active"),
        (facts(lines={"AT+CEREG?": "+CEREG: 0,2"}), "skipped", "is registered"),
        (facts(lines={"AT+CGACT?": None, "AT+CGPADDR": None}), "skipped", "does not report"),
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
        (
            host(status(modems=[{"state": "busy", "port": "/dev/ttyUSB2"}])),
            "warning",
            r"not watched: /dev/ttyUSB2 (busy)",
        ),
        (
            HostFacts(None, "no agent is running", 1.8e9, True, has_run=True),
            "warning",
            "one has run there",
        ),
    ],
    "registry": [
        (host(status(uplink={"reason": "refused: 401", "hint": "see the token"})), "error", "401"),
        (host(status(uplink={"state": "off"})), "note", "no registry"),
        (host(status(uplink={"delivered": 0})), "note", "no report has been delivered yet"),
        (host(status(uplink={"last_success_ago_s": None})), "note", "no report has been"),
        (HostFacts(None, "none", 1.8e9, True), "skipped", "agent is not running"),
    ],
    "encryption": [
        (host(status(uplink={"registry": "http://registry.example"})), "warning", "unencrypted"),
        (host(status(uplink={"registry": "http://127.0.0.1:8470"})), "ok", "nothing"),
        (host(status(uplink={"registry": "file:///srv/out.jsonl"})), "ok", "nothing"),
        (host(status(uplink={"state": "off", "registry": None})), "skipped", "no registry"),
        (HostFacts(None, "none", 1.8e9, True), "skipped", "agent is not running"),
    ],
    "files": [
        (
            host(exposed=(Mistake("token_file", 0, "token can be read", "Run: chmod 600 token"),)),
            "warning",
            "token can be read",
        ),
    ],
    "outbox": [
        (host(status(outbox={"error": "no space left"})), "error", "no space"),
        (host(status(outbox={"quarantined": ["outbox.db.damaged-1"]})), "warning", "quarantined"),
        (host(status(outbox={"dead_letters": 3})), "warning", "3 reports"),
        (host(status(outbox={"evicted": 1})), "warning", "outbox: 1 report"),
        (host(status(outbox={"waiting": 1})), "ok", "1 report waiting"),
        (HostFacts(None, "none", 1.8e9, True), "skipped", "agent is not running"),
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
        **dict.fromkeys(("technologies", "reason"), "skipped")
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


def test_causes_are_in_the_order_of_the_table() -> None:
    given = facts(
        lines={"AT+CFUN?": "+CFUN: 4", "AT+CSQ": "+CSQ: 1,99"}, silent_ports=("/dev/ttyUSB3",)
    )
    first = first_to_fix(check_modem(given))
    assert first is not None
    assert first.name == "radio"


def test_order_of_causes_has_every_check() -> None:
    assert sorted(ORDER) == sorted(check.name for check in MODEM_CHECKS)
    for cause, consequences in CONSEQUENCES.items():
        assert set(consequences) < set(ORDER)
        assert cause not in consequences


def test_warning_does_not_explain_an_error() -> None:
    lines = {"AT+CSQ": "+CSQ: 2,99", "AT+CEREG?": "+CEREG: 0,3"}
    states = {each.name: str(each.finding.state) for each in check_modem(facts(lines=lines))}
    assert (states["signal"], states["registration"]) == ("warning", "error")


def test_every_command_is_on_the_allow_list() -> None:
    makers = [line for lines in SIGNAL.values() for line in lines]
    assert all(map(is_allowed, (*LINES, *makers, *ATTEMPTS.values())))


def test_further_commands_are_sent_only_after_a_failure() -> None:
    healthy = set(lines_for(SNAPSHOT))
    assert set(lines_for(sim(SimState.PIN_REQUIRED))) - healthy == {"AT+QPINC?"}
    assert set(lines_for(snapshot(modem=Modem()))) - healthy == {"AT+CGSN"}


@pytest.mark.parametrize("judge", [check.judge for check in MODEM_CHECKS])
def test_response_text_cannot_control_the_terminal(judge: Callable[[Facts], Any]) -> None:
    hostile = {line: f"{said}\x1b[2J\u202e" for line, said in HEALTHY.items()}
    document = judge(facts(lines=hostile)).to_json()
    assert all(str(value).isprintable() for value in document.values())
