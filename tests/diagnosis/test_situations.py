"""Situations of the field: the cause is the first finding, and its remedy fits."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest

from modemagent.diagnosis.check_list import check_modem, first_to_fix
from modemagent.diagnosis.facts import Facts
from modemagent.identity.problems import problem
from modemagent.identity.sim_locks import LockCode, LockKind
from modemagent.identity.snapshot import Modem, Sim, SimState
from tests.diagnosis.modem_facts import facts, sim, snapshot

CSQ_UNKNOWN = {"AT+CSQ": "+CSQ: 99,99", "AT+CESQ": "+CESQ: 99,99,255,255,255,255"}
SEARCHING = {"AT+CEREG?": "+CEREG: 0,2", "AT+COPS?": "+COPS: 0", "AT+CGATT?": "+CGATT: 0"}
NOT_SEARCHING = {**SEARCHING, "AT+CEREG?": "+CEREG: 0,0"}
#: A modem for GSM and UMTS alone.
OLDER = {**SEARCHING, "AT+CEREG?": None, "AT+CREG?": "+CREG: 0,2", "AT+CGREG?": "+CGREG: 0,2"}
NO_CONTEXT = {"AT+CGACT?": "+CGACT: 1,0", "AT+CGPADDR": '+CGPADDR: 1,"0.0.0.0"'}
LOST_IMEI: dict[str, Any] = {
    "modem": Modem(manufacturer="SIMCom", model="A7670G"),
    "problems": (problem("imei.missing", "imei"),),
}


class Situation(NamedTuple):
    """One situation.

    :param first: the check whose finding is the cause, None if nothing is wrong
    :param message: pattern of its message
    :param remedy: pattern of its remedy
    """

    name: str
    facts: Facts
    first: str | None
    message: str = ""
    remedy: str = ""


def lines(*changes: dict[str, Any], dialect: str = "quectel", **more: Any) -> Facts:
    """Return facts of a modem with a ready SIM whose responses have changes."""
    merged: dict[str, Any] = {}
    for each in changes:
        merged |= each
    return facts(lines=merged, snapshot=snapshot(dialect=dialect, **more))


def with_sim(state: Any, *changes: dict[str, Any], dialect: str = "quectel", **more: Any) -> Facts:
    """Return facts of a modem without a usable SIM, which is not registered and has no signal."""
    merged: dict[str, Any] = {**SEARCHING, **CSQ_UNKNOWN}
    for each in changes:
        merged |= each
    return facts(lines=merged, snapshot=sim(state, **more)._replace(dialect=dialect))


def two_slots(
    active: int, dialect: str = "quectel", other: SimState = SimState.UNKNOWN, **more: Any
) -> Facts:
    """Return facts of a modem with two slots, whose active one is empty."""
    slots = tuple(
        Sim(slot=slot, active=slot == active, state=SimState.ABSENT if slot == active else other)
        for slot in (1, 2)
    )
    found = with_sim(SimState.ABSENT, NOT_SEARCHING, dialect=dialect)
    return found._replace(snapshot=snapshot(sims=slots, dialect=dialect, **more))


def denied(report: str, **changes: Any) -> Facts:
    command = "AT" + report.partition(":")[0] + "?"
    return lines(SEARCHING, {command: report}, changes)


def jammed(urc: str) -> Facts:
    found = lines(SEARCHING)
    response = found.responses["AT+COPS?"]._replace(foreign=(urc,))
    return found._replace(responses={**found.responses, "AT+COPS?": response})


def ceer(text: str, *changes: dict[str, Any]) -> Facts:
    return lines(NO_CONTEXT, {"AT+CEER": f"+CEER: {text}"}, *changes)


def emm(cause: int) -> Facts:
    return denied(f"+CEREG: 3,3,,,,0,{cause}")


SITUATIONS = (
    Situation("healthy", facts(), None),
    # the data session
    Situation("no AT context, as with QMI", lines(NO_CONTEXT), None),
    Situation("no AT context and a success report", ceer("No cause information available"), None),
    Situation("regular end of a data connection", ceer("ESM cause 36"), None),
    Situation("an old failure of another context", lines({"AT+CEER": "+CEER: ESM cause 27"}), None),
    Situation(
        "unknown APN", ceer("ESM cause 27"), "session", "unknown APN", "APN internet.t-d1.de"
    ),
    Situation(
        "unknown APN, as text",
        ceer('"Missing or unknown APN"'),
        "session",
        "ESM cause 27",
        "misspelled, or not part",
    ),
    Situation(
        "no APN",
        ceer("ESM cause 27", {"AT+CGDCONT?": '+CGDCONT: 1,"IP",""'}),
        "session",
        "unknown APN",
        "No APN is set",
    ),
    Situation("wrong password", ceer("ESM cause 29"), "session", "authentication", "password"),
    Situation("a number alone", ceer("29"), "session", "ESM cause 29", "password"),
    Situation(
        "option not subscribed", ceer("ESM cause 33"), "session", "not subscribed", "subscription"
    ),
    Situation(
        "insufficient resources", ceer("ESM cause 26"), "session", "insufficient", "in the network"
    ),
    Situation("barred", ceer("ESM cause 8"), "session", "operator determined", "has barred"),
    Situation("IPv4 only", ceer("ESM cause 50"), "session", "cause 50", "IP type"),
    Situation("IPv6 only", ceer("ESM cause 51"), "session", "cause 51", "IP type"),
    Situation("wrong APN on GPRS", ceer("SM cause 27"), "session", "SM cause 27", "APN"),
    Situation(
        "active without an address",
        lines({"AT+CGPADDR": '+CGPADDR: 1,"0.0.0.0"'}),
        "session",
        "active, but has no address",
        "APN and IP type",
    ),
    Situation("addresses are not listed", lines({"AT+CGPADDR": ()}), None),
    Situation(
        "a URC before the response",
        lines({"AT+CEREG?": ("+CEREG: 2", "+CEREG: 0,1")}),
        None,
    ),
    Situation(
        "not attached",
        lines(NO_CONTEXT, {"AT+CGATT?": "+CGATT: 0"}),
        "attached",
        "not attached",
        "data plan",
    ),
    Situation(
        "not attached and no APN",
        lines(NO_CONTEXT, {"AT+CGATT?": "+CGATT: 0", "AT+CGDCONT?": ()}),
        "attached",
        "not attached",
        "^No APN is set",
    ),
    Situation(
        "not attached, with a cause",
        ceer("GMM cause 7", {"AT+CGATT?": "+CGATT: 0"}),
        "attached",
        "GPRS services not allowed",
        "packet data",
    ),
    Situation(
        "SMS only",
        lines(NO_CONTEXT, {"AT+CEREG?": "+CEREG: 0,6", "AT+CGATT?": "+CGATT: 0"}),
        "registration",
        "SMS only.*data is not possible",
        "enable data",
    ),
    Situation(
        "SMS only, roaming",
        lines(NO_CONTEXT, {"AT+CEREG?": "+CEREG: 0,7"}),
        "registration",
        "SMS only, roaming",
        "enable data",
    ),
    Situation(
        "calls but no data",
        lines(
            NO_CONTEXT,
            {
                "AT+CREG?": "+CREG: 0,1",
                "AT+CEREG?": "+CEREG: 0,0",
                "AT+CGREG?": "+CGREG: 3,3,,,,0,7",
            },
            {"AT+CGATT?": "+CGATT: 0"},
        ),
        "registration",
        "denied for data: GMM cause 7",
        "packet data",
    ),
    # the signal
    Situation("5G SA without AT+CSQ", lines(CSQ_UNKNOWN), None),
    Situation(
        "ICCID of China Mobile",
        lines(CSQ_UNKNOWN, problems=(problem("iccid.hex_digit", "iccid"),)),
        None,
    ),
    Situation(
        "weak on LTE",
        lines({"AT+CESQ": "+CESQ: 99,99,255,255,20,29"}),
        "signal",
        "weak signal: RSRP -112 dBm",
        "antenna",
    ),
    Situation("weak on GSM", lines({"AT+CSQ": "+CSQ: 8,99"}), "signal", "RSSI -97", "antenna"),
    Situation(
        "disturbed by QCSQ",
        lines({"AT+QCSQ": '+QCSQ: "LTE",-60,-88,70,-12'}),
        "signal",
        "disturbed signal: RSRP -88 dBm, RSRQ -12 dB, SINR -6 dB",
        "data cables",
    ),
    Situation(
        "disturbed on 5G SA",
        lines(
            CSQ_UNKNOWN,
            {
                'AT+QENG="servingcell"': '+QENG: "servingcell","NOCONN","NR5G-SA","TDD",262,01,'
                "6024500B,100,6604D8,504990,41,12,-88,-18,-4,1,-"
            },
        ),
        "signal",
        "disturbed signal: RSRP -88 dBm, RSRQ -18 dB, SINR -4 dB",
        "every antenna",
    ),
    Situation(
        "weak by CPSI",
        lines(
            {
                "AT+CPSI?": "+CPSI: LTE,Online,262-01,0x5B00,187214780,257,EUTRAN-BAND3,1575,5,5,"
                "-120,-1150,-850,8"
            },
            dialect="simcom",
        ),
        "signal",
        "RSRP -115 dBm",
        "antenna",
    ),
    Situation(
        "weak by RFSTS",
        lines(
            {
                "AT#RFSTS": '#RFSTS: "262 01",1300,-114,-83,-11,5B00,FF,,128,19,0,"0A00",'
                '"901280000000001","Telekom.de",3,3'
            },
            dialect="telit",
        ),
        "signal",
        "RSRP -114 dBm",
        "antenna",
    ),
    Situation(
        "disturbed by HCSQ",
        lines({"AT^HCSQ?": '^HCSQ: "LTE",50,55,60,22'}, dialect="huawei"),
        "signal",
        "SINR -8.2 dB",
        "data cables",
    ),
    Situation(
        "weak by GSTATUS",
        lines(
            {
                "AT!GSTATUS?": (
                    "!GSTATUS: ",
                    "System mode:   LTE        PS state:    Attached",
                    "PCC RxM RSSI:  -81            RSRP (dBm):  -113",
                    "RSRQ (dB):     -14.1          Cell ID:     0000000A (10)",
                    "SINR (dB):      2.4",
                )
            },
            dialect="sierra",
        ),
        "signal",
        "RSRP -113 dBm",
        "antenna",
    ),
    Situation(
        "no signal at all",
        lines(SEARCHING, CSQ_UNKNOWN),
        "signal",
        "^no signal$",
        "antenna",
    ),
    Situation(
        "no service and not searching",
        lines(NOT_SEARCHING, CSQ_UNKNOWN, {"AT+QCSQ": '+QCSQ: "NOSERVICE"'}),
        "signal",
        "no signal",
        "antenna",
    ),
    Situation(
        "too weak to register",
        lines(SEARCHING, {"AT+CESQ": "+CESQ: 99,99,255,255,4,9"}),
        "signal",
        "^no usable signal: RSRP -132 dBm, RSRQ -18 dB$",
        "antenna",
    ),
    Situation(
        "no signal at the end of the scale",
        lines(SEARCHING, {"AT+CSQ": "+CSQ: 0,99"}),
        "signal",
        "^no usable signal: RSSI -113 dBm$",
        "^Check the antenna",
    ),
    Situation(
        "no signal on a modem without LTE",
        lines(OLDER, CSQ_UNKNOWN),
        "signal",
        "^no signal$",
        "2G and 3G only.*still in operation.*antenna",
    ),
    Situation(
        "no network for a modem without LTE",
        lines(OLDER, {"AT+CSQ": "+CSQ: 20,99"}),
        "registration",
        "signal is present",
        "2G and 3G only",
    ),
    Situation(
        "jammed, by a URC",
        jammed("#JDR: JAMMED"),
        "signal",
        "reports jamming",
        "switch it off",
    ),
    Situation("jamming has ended", jammed("+QJDR: NOJAMMING"), "registration", "searching"),
    # what the modem may use
    Situation(
        "GSM only",
        lines(SEARCHING, CSQ_UNKNOWN, {'AT+QCFG="nwscanmode"': '+QCFG: "nwscanmode",1'}),
        "technologies",
        "may use GSM only, and finds no network",
        r'AT\+QCFG="nwscanmode",0,1 in a terminal',
    ),
    Situation(
        "UMTS only",
        lines(SEARCHING, {"AT+CNMP?": "+CNMP: 14"}, dialect="simcom"),
        "technologies",
        "UMTS only",
        r"AT\+CNMP=2 ",
    ),
    Situation(
        "GSM and UMTS only, by name",
        lines(SEARCHING, {"AT!SELRAT?": "!SELRAT: 05, GSM and UMTS Only"}, dialect="sierra"),
        "technologies",
        "UMTS and GSM only",
        "AT!SELRAT=00 ",
    ),
    Situation(
        "5G only",
        lines(
            SEARCHING,
            CSQ_UNKNOWN,
            {
                'AT+QCFG="nwscanmode"': None,
                'AT+QNWPREFCFG="mode_pref"': '+QNWPREFCFG: "mode_pref",NR5G',
            },
        ),
        "technologies",
        "5G NR only",
        r'AT\+QNWPREFCFG="mode_pref",AUTO ',
    ),
    Situation(
        "one LTE band only",
        lines(SEARCHING, CSQ_UNKNOWN, {'AT+QCFG="band"': '+QCFG: "band",0x93,0x80000,0x0'}),
        "technologies",
        "only band 20",
        "bands of the operator",
    ),
    Situation(
        "GNSS only",
        lines(
            SEARCHING, CSQ_UNKNOWN, {"AT%XSYSTEMMODE?": "%XSYSTEMMODE: 0,0,1,0"}, dialect="nordic"
        ),
        "technologies",
        "set to GNSS only",
        "AT%XSYSTEMMODE=1,1,0,0",
    ),
    Situation(
        "LTE only and no signal",
        lines(SEARCHING, CSQ_UNKNOWN, {'AT+QCFG="nwscanmode"': '+QCFG: "nwscanmode",3'}),
        "signal",
        "no signal",
        "antenna",
    ),
    Situation("UMTS only and registered", lines({"AT+CNMP?": "+CNMP: 14"}, dialect="simcom"), None),
    Situation(
        "one LTE band and registered",
        lines({'AT+QCFG="band"': '+QCFG: "band",0x93,0x80000,0x0'}),
        None,
    ),
    # supply and temperature
    Situation(
        "low supply",
        lines(SEARCHING, {"AT+CBC": "+CBC: 0,5,3120"}),
        "supply",
        "3.12 V, at least 3.2 V",
        "power supply",
    ),
    Situation(
        "low supply of SIMCom",
        lines({"AT+CBC": "+CBC: 3.312V"}, dialect="simcom", modem=Modem(model="SIMCOM_SIM7600E-H")),
        "supply",
        "3.312 V, at least 3.4 V",
    ),
    Situation(
        "low supply of Telit", lines({"AT#CBC": "#CBC: 0,305"}, dialect="telit"), "supply", "3.05 V"
    ),
    Situation(
        "undervoltage",
        jammed("UNDER-VOLTAGE WARNNING"),
        "supply",
        "reports that its supply voltage is too low",
        "2 A",
    ),
    Situation("card at 3.3 V", lines({"AT+CBC": "+CBC: 0,40,3284"}), None),
    Situation(
        "NB-IoT module at 3.0 V",
        lines({"AT+CBC": "+CBC: 0,40,3000"}, modem=Modem(model="BC95-G")),
        None,
    ),
    Situation(
        "wide range of supply",
        lines({"AT+CBC": "+CBC: 0,40,3100"}, dialect="simcom", modem=Modem(model="SIM7000G")),
        None,
    ),
    Situation("supply is not measured", lines({"AT+CBC": "+CBC: 0,0,0"}), None),
    Situation("charge only", lines({"AT+CBC": "+CBC: 0,3"}), None),
    Situation(
        "too hot",
        lines({"AT+QTEMP": "+QTEMP: 96,91,92"}),
        "temperature",
        "too hot: 96 °C",
        "Cool the modem",
    ),
    Situation(
        "too hot to register",
        lines(SEARCHING, CSQ_UNKNOWN, {"AT!PCTEMP?": "Temperature: 98.00"}, dialect="sierra"),
        "temperature",
        "98 °C",
    ),
    Situation(
        "sensors by name",
        lines({"AT+QTEMP": ('+QTEMP:"qfe_wtr_pa0","39"', '+QTEMP:"aoss0-usr","91"')}),
        "temperature",
        "91 °C",
    ),
    # the radio
    Situation(
        "radio off",
        with_sim(SimState.OFF, NOT_SEARCHING, {"AT+CFUN?": "+CFUN: 0"}),
        "radio",
        "off",
        r"AT\+CFUN=1",
    ),
    Situation(
        "flight mode",
        lines(NOT_SEARCHING, CSQ_UNKNOWN, {"AT+CFUN?": "+CFUN: 4"}),
        "radio",
        "flight mode",
        "W_DISABLE",
    ),
    Situation(
        "flight mode and a SIM that is off",
        with_sim(SimState.ABSENT, NOT_SEARCHING, {"AT+CFUN?": "+CFUN: 4"}),
        "radio",
        "flight mode",
    ),
    Situation(
        "factory test mode",
        lines(
            NOT_SEARCHING,
            CSQ_UNKNOWN,
            {"AT+CFUN?": "+CFUN: 5", "AT+CPSI?": "+CPSI: NO SERVICE,Factory Test Mode"},
            dialect="simcom",
            **LOST_IMEI,
        ),
        "radio",
        "factory test mode: the radio is off",
        "normal operation",
    ),
    Situation(
        "offline mode",
        lines(NOT_SEARCHING, CSQ_UNKNOWN, {"AT+CFUN?": "+CFUN: 7"}),
        "radio",
        "offline mode",
        "normal operation",
    ),
    # the IMEI
    Situation(
        "IMEI lost",
        lines({"AT+CGSN": "+CME ERROR: memory failure"}, **LOST_IMEI),
        "identity",
        r"no IMEI \(memory failure\)",
        "replaced",
    ),
    Situation(
        "IMEI refused at start-up",
        lines({"AT+CGSN": "+CME ERROR: operation not allowed"}, **LOST_IMEI),
        "identity",
        "refuses to report its IMEI",
        "supply voltage",
    ),
    Situation(
        "IMEI late", lines({"AT+CGSN": "867698040000013"}, **LOST_IMEI), "identity", "at first"
    ),
    Situation("IMEI empty", lines({"AT+CGSN": ()}, **LOST_IMEI), "identity", "has no IMEI"),
    Situation(
        "IMEI of zeros",
        lines(problems=(problem("imei.placeholder", "imei"),)),
        "identity",
        "a placeholder that many modules share",
        "replaced",
    ),
    Situation(
        "two numbers",
        lines(problems=(problem("cross.imei_imeisv_differ", "imeisv"),)),
        "identity",
        "two different numbers",
        "label",
    ),
    Situation(
        "test number",
        lines(problems=(problem("imei.test_tac", "imei"),)),
        "identity",
        "a test number",
        "ask the seller",
    ),
    # the SIM
    Situation("no SIM", with_sim(SimState.ABSENT), "sim", "switch of its tray", "detection switch"),
    Situation(
        "SIM failure", with_sim(SimState.FAILURE), "sim", "does not answer", "another SIM card"
    ),
    Situation("SIM busy", with_sim(SimState.BUSY), "sim", "still starting", "restart the modem"),
    Situation("SIM unknown", with_sim(SimState.UNKNOWN), "sim", "does not report", "restart"),
    Situation(
        "SIM late",
        facts(snapshot=sim(SimState.FAILURE), lines={"AT+CPIN?": "+CPIN: READY"}),
        "sim",
        "ready now",
        "again",
    ),
    Situation(
        "PIN, three attempts",
        with_sim(SimState.PIN_REQUIRED, {"AT+CPINR": "+CPINR: SIM PIN,3,3"}),
        "sim",
        r"requires its PIN \(3 attempts left\)",
        "enter it with the program that dials",
    ),
    Situation(
        "PIN, one attempt",
        with_sim(SimState.PIN_REQUIRED, {"AT+QPINC?": '+QPINC: "SC",1,10'}),
        "sim",
        r"1 attempt left",
        "Do not try",
    ),
    Situation(
        "no attempt left for the PIN",
        with_sim(SimState.PIN_REQUIRED, {"AT+CPINR": "+CPINR: SIM PIN,0,3"}),
        "sim",
        "requires its PUK",
        "Get the PUK",
    ),
    Situation("PIN", with_sim(SimState.PIN_REQUIRED), "sim", "requires its PIN$", "never"),
    Situation(
        "no attempt left for the code that is required",
        with_sim(SimState.PIN_REQUIRED, {"AT#PCT": "#PCT: 0"}, dialect="telit"),
        "sim",
        "requires its PUK$",
        "Get the PUK",
    ),
    Situation(
        "PUK, one attempt",
        with_sim(SimState.PUK_REQUIRED, {"AT+UPINCNT": "+UPINCNT: 0,3,1,10"}, dialect="ublox"),
        "sim",
        r"PUK \(1 attempt left\)",
        "^Enter no PUK that is not certain.* ICCID",
    ),
    Situation(
        "PUK, three attempts for the code that is required",
        with_sim(SimState.PUK_REQUIRED, {"AT^SPIC": "^SPIC: 3"}, dialect="cinterion"),
        "sim",
        r"PUK \(3 attempts left\)",
        "Get the PUK",
    ),
    Situation(
        "PUK",
        with_sim(SimState.PUK_REQUIRED, {"AT+CPINR": "+CPINR: SIM PUK,7,10"}),
        "sim",
        r"PUK \(7 attempts left\)",
        "Get the PUK",
    ),
    Situation(
        "no PUK left",
        with_sim(SimState.PUK_REQUIRED, {"AT+CPINR": "+CPINR: SIM PUK,0,10"}),
        "sim",
        "blocked for good",
        "Replace the SIM",
    ),
    Situation(
        "SIM blocked",
        with_sim(SimState.FAILURE, {"AT+CPIN?": "+CPIN: BLOCK"}),
        "sim",
        "blocked for good",
        "Replace the SIM.*into a phone first",
    ),
    Situation(
        "SIM wrong",
        with_sim(SimState.FAILURE, {"AT+CPIN?": "+CME ERROR: 15"}),
        "sim",
        "does not accept this SIM card",
        "operator that the modem is meant for",
    ),
    Situation(
        "SIM wrong, as text",
        with_sim(SimState.FAILURE, {"AT+CPIN?": "+CPIN: SIM WRONG"}),
        "sim",
        "does not accept this SIM card",
    ),
    Situation(
        "SIM removed meanwhile",
        lines(NOT_SEARCHING, CSQ_UNKNOWN, {"AT+CPIN?": "+CME ERROR: 10"}),
        "sim",
        "removed while it was being read",
        "Insert the SIM card again",
    ),
    Situation(
        "SIM removed meanwhile, not reported yet by the network",
        lines({"AT+CPIN?": ("+CPIN: READY", "+CPIN: NOT INSERTED")}),
        "sim",
        "removed while it was being read",
    ),
    Situation(
        "SIM failed meanwhile",
        lines({"AT+CPIN?": "+CME ERROR: SIM failure"}),
        "sim",
        "answered at first",
        "tray is closed",
    ),
    Situation(
        "slot 2 is active and empty",
        two_slots(2),
        "sim",
        "no SIM card in slot 2, the active one of 2",
        r"in slot 1, move it to slot 2, or switch the modem to slot 1 with AT\+QUIMSLOT=1 ",
    ),
    Situation(
        "slot 2 of a model that is not known to have two",
        with_sim(SimState.ABSENT, {"AT+QUIMSLOT?": "+QUIMSLOT: 2"}),
        "sim",
        "no SIM card in slot 2, the active one of 2",
        r"AT\+QUIMSLOT=1 ",
    ),
    Situation(
        "slot 1 of a model that is not known to have two",
        with_sim(SimState.ABSENT, {"AT+QUIMSLOT?": "+QUIMSLOT: 1"}),
        "sim",
        "switch of its tray",
    ),
    Situation(
        "slots counted from 0",
        two_slots(1, dialect="sierra"),
        "sim",
        "no SIM card in slot 1",
        "AT!UIMS=1 ",
    ),
    Situation(
        "the other slot has a SIM",
        two_slots(2, "meig", problems=(problem("sim.wrong_slot", "sim"),)),
        "sim",
        "slot 2 is active and empty; a SIM card is in slot 1",
        "with its command in a terminal",
    ),
    Situation(
        "both slots are empty",
        two_slots(2, other=SimState.ABSENT),
        "sim",
        "no SIM card in any of the 2 slots",
        "detection switch",
    ),
    Situation(
        "no IMSI and no network",
        lines(SEARCHING, problems=(problem("imsi.missing", "imsi"),)),
        "sim",
        "no readable IMSI",
        "holds no subscription",
    ),
    Situation(
        "no IMSI but registered",
        lines(problems=(problem("imsi.missing", "imsi"),)),
        "sim_numbers",
        "IMSI: the modem does not report it",
    ),
    Situation("no command for the state", lines({"AT+CPIN?": None}), None),
    Situation(
        "locked module",
        with_sim(
            SimState.LOCKED,
            {"AT+CEREG?": "+CEREG: 0,3"},
            lock=LockKind.NETWORK,
            lock_code=LockCode.PIN,
        ),
        "sim",
        "module is locked",
        "unlock code",
    ),
    Situation(
        "eSIM without a profile",
        with_sim("no_profile", eid="89033023426200000000000000000028"),
        "sim",
        "no enabled profile",
        "EID 89033023426200000000000000000028",
    ),
    Situation(
        "CME 13 of an nRF91",
        with_sim(SimState.FAILURE, {"AT+CEREG?": "+CEREG: 0,90"}, dialect="nordic"),
        "sim",
        "slot is empty, the eSIM has no profile",
        "download a profile",
    ),
    Situation(
        "ICCID missing",
        lines(problems=(problem("iccid.missing", "iccid"),)),
        "sim_numbers",
        "ICCID: the modem does not report it",
        "read it off the SIM",
    ),
    Situation(
        "ICCID missing and denied",
        lines(
            SEARCHING,
            {"AT+CEREG?": "+CEREG: 3,3,,,,0,8"},
            problems=(problem("iccid.missing", "iccid"),),
        ),
        "registration",
    ),
    # the registration
    Situation("IMSI unknown", emm(2), "registration", "IMSI unknown in HSS", "activated"),
    Situation("illegal UE", emm(3), "registration", "illegal UE", "Ask the operator"),
    Situation("illegal ME", emm(6), "registration", "illegal ME", "IMEI"),
    Situation("EPS services", emm(7), "registration", "EPS services not", "packet data"),
    Situation("network not allowed", emm(11), "registration", "PLMN not allowed", "roam here"),
    Situation("area not allowed", emm(12), "registration", "tracking area not", "which region"),
    Situation(
        "roaming not allowed", emm(13), "registration", "roaming not", "operator to allow it"
    ),
    Situation("no suitable cells", emm(15), "registration", "no suitable cells", "contract"),
    Situation("network failure", emm(17), "registration", "network failure", "later"),
    Situation("congestion", emm(22), "registration", "congestion", "overloaded.*later"),
    Situation("closed group", emm(25), "registration", "CSG", "closed group.*another network"),
    Situation("network not for data", emm(14), "registration", "cause 14", "roam here"),
    Situation(
        "ESM failure while attaching",
        denied("+CEREG: 3,3,,,,0,19", **{"AT+CEER": "+CEER: ESM cause 33"}),
        "registration",
        "EMM cause 19, ESM failure: ESM cause 33",
        "APN",
    ),
    Situation(
        "denied on GSM",
        denied("+CREG: 3,3,,,,0,2"),
        "registration",
        "MM cause 2, IMSI unknown in HLR",
        "activated",
    ),
    Situation(
        "denied on 5G",
        denied("+C5GREG: 3,3,,,,,,0,27"),
        "registration",
        "5GMM cause 27",
        "standalone 5G",
    ),
    Situation(
        "denied, cause by AT+CEER",
        denied("+CEREG: 0,3", **{"AT+CEER": "+CEER: EMM cause 8"}),
        "registration",
        "EMM cause 8",
        "packet data",
    ),
    Situation("denied, no cause", denied("+CEREG: 0,3"), "registration", "denied", "activated"),
    *(
        Situation(
            f"denied, and a report without a failure: {text}",
            denied("+CEREG: 0,3", **{"AT+CEER": f"+CEER: {text}"}),
            "registration",
            "^registration denied$",
            r"activated.*\(roaming\)",
        )
        for text in ("No cause information available", "No Cause", "0,0", "EPS,0", "ESM cause 36")
    ),
    Situation(
        "denied without a known strength",
        lines(SEARCHING, CSQ_UNKNOWN, {"AT+CEREG?": "+CEREG: 0,3"}),
        "registration",
        "denied",
        "activated",
    ),
    Situation(
        "searching with a good signal",
        lines(SEARCHING, NO_CONTEXT),
        "registration",
        r"searching; the signal is present \(RSSI -77 dBm\)",
        "bands and technologies",
    ),
    Situation(
        "limited service",
        lines(
            SEARCHING,
            {
                'AT+QENG="servingcell"': '+QENG: "servingcell","LIMSRV","LTE","FDD",262,02,1A2D003,'
                "147,1300,3,5,5,7B1,-88,-9,-58,16,28"
            },
        ),
        "registration",
        "not registered: the cell that was found allows only emergency calls",
        "activated",
    ),
    Situation(
        "no coverage with a good signal",
        denied("+CEREG: 0,4"),
        "registration",
        r"^not registered, and no network is found.*; the signal is present \(RSSI -77 dBm\)",
        "bands and technologies",
    ),
    Situation("emergency only", denied("+CEREG: 0,8"), "registration", "emergency", "activated"),
    Situation(
        "not searching", lines(NOT_SEARCHING), "registration", "not searching", "Restart the modem"
    ),
    Situation(
        "deregistered manually",
        lines(NOT_SEARCHING, CSQ_UNKNOWN, {"AT+COPS?": "+COPS: 2"}),
        "registration",
        "deregistered manually",
        r"AT\+COPS=0",
    ),
    Situation(
        "locked to a network",
        lines(SEARCHING, CSQ_UNKNOWN, {"AT+COPS?": '+COPS: 1,2,"26203"'}),
        "registration",
        "set manually to network 26203, which was not found",
        r"AT\+COPS=0",
    ),
    Situation(
        "refused by a network selected manually",
        denied("+CEREG: 3,3,,,,0,11", **{"AT+COPS?": '+COPS: 1,2,"26203"'}),
        "registration",
        r"PLMN not allowed \(the network was selected manually\)",
        r"AT\+COPS=0",
    ),
)
#: Commands that were sent already, whose responses the findings are based on.
SENT = r"AT\+(CEER|CFUN\?|CPIN\?|COPS\?|CEREG|CREG|CSQ|CESQ)"


def test_situations_have_names_of_their_own() -> None:
    assert len({each.name for each in SITUATIONS}) == len(SITUATIONS) >= 40


@pytest.mark.parametrize("each", SITUATIONS, ids=[each.name for each in SITUATIONS])
def test_cause_is_the_first_finding(each: Situation) -> None:
    results = check_modem(each.facts)
    first = first_to_fix(results)
    if each.first is None:
        assert first is None, first
        return
    assert first is not None
    assert first.name == each.first, first
    assert re.search(each.message, first.finding.message), first.finding
    assert re.search(each.remedy, first.finding.remedy), first.finding
    assert not re.search(SENT, first.finding.remedy)
    antenna = [one.name for one in results if "antenna" in one.finding.remedy.lower()]
    assert each.first == "signal" or "not searching" in each.name or not antenna


def test_failure_is_reported_once() -> None:
    named = denied("+CEREG: 0,3", **{"AT+CEER": "+CEER: PLMN search failed"})
    for each in (named, denied("+CEREG: 0,3", **{"AT+CEER": "+CEER: No Cause"})):
        reason = {one.name: one.finding for one in check_modem(each)}["reason"]
        assert reason.state == "skipped", reason
    searching = lines(SEARCHING, {"AT+CEER": "+CEER: PLMN search failed"})
    reason = {one.name: one.finding for one in check_modem(searching)}["reason"]
    assert (reason.state, reason.message) == ("note", "the modem reports: PLMN search failed")
