"""Explanations of responses and URCs with one state field: one table row each.

The state is the first field, or the second if the response has a mode before it and the URC does
not (``#QSS: 0,3`` and ``#QSS: 3``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from modemagent.at.fields import InformationLine, parse_integer
from modemagent.at.locks import REMEDY, lock_of, pin_state
from modemagent.explain.explanation import (
    HUAWEI,
    NORDIC,
    QUECTEL,
    QUECTEL_5G,
    SIMCOM,
    TS_27007,
    Decoder,
    Explanation,
)

#: Index of the state field.
FIRST, AFTER_MODE = 0, 1


class StateRow(NamedTuple):
    """The meaning of one state field.

    :param about: the subject
    :param name: name of the field in JSON
    :param field: :data:`FIRST` or :data:`AFTER_MODE`
    :param texts: state, as sent, to its meaning
    :param remedies: state to its remedy, for some states
    """

    about: str
    name: str
    field: int
    texts: Mapping[str, str]
    source: str
    remedies: Mapping[str, str] = {}


PIN_STATE: dict[str, str] = {
    "READY": "the SIM is ready, no PIN required",
    "SIM PIN": "the SIM requires its PIN",
    "SIM PUK": "the PIN is blocked, the SIM requires its PUK",
    "SIM PIN2": "the SIM is ready; PIN2 is required for fixed dialling only",
    "SIM PUK2": "the SIM is ready; PIN2 for fixed dialling is blocked and requires PUK2",
    # not in the standard: SIMCom, Quectel, Fibocom
    "NOT READY": "the SIM is not ready, or was removed",
    **dict.fromkeys(("NOT INSERTED", "SIM NOT INSERTED", "NO SIM", "ABSENT"), "no SIM"),
    "REMOVED": "the SIM was removed",
    **dict.fromkeys(("BUSY", "SIM BUSY"), "the SIM is starting"),
    "SIM FAILURE": "the SIM does not work",
    "BLOCKED": "the SIM is blocked for good",
}
_LOCKS: dict[str | None, str] = {
    "sim": "another SIM card",
    "first_sim": "the first SIM card that was inserted",
    "network": "another network",
    "network_subset": "another network subset",
    "service_provider": "another service provider",
    "corporate": "the SIM cards of another company",
    None: "certain SIM cards",
}
_PIN_REMEDIES: dict[str, str] = {
    "SIM PUK": "Ask the operator for the PUK. Ten wrong PUKs disable the SIM card for good.",
    "NOT READY": "Wait a few seconds and read again. If nothing changes, reinsert the SIM card.",
    "NOT INSERTED": "Reinsert the SIM card. If the modem has two slots, check which one is active.",
}

_INSERTED: dict[str, str] = {"0": "no SIM", "1": "SIM inserted", "2": "not known yet"}
_HUAWEI_SIM: dict[str, str] = {
    "0": "SIM not valid, or PIN not entered",
    "1": "SIM valid",
    "2": "SIM not valid for calls (circuit switched)",
    "3": "SIM not valid for packet data",
    "4": "SIM not valid for calls and packet data",
    "240": "SIM without network access (ROMSIM)",
    "255": "no SIM",
}
_HUAWEI_SERVICE: dict[str, str] = {
    "0": "no service",
    "1": "restricted service",
    "2": "full service",
    "3": "restricted regional service",
    "4": "power saving",
}
_HUAWEI_DOMAIN: dict[str, str] = {
    "0": "no domain",
    "1": "circuit switched only",
    "2": "packet only",
    "3": "circuit switched and packet",
    "4": "searching",
}
_HUAWEI_MODE: dict[str, str] = {
    "0": "no service",
    "1": "AMPS",
    "2": "CDMA",
    "3": "GSM",
    "4": "HDR",
    "5": "WCDMA",
    "6": "GPS",
    "7": "GSM and WCDMA",
    "8": "CDMA and HDR",
    "15": "TD-SCDMA",
}
_TELIT = "Telit LE910 AT commands reference guide"
_UBLOX = "u-blox AT commands manual"
_CINTERION = "Cinterion EHS6 AT command set"

ROWS: dict[str, StateRow] = {
    "+CPIN": StateRow("SIM", "state", FIRST, PIN_STATE, f"{TS_27007} clause 8.3", _PIN_REMEDIES),
    "^CPIN": StateRow("SIM", "state", FIRST, PIN_STATE, f"{HUAWEI}, ^CPIN", _PIN_REMEDIES),
    "+CFUN": StateRow(
        "functionality",
        "level",
        FIRST,
        {
            "0": "minimum functionality: radio and SIM are off",
            "1": "full functionality",
            "2": "the transmitter is off",
            "3": "the receiver is off",
            "4": "flight mode: the radio is off",
        },
        f"{TS_27007} clause 8.2",
        {"0": "AT+CFUN=1 turns the radio on.", "4": "AT+CFUN=1 turns the radio on."},
    ),
    "+CPAS": StateRow(
        "activity",
        "status",
        FIRST,
        {
            "0": "ready",
            "1": "unavailable",
            "2": "unknown",
            "3": "ringing",
            "4": "call in progress",
            "5": "asleep",
        },
        f"{TS_27007} clause 8.1",
    ),
    "+CMEE": StateRow(
        "error format",
        "format",
        FIRST,
        {"0": "a bare ERROR", "1": "errors as numbers", "2": "errors as texts"},
        f"{TS_27007} clause 9.1",
    ),
    "+CGATT": StateRow(
        "packet service",
        "attached",
        FIRST,
        {"0": "not attached to packet service", "1": "attached to packet service"},
        f"{TS_27007} clause 10.1.9",
        {"0": "Check AT+CEREG? for the reason."},
    ),
    "+CSCON": StateRow(
        "signalling connection",
        "state",
        AFTER_MODE,
        {"0": "idle", "1": "connected"},
        f"{TS_27007} clause 10.1.30",
    ),
    "+CUSD": StateRow(
        "USSD",
        "status",
        FIRST,
        {
            "0": "the network requires no response",
            "1": "the network waits for a response",
            "2": "terminated by the network",
            "3": "another client responded",
            "4": "not supported",
            "5": "network timeout",
        },
        f"{TS_27007} clause 7.15",
    ),
    # Quectel
    "+QSIMSTAT": StateRow("SIM", "inserted", AFTER_MODE, _INSERTED, f"{QUECTEL}, +QSIMSTAT"),
    "+QUIMSLOT": StateRow(
        "SIM slot",
        "slot",
        FIRST,
        {"1": "slot 1 is active", "2": "slot 2 is active"},
        f"{QUECTEL_5G}, +QUIMSLOT",
    ),
    "+QUSIM": StateRow(
        "SIM",
        "kind",
        FIRST,
        {"0": "SIM initialised", "1": "USIM initialised"},
        f"{QUECTEL}, +QUSIM",
    ),
    # SIMCom
    "+CSMINS": StateRow(
        "SIM", "inserted", AFTER_MODE, _INSERTED, "SIMCom SIM800 AT command manual, +CSMINS"
    ),
    "+CNSMOD": StateRow(
        "technology",
        "technology",
        AFTER_MODE,
        {
            "0": "no service",
            "1": "GSM",
            "2": "GPRS",
            "3": "EGPRS",
            "4": "WCDMA",
            "5": "HSDPA",
            "6": "HSUPA",
            "7": "HSPA",
            "8": "LTE",
        },
        f"{SIMCOM}, +CNSMOD",
    ),
    # Telit
    "#QSS": StateRow(
        "SIM",
        "state",
        AFTER_MODE,
        {
            "0": "no SIM",
            "1": "SIM inserted",
            "2": "SIM inserted, PIN entered",
            "3": "SIM inserted, messages and phonebook ready",
        },
        f"{_TELIT}, #QSS",
        {"0": "Reinsert the SIM card."},
    ),
    "#PSNT": StateRow(
        "technology",
        "technology",
        AFTER_MODE,
        {"0": "GPRS", "1": "EGPRS", "2": "WCDMA", "3": "HSDPA", "4": "LTE", "5": "unknown"},
        f"{_TELIT}, #PSNT",
    ),
    # u-blox
    "+UUSIMSTAT": StateRow(
        "SIM",
        "state",
        FIRST,
        {
            "0": "no SIM",
            "1": "the SIM requires its PIN",
            "2": "the PIN is blocked",
            "3": "the PUK is blocked",
            "4": "the SIM does not work",
            "5": "the SIM is in restricted use (FDN or BDN)",
            "6": "the SIM works, registration may begin",
            "7": "the SIM phonebook is ready",
            "8": "the USIM phonebook is ready",
            "9": "REFRESH by the SIM toolkit succeeded",
            "10": "REFRESH by the SIM toolkit failed",
        },
        f"{_UBLOX}, +USIMSTAT",
    ),
    # Nordic
    "%XSIM": StateRow(
        "SIM",
        "state",
        FIRST,
        {"0": "the SIM is absent or not initialised", "1": "the SIM is initialised"},
        f"{NORDIC}, %XSIM",
    ),
    # Cinterion
    "^SCKS": StateRow("SIM", "inserted", AFTER_MODE, _INSERTED, f"{_CINTERION}, ^SCKS"),
    # Huawei
    "^SIMST": StateRow("SIM", "state", FIRST, _HUAWEI_SIM, f"{HUAWEI}, ^SIMST"),
    "^SRVST": StateRow("service", "service", FIRST, _HUAWEI_SERVICE, f"{HUAWEI}, ^SRVST"),
    # Wavecom
    "+WIND": StateRow(
        "start-up",
        "step",
        FIRST,
        {
            "0": "SIM removed",
            "1": "SIM inserted",
            "3": "ready for basic AT commands",
            "4": "ready for all AT commands",
            "7": "network for emergency calls only",
            "8": "network lost",
        },
        "Wavecom AT commands interface guide, +WIND",
    ),
    # Fibocom
    "+SIM": StateRow(
        "SIM",
        "state",
        FIRST,
        {"INSERTED": "SIM inserted", "REMOVED": "SIM removed"},
        "Fibocom L610 AT commands manual, +SIM",
    ),
}


def decode(line: InformationLine) -> Explanation | None:
    """Explain the state field of a line by its row."""
    row = ROWS[line.name]
    raw = line.text(min(row.field, len(line.fields) - 1))
    number = parse_integer(raw)
    key = str(number) if number is not None else raw.upper()
    if not key:
        return None
    text = row.texts.get(key, f"{row.name} {raw}, specific to the maker")
    value: object = number if number is not None else raw
    return Explanation(row.about, text, row.source, {row.name: value}, row.remedies.get(key, ""))


def pin(line: InformationLine) -> Explanation | None:
    """Explain ``+CPIN: <code>``: a state of the SIM, or a lock of the modem."""
    code = pin_state(line)
    lock = lock_of(code)
    if lock is None:
        return decode(line._replace(fields=(code,)))
    row = ROWS[line.name]
    text = f"the modem is locked to {_LOCKS[lock.kind]}"
    if lock.code == "puk":
        text += ", unlock code blocked"
    fields = {"state": line.text(0), "lock": lock.kind, "lock_code": lock.code}
    return Explanation(row.about, text, row.source, fields, REMEDY)


def huawei_system(line: InformationLine) -> Explanation | None:
    """Explain ``^SYSINFO`` and ``^SYSINFOEX``: service, domain, roaming, SIM, technology."""
    longer = line.name == "^SYSINFOEX"
    service, domain, roaming = (line.integer(at) for at in (0, 1, 2))
    sim = line.integer(3 if longer else 4)
    if service is None or roaming is None:
        return None
    mode = line.text(8) or line.text(6) if longer else _HUAWEI_MODE.get(line.text(3), line.text(3))
    parts = [
        _HUAWEI_SERVICE.get(str(service), f"service {service}"),
        _HUAWEI_DOMAIN.get(str(domain), f"domain {domain}"),
        "roaming" if roaming == 1 else "not roaming",
        _HUAWEI_SIM.get(str(sim), f"SIM state {sim}"),
        mode,
    ]
    found: dict[str, object] = {
        "service": service,
        "domain": domain,
        "roaming": roaming == 1,
        "sim": sim,
        "technology": mode,
    }
    text = ", ".join(part for part in parts if part)
    return Explanation("system", text, f"{HUAWEI}, {line.name}", found)


_STEPS = ((1, "PIN state known"), (2, "messages ready"), (4, "phonebook ready"))


def quectel_initialised(line: InformationLine) -> Explanation | None:
    """Explain ``+QINISTAT``: the sum of the steps that are done."""
    status = line.integer(0)
    if status is None or not 0 <= status <= 7:
        return None
    done = [text for bit, text in _STEPS if status & bit]
    text = f"SIM: {', '.join(done)}" if done else "the SIM is not initialised yet"
    return Explanation(
        "SIM", text, f"{QUECTEL}, +QINISTAT", {"status": status, "done": status == 7}
    )


def sierra_technology(line: InformationLine) -> Explanation | None:
    """Explain ``*CNTI: 0,UMTS``: the technology in use."""
    name = line.text(1)
    if line.integer(0) is None or not name:
        return None
    source = "Sierra Wireless AT command reference, *CNTI"
    return Explanation("technology", name, source, {"technology": name})


_SLEEP: dict[int, str] = {
    1: "asleep until the next periodic update (PSM)",
    2: "radio idle (eDRX)",
    3: "limited service or no coverage",
    4: "flight mode",
}


def nordic_sleep(line: InformationLine) -> Explanation | None:
    """Explain ``%XMODEMSLEEP: <type>,<milliseconds>``."""
    kind, left_ms = line.integer(0), line.integer(1)
    if kind is None:
        return None
    found: dict[str, object] = {"type": kind}
    text = _SLEEP.get(kind, f"sleep type {kind}")
    if left_ms:
        found["time_ms"] = left_ms
        text += f", {left_ms / 1000:g} s"
    return Explanation("sleep", text, f"{NORDIC}, %XMODEMSLEEP", found)


DECODERS: Mapping[str, Decoder] = {
    **dict.fromkeys(ROWS, decode),
    "+CPIN": pin,
    "^CPIN": pin,
    "^SYSINFO": huawei_system,
    "^SYSINFOEX": huawei_system,
    "+QINISTAT": quectel_initialised,
    "*CNTI": sierra_technology,
    "%XMODEMSLEEP": nordic_sleep,
}
