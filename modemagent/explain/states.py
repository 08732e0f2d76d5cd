"""Explanations of responses and URCs with one state field: one table row each.

The state is the first field, or the second if the response has a mode before it and the URC does
not (``#QSS: 0,3`` and ``#QSS: 3``).
"""

from collections.abc import Mapping
from typing import NamedTuple

from modemagent.at.fields import InformationLine, parse_integer
from modemagent.at.pin_state import REMEDY, lock_of, pin_state
from modemagent.explain import pin_attempts
from modemagent.explain.explanation import (
    HUAWEI,
    NORDIC,
    QUECTEL,
    SIMCOM,
    TS_27007,
    Decoder,
    Explanation,
)
from modemagent.explain.meanings import meaning, remedy

#: Index of the state field.
FIRST, AFTER_MODE = 0, 1


class StateRow(NamedTuple):
    """The state field of one line; :mod:`modemagent.explain.meanings` explains its values.

    :param about: the subject
    :param name: name of the field in JSON
    :param field: :data:`FIRST` or :data:`AFTER_MODE`
    """

    about: str
    name: str
    field: int
    source: str


_TELIT = "Telit LE910 AT commands reference guide"

ROWS: Mapping[str, StateRow] = {
    "+CPIN": StateRow("SIM", "state", FIRST, f"{TS_27007} clause 8.3"),
    "^CPIN": StateRow("SIM", "state", FIRST, f"{HUAWEI}, ^CPIN"),
    "+CFUN": StateRow("functionality", "level", FIRST, f"{TS_27007} clause 8.2"),
    "+CPAS": StateRow("activity", "status", FIRST, f"{TS_27007} clause 8.1"),
    "+CMEE": StateRow("error format", "format", FIRST, f"{TS_27007} clause 9.1"),
    "+CGATT": StateRow("packet service", "attached", FIRST, f"{TS_27007} clause 10.1.9"),
    "+CUSD": StateRow("USSD", "status", FIRST, f"{TS_27007} clause 7.15"),
    # Quectel
    "+QSIMSTAT": StateRow("SIM", "inserted", AFTER_MODE, f"{QUECTEL}, +QSIMSTAT"),
    "+QSIMDET": StateRow("SIM detection", "enabled", FIRST, f"{QUECTEL}, +QSIMDET"),
    "+QUSIM": StateRow("SIM", "kind", FIRST, f"{QUECTEL}, +QUSIM"),
    # SIMCom
    "+CSMINS": StateRow("SIM", "inserted", AFTER_MODE, "SIMCom SIM800 AT command manual, +CSMINS"),
    "+CNSMOD": StateRow("technology", "technology", AFTER_MODE, f"{SIMCOM}, +CNSMOD"),
    # Telit
    "#QSS": StateRow("SIM", "state", AFTER_MODE, f"{_TELIT}, #QSS"),
    "#PSNT": StateRow("technology", "technology", AFTER_MODE, f"{_TELIT}, #PSNT"),
    # u-blox
    "+UUICC": StateRow("SIM", "kind", FIRST, "u-blox LARA-R2, driver in genmon"),
    "+UUSIMSTAT": StateRow("SIM", "state", FIRST, "u-blox AT commands manual, +USIMSTAT"),
    # Nordic
    "%XSIM": StateRow("SIM", "state", FIRST, f"{NORDIC}, %XSIM"),
    # Cinterion
    "^SCKS": StateRow("SIM", "inserted", AFTER_MODE, "Cinterion EHS6 AT command set, ^SCKS"),
    # Huawei
    "^SIMST": StateRow("SIM", "state", FIRST, f"{HUAWEI}, ^SIMST"),
    "^SRVST": StateRow("service", "service", FIRST, f"{HUAWEI}, ^SRVST"),
    # Wavecom
    "+WIND": StateRow("start-up", "step", FIRST, "Wavecom AT commands interface guide, +WIND"),
    # Fibocom
    "+SIM": StateRow("SIM", "state", FIRST, "Fibocom L610 AT commands manual, +SIM"),
}


