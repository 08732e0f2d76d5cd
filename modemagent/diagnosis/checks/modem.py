"""Checks of the modem: make and firmware, numbers, radio."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from modemagent.diagnosis.checks.responses import decoded, error_code, is_answered
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong
from modemagent.dialects.diagnostic_reads import SIGNAL
from modemagent.identity.problems import Problem, Severity

NOT_IDENTIFIED = "the modem could not be identified"
_FIELDS = ("imei", "imeisv", "meid")
_AMBIGUOUS: Final = (
    "Stop other programs that use this port, or read the modem through another of its ports."
)
#: CME errors of a module that is still starting, or at low supply voltage (TS 27.007 clause 9.2).
_NOT_YET: Final = (3, 14, 515)
_MEMORY_FAILURE: Final = 23
_REPLACE = (
    "Restart the modem. If the IMEI is still missing, have the module replaced: networks refuse a "
    "modem without an IMEI."
)
_COMPARE = "Compare it with the label of the module and with the order."
_READ_AGAIN = "Try again in a minute. If it is still not valid, report it: modemagent record PORT."
_REMEDIES: Final[Mapping[str, str]] = {
    "imei.placeholder": "Have the module replaced: its IMEI was lost or never written.",
    "cross.imei_ambiguous": _AMBIGUOUS,
    "cross.iccid_ambiguous": _AMBIGUOUS,
    "cross.imsi_ambiguous": _AMBIGUOUS,
    "cross.imei_duplicate": "Compare both modems with their labels, and have the one that differs "
    "replaced.",
    "cross.imei_unstable": "Compare the label with the IMEI that modemagent identify shows now. If "
    "no other modem was connected to this port, have the module replaced.",
    "cross.imei_imeisv_differ": "Compare both with the label, and have the module replaced if its "
    "IMEI is not the one on the label.",
    "imei.check_digit": "Compare it with the label, and have the module replaced if they differ.",
    "imei.charset": _READ_AGAIN,
    "imei.length": _READ_AGAIN,
    "imei.test_tac": "Do not use it in a public network: ask the seller for a module with an IMEI "
    "of its own.",
    "iccid.missing": "Try again in a minute. If the number is still missing, read it off the SIM "
    "card, and send a transcript of this modem: modemagent record PORT.",
    "imsi.missing": "Try again in a minute. If the number is still missing, try the SIM card in "
    "another device, and ask the operator whether it is activated.",
    **dict.fromkeys(
        ("iccid.placeholder", "iccid.charset", "iccid.length", "iccid.non_telecom_mii"),
        "Compare it with the number printed on the SIM card. If they differ, try the SIM card in "
        "another device.",
    ),
    **dict.fromkeys(
        ("iccid.luhn", "iccid.length_unusual", "iccid.unknown_country"),
        "Compare it with the number printed on the SIM card.",
    ),
    "iccid.test_profile": "Insert a SIM card of an operator, or enable the profile of one.",
    "imsi.test_network": "Insert a SIM card of an operator: this one is for test networks.",
}
#: Problems whose message is for those who know the rules of the numbers.
_MESSAGES: Final[Mapping[str, str]] = {
    "imei.placeholder": "a placeholder that many modules share, not a number of its own",
    "imei.check_digit": "its last digit, the check digit, is wrong",
    "imei.test_tac": "a test number, not that of a device on the market",
    "iccid.placeholder": "a placeholder, not the number of a SIM card",
    "iccid.luhn": "its check digit is wrong",
    "imsi.placeholder": "a placeholder, not the number of a subscription",
    "cross.imei_duplicate": "another modem on this machine reports the same one",
    "cross.imei_imeisv_differ": "the modem reports two different numbers, as IMEI and as IMEISV",
}
#: Problems that are usual: SIM cards of China Mobile and China Broadnet have A-F in the ICCID.
_USUAL: Final = ("iccid.hex_digit",)

_OFF: Final = (0, 2, 3, 4)
#: Levels of Qualcomm-based modules, in the AT manuals of Quectel, SIMCom, Huawei and ZTE.
_FACTORY: Final[Mapping[int, str]] = {
    5: "factory test mode: the radio is off",
    6: "restarting: the radio is off",
    7: "offline mode: the radio is off",
}
#: Dialects in which levels over 4 are forms of full functionality: power saving (Cinterion, Telit),
#: one technology (Ericsson), SIM toolkit (u-blox).
_OTHER_LEVELS: Final = ("cinterion", "telit", "ericsson", "ublox", "wavecom", "nordic")
#: nRF91: LTE off, GNSS on; flight mode with the SIM on.
_NORDIC_OFF: Final = (20, 30, 31, 44)
_SWITCH_ON = (
    "Switch it on with AT+CFUN=1 in a terminal program; modemagent never does. If it stays off, a "
    "switch or pin for flight mode (rfkill, W_DISABLE) holds it off."
)
_ENABLE = (
    "Enable the modem with mmcli -m any --enable, or start the connection in NetworkManager; "
    "modemagent never does. If its radio stays off, a switch or pin for flight mode (rfkill, "
    "W_DISABLE) holds it off."
)
_LEAVE_FACTORY_MODE = (
    "Switch the modem to normal operation with AT+CFUN=1 in a terminal program, then restart it. "
    "If it starts in this mode again, have the module repaired or replaced: its memory is damaged."
)
#: The mode in +CPSI and !GSTATUS.
_MODES: Final = r"(?i)factory test mode|low power mode|offline"


def firmware(facts: Facts) -> Finding:
    if facts.snapshot is None:
        return skipped(NOT_IDENTIFIED)
    modem = facts.snapshot.modem
    name = " ".join(filter(None, (modem.manufacturer, modem.model)))
    text = f"{name or 'unknown make and model'}, firmware {modem.firmware or 'unknown'}"
    if facts.snapshot.dialect == "generic":
        return note(
            f"{text}; no dialect for this maker, so only standard commands were used",
            "To add its maker, record a transcript: modemagent record PORT, docs/add-a-modem.md",
        )
    return ok(text)


def identity(facts: Facts) -> Finding:
    if facts.snapshot is None:
        return skipped(NOT_IDENTIFIED)
    problems = [each for each in facts.snapshot.problems if each.field in _FIELDS]
    if any(each.code == "imei.missing" for each in problems):
        return _missing_imei(facts)
    imei = facts.snapshot.modem.imei
    return worst_problem(problems, f"IMEI {imei}" if imei else "no IMEI")


def _missing_imei(facts: Facts) -> Finding:
    """Judge the response to a further AT+CGSN, which names the reason."""
    code = error_code(facts, "AT+CGSN")
    if code == _MEMORY_FAILURE:
        return wrong("the module has no IMEI (memory failure)", _REPLACE)
    if code in _NOT_YET:
        return wrong(
            "the module refuses to report its IMEI: it is starting, or its supply voltage is low",
            "Check the supply voltage, restart the modem and try again in a minute. If the IMEI is "
            "still refused, have the module replaced.",
        )
    response = facts.responses.get("AT+CGSN")
    if response is not None and response.timed_out:
        return wrong(
            "the module does not answer when its IMEI is read",
            "Restart the modem and try again. If it does not answer again, have it replaced.",
        )
    if response is not None and any(re.search("[0-9]{14,16}", each) for each in response.lines):
        return warning(
            "the IMEI was not available at first",
            "Try again: the module has just started, and reports its IMEI now.",
        )
    return wrong("the module has no IMEI, or does not report it", _REPLACE)


def worst_problem(problems: Iterable[Problem], otherwise: str) -> Finding:
    """Return the most severe problem as a finding; problems that are notes are left out."""
    ranked = {Severity.ERROR: wrong, Severity.WARNING: warning}
    usual: list[str] = []
    for severity, finding in ranked.items():
        for each in problems:
            if each.code in _USUAL:
                usual.append(f"{each.field.upper()} with {each.message}")
            elif each.severity is severity:
                remedy = _REMEDIES.get(each.code, _COMPARE)
                return finding(f"{each.field.upper()}: {_message(each)}", remedy, each.code)
    return note(f"{otherwise} ({usual[0]}, as some operators use)") if usual else ok(otherwise)


def _message(found: Problem) -> str:
    if found.code.endswith(".missing"):
        return "the modem does not report it"
    return _MESSAGES.get(found.code, found.message)


def radio(facts: Facts) -> Finding:
    found = decoded(facts, "AT+CFUN?", "+CFUN")
    level = found.fields.get("level") if found else None
    dialect = facts.snapshot.dialect if facts.snapshot else ""
    if found is not None and level in _OFF:
        return wrong(found.text, _ENABLE if facts.managed is not None else _SWITCH_ON, found.line)
    if found is not None and level in _FACTORY and dialect not in _OTHER_LEVELS:
        return wrong(_FACTORY[int(str(level))], _LEAVE_FACTORY_MODE, found.line)
    if found is not None and dialect == "nordic" and level in _NORDIC_OFF:
        return wrong("the LTE radio is off", _SWITCH_ON, found.line)
    if mode := _mode(facts, dialect):
        remedy = _SWITCH_ON if "low power" in mode else _LEAVE_FACTORY_MODE
        return wrong(f"{mode}: the radio is off", remedy)
    if found is None:
        return skipped("the modem does not report whether its radio is on")
    if level == 1:
        return ok(found.text, found.line)
    return note(found.text, "" if facts.managed is None else _ENABLE, found.line)


def _mode(facts: Facts, dialect: str) -> str:
    """Return the mode without radio that the maker's command reports, or ""."""
    for command in SIGNAL.get(dialect, ()):
        lines = facts.responses[command].lines if is_answered(facts, command) else ()
        for line in lines:
            if found := re.search(_MODES, line):
                mode = found[0].lower()
                return "offline mode" if mode == "offline" else mode
    return ""
