"""Answers and URCs of which one field is a state: a table row each.

A row says where the state stands: the first field, or the second where the answer carries a mode
before it and the URC does not (``#QSS: 0,3`` and ``#QSS: 3``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from modemagent.at.fields import parse_integer
from modemagent.at.locks import REMEDY, lock_of
from modemagent.explain.decoder import TS_27007, Decoder, Line, Said

FIRST, BEHIND_MODE = 0, 1


class StateRow(NamedTuple):
    """One state: subject, JSON name, place, words, source, remedies for some of the words."""

    about: str
    name: str
    place: int
    words: Mapping[str, str]
    source: str
    remedies: Mapping[str, str] = MappingProxyType({})


PIN_STATE: dict[str, str] = {
    "READY": "the card asks for no PIN",
    "SIM PIN": "the card waits for its PIN",
    "SIM PUK": "the PIN is blocked, the card waits for its PUK",
    "SIM PIN2": "the card is ready, PIN2 is asked for fixed dialling only",
    "SIM PUK2": "the card is ready, PIN2 for fixed dialling is blocked and needs PUK2",
    # not in the standard: SIMCom, Quectel, Fibocom
    "NOT READY": "the card is not ready, or was pulled",
    "NOT INSERTED": "no card",
}
_LOCKS: dict[str | None, str] = {
    "sim": "another card",
    "first_sim": "the first card it met",
    "network": "another network",
    "network_subset": "another network subset",
    "service_provider": "another service provider",
    "corporate": "another company's cards",
    None: "certain cards",
}
_PIN_REMEDIES: dict[str, str] = {
    "SIM PUK": "the operator has the PUK; ten wrong ones destroy the card",
    "NOT READY": "wait some seconds and ask again; then push the card in again",
    "NOT INSERTED": "push the card in again; with two slots, see which one is active",
}

_INSERTED: dict[str, str] = {"0": "no card", "1": "card inserted", "2": "not known yet"}
_HUAWEI_SIM: dict[str, str] = {
    "0": "card not valid, or PIN not entered",
    "1": "card valid",
    "2": "card not valid for calls (circuit switched)",
    "3": "card not valid for packet data",
    "4": "card not valid for calls and packet data",
    "240": "card without network access (ROMSIM)",
    "255": "no card",
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
_HUAWEI = "Huawei ME909s AT command manual"
_TELIT = "Telit LE910 AT commands reference guide"
_QUECTEL = "Quectel EC2x/EG9x/EG2x-G AT commands manual"
_SIMCOM = "SIMCom SIM7500/SIM7600 AT command manual"
_UBLOX = "u-blox AT commands manual"
_NORDIC = "nRF91 AT commands reference guide"
_CINTERION = "Cinterion EHS6 AT command set"

ROWS: dict[str, StateRow] = {
    "+CPIN": StateRow("SIM", "state", FIRST, PIN_STATE, f"{TS_27007} clause 8.3", _PIN_REMEDIES),
    "^CPIN": StateRow("SIM", "state", FIRST, PIN_STATE, f"{_HUAWEI}, ^CPIN", _PIN_REMEDIES),
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
        {"0": "AT+CFUN=1 switches the radio on", "4": "AT+CFUN=1 switches the radio on"},
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
        {"0": "see AT+CEREG? for why"},
    ),
    "+CSCON": StateRow(
        "signalling connection",
        "state",
        BEHIND_MODE,
        {"0": "idle", "1": "connected"},
        f"{TS_27007} clause 10.1.30",
    ),
    "+CUSD": StateRow(
        "USSD",
        "status",
        FIRST,
        {
            "0": "the network needs no answer",
            "1": "the network waits for an answer",
            "2": "ended by the network",
            "3": "another client answered",
            "4": "not supported",
            "5": "network timeout",
        },
        f"{TS_27007} clause 7.15",
    ),
    # Quectel
    "+QSIMSTAT": StateRow("SIM", "inserted", BEHIND_MODE, _INSERTED, f"{_QUECTEL}, +QSIMSTAT"),
    "+QUIMSLOT": StateRow(
        "SIM slot",
        "slot",
        FIRST,
        {"1": "slot 1 is active", "2": "slot 2 is active"},
        "Quectel RG50xQ/RM5xxQ AT commands manual, +QUIMSLOT",
    ),
    "+QUSIM": StateRow(
        "SIM",
        "kind",
        FIRST,
        {
            "0": "the card is a SIM and was initialised",
            "1": "the card is a USIM and was initialised",
        },
        f"{_QUECTEL}, +QUSIM",
    ),
    # SIMCom
    "+CSMINS": StateRow(
        "SIM", "inserted", BEHIND_MODE, _INSERTED, "SIMCom SIM800 AT command manual, +CSMINS"
    ),
    "+CNSMOD": StateRow(
        "technology",
        "technology",
        BEHIND_MODE,
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
        f"{_SIMCOM}, +CNSMOD",
    ),
    # Telit
    "#QSS": StateRow(
        "SIM",
        "state",
        BEHIND_MODE,
        {
            "0": "no card",
            "1": "card inserted",
            "2": "card inserted, PIN entered",
            "3": "card inserted and ready for messages and phone book",
        },
        f"{_TELIT}, #QSS",
        {"0": "push the card in again"},
    ),
    "#PSNT": StateRow(
        "technology",
        "technology",
        BEHIND_MODE,
        {"0": "GPRS", "1": "EGPRS", "2": "WCDMA", "3": "HSDPA", "4": "LTE", "5": "unknown"},
        f"{_TELIT}, #PSNT",
    ),
    # u-blox
    "+UUSIMSTAT": StateRow(
        "SIM",
        "state",
        FIRST,
        {
            "0": "no card",
            "1": "the card waits for its PIN",
            "2": "the PIN is blocked",
            "3": "the PUK is blocked",
            "4": "the card does not work",
            "5": "the card is in restricted use (FDN or BDN)",
            "6": "the card works, registration may begin",
            "7": "the phone book of the SIM is ready",
            "8": "the phone book of the USIM is ready",
            "9": "the SIM toolkit's REFRESH is done",
            "10": "the SIM toolkit's REFRESH failed",
        },
        f"{_UBLOX}, +USIMSTAT",
    ),
    # Nordic
    "%XSIM": StateRow(
        "SIM",
        "state",
        FIRST,
        {"0": "the card is not initialised, or absent", "1": "the card is initialised"},
        f"{_NORDIC}, %XSIM",
    ),
    # Cinterion
    "^SCKS": StateRow("SIM", "inserted", BEHIND_MODE, _INSERTED, f"{_CINTERION}, ^SCKS"),
    # Huawei
    "^SIMST": StateRow("SIM", "state", FIRST, _HUAWEI_SIM, f"{_HUAWEI}, ^SIMST"),
    "^SRVST": StateRow("service", "service", FIRST, _HUAWEI_SERVICE, f"{_HUAWEI}, ^SRVST"),
    # Wavecom
    "+WIND": StateRow(
        "start-up",
        "step",
        FIRST,
        {
            "0": "card removed",
            "1": "card inserted",
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
        {"INSERTED": "card inserted", "REMOVED": "card removed"},
        "Fibocom L610 AT commands manual, +SIM",
    ),
}


def decode(line: Line) -> Said | None:
    """Decode the one state of a line by its row."""
    row = ROWS[line.prefix]
    raw = line.text(min(row.place, len(line.fields) - 1))
    number = parse_integer(raw)
    key = str(number) if number is not None else raw.upper()
    if not key:
        return None
    words = row.words.get(key)
    value: object = number if number is not None else raw
    if words is None:
        words = f"{row.name} {raw}: the maker's own"
    return Said(row.about, words, row.source, {row.name: value}, row.remedies.get(key, ""))


def pin_state(line: Line) -> Said | None:
    """``+CPIN: <code>``: a state of the card, or a lock of the modem in any maker's spelling."""
    raw = line.text(0)
    lock = lock_of(raw)
    if lock is None:
        return decode(line)
    row = ROWS[line.prefix]
    text = f"the modem is locked to {_LOCKS[lock.kind]}"
    if lock.code == "puk":
        text += ", code blocked"
    found: dict[str, object] = {"state": raw, "lock": lock.kind, "lock_code": lock.code}
    return Said(row.about, text, row.source, found, REMEDY)