def decode(line: InformationLine) -> Explanation | None:
    """Explain the state field of a line by its row."""
    row = ROWS[line.name]
    raw = line.text(min(row.field, len(line.fields) - 1))
    if not raw:
        return None
    if raw.startswith("("):
        text = f"the command accepts {line.body}"
        return Explanation(row.about, text, row.source, {"values": line.body})
    number = parse_integer(raw)
    value: object = raw.upper() if number is None else number
    text = meaning(line.name, value) or f"{row.name} {raw}, specific to the maker"
    fields = {row.name: raw if number is None else number}
    return Explanation(row.about, text, row.source, fields, remedy(line.name, value))


def pin(line: InformationLine) -> Explanation | None:
    """Explain ``+CPIN: <code>``: a state of the SIM, or a lock of the modem."""
    code = pin_state(line)
    lock = lock_of(code)
    if lock is None:
        found = decode(line._replace(fields=(code.replace("_", " "),)))
        counts = pin_attempts.huawei(line) if line.name == "^CPIN" else None
        if found is None or counts is None:
            return found
        text = f"{found.text}; {counts.text}"
        return found._replace(
            text=text,
            fields={**found.fields, **counts.fields},
            remedy=counts.remedy or found.remedy,
        )
    row = ROWS[line.name]
    text = f"the modem is locked to {meaning('lock', lock.kind) or 'certain SIM cards'}"
    if lock.code == "puk":
        text += ", unlock code blocked"
    fields = {"state": line.text(0), "lock": lock.kind, "lock_code": lock.code}
    return Explanation(row.about, text, row.source, fields, REMEDY)


def huawei_system(line: InformationLine) -> Explanation | None:
    """Explain ``^SYSINFO`` and ``^SYSINFOEX``: service, domain, roaming, SIM, technology."""
    longer = line.name == "^SYSINFOEX"
    service, domain, visiting, sim = (line.integer(at) for at in (0, 1, 2, 3 if longer else 4))
    if service is None:
        return None
    if longer:
        technology = line.text(8) or line.text(6)
    else:
        technology = meaning("system", line.text(3)) or line.text(3)
    # Without service, and with 2 on some firmware, nothing is known of roaming.
    roaming = bool(visiting) if service and visiting in (0, 1) else None
    parts = (
        meaning("^SRVST", service) or f"service {service}",
        domain is not None and (meaning("domain", domain) or f"domain {domain}"),
        roaming is not None and ("roaming" if roaming else "not roaming"),
        sim is not None and (meaning("^SIMST", sim) or f"SIM state {sim}"),
        technology,
    )
    fields = {
        "service": service,
        "domain": domain,
        "roaming": roaming,
        "sim": sim,
        "technology": technology,
    }
    text = ", ".join(str(part) for part in parts if part)
    return Explanation("system", text, f"{HUAWEI}, {line.name}", fields)


_STEPS = ((1, "PIN state known"), (2, "messages ready"), (4, "phonebook ready"))


def quectel_initialised(line: InformationLine) -> Explanation | None:
    """Explain ``+QINISTAT``: the sum of the steps that are done."""
    status = line.integer(0)
    if status is None or not 0 <= status <= 7:
        return None
    done = [text for bit, text in _STEPS if status & bit]
    text = f"SIM: {', '.join(done)}" if done else "the SIM is not initialised yet"
    fields = {"status": status, "done": status == 7}
    return Explanation("SIM", text, f"{QUECTEL}, +QINISTAT", fields)


def sierra_technology(line: InformationLine) -> Explanation | None:
    """Explain ``*CNTI: 0,UMTS``: the technology in use."""
    name = line.text(1)
    if line.integer(0) is None or not name:
        return None
    source = "Sierra and SIMCom modules, *CNTI; ModemManager"
    return Explanation("technology", name, source, {"technology": name})


def nordic_sleep(line: InformationLine) -> Explanation | None:
    """Explain ``%XMODEMSLEEP: <type>,<milliseconds>``."""
    kind, left_ms = line.integer(0), line.integer(1)
    if kind is None:
        return None
    fields = {"type": kind}
    text = meaning(line.name, kind) or f"sleep type {kind}"
    if left_ms:
        fields["time_ms"] = left_ms
        text += f", {left_ms / 1000:g} s"
    return Explanation("sleep", text, f"{NORDIC}, %XMODEMSLEEP", fields)


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