def huawei_system(line: Line) -> Said | None:
    """``^SYSINFO`` and ``^SYSINFOEX``: service, domain, roaming, SIM, technology."""
    longer = line.prefix == "^SYSINFOEX"
    service, domain, roaming = (line.number(at) for at in (0, 1, 2))
    sim = line.number(3 if longer else 4)
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
    return Said("system", text, f"{_HUAWEI}, {line.prefix}", found)


_STEPS = ((1, "PIN state known"), (2, "messages ready"), (4, "phone book ready"))


def quectel_initialised(line: Line) -> Said | None:
    """``+QINISTAT``: a sum of steps that are done."""
    status = line.number(0)
    if status is None or not 0 <= status <= 7:
        return None
    done = [words for bit, words in _STEPS if status & bit]
    text = "the card is not initialised yet" if not done else f"the card: {', '.join(done)}"
    return Said("SIM", text, f"{_QUECTEL}, +QINISTAT", {"status": status, "done": status == 7})


def sierra_technology(line: Line) -> Said | None:
    """``*CNTI: 0,UMTS``: the technology in use."""
    name = line.text(1)
    if line.number(0) is None or not name:
        return None
    source = "Sierra Wireless AT command reference, *CNTI"
    return Said("technology", name, source, {"technology": name})


_SLEEP: dict[int, str] = {
    1: "asleep until its next report (PSM)",
    2: "radio idle (eDRX)",
    3: "limited service or no coverage",
    4: "flight mode",
}


def nordic_sleep(line: Line) -> Said | None:
    """``%XMODEMSLEEP: <type>,<milliseconds>``."""
    kind, left_ms = line.number(0), line.number(1)
    if kind is None:
        return None
    found: dict[str, object] = {"type": kind}
    text = _SLEEP.get(kind, f"sleep type {kind}")
    if left_ms:
        found["time_ms"] = left_ms
        text += f", {left_ms / 1000:g} s"
    return Said("sleep", text, f"{_NORDIC}, %XMODEMSLEEP", found)


DECODERS: Mapping[str, Decoder] = MappingProxyType(
    {
        **dict.fromkeys(ROWS, decode),
        "+CPIN": pin_state,
        "^CPIN": pin_state,
        "^SYSINFO": huawei_system,
        "^SYSINFOEX": huawei_system,
        "+QINISTAT": quectel_initialised,
        "*CNTI": sierra_technology,
        "%XMODEMSLEEP": nordic_sleep,
    }
)
