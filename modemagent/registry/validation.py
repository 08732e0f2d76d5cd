"""Parsing of a received report and validation of its identifiers.

Identifiers are validated again; the verdict of the gateway is not used. Only a value with the read
state ``ok`` that passes validation becomes a key. All other values stay in the stored report and
have no effect on intervals and events.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from modemagent.errors import ReportError
from modemagent.identity.check import validate
from modemagent.identity.imeisv import Imeisv
from modemagent.identity.problems import CODES, Severity
from modemagent.identity.snapshot import SimState
from modemagent.registry.received import (
    DecodedReport,
    ModemPart,
    OpenedReport,
    SimPart,
    check_printable,
    decode_report,
)

_NOTES = frozenset(code for code, (severity, _) in CODES.items() if severity is Severity.NOTE)
_SIM_STATES = frozenset(map(str, SimState))
_MODEM_FACTS = ("manufacturer", "model", "firmware", "serial_number")
_MODEM_NUMBERS = ("imei", "imeisv", "meid")
_MODEM_TEXTS = (*_MODEM_FACTS, *_MODEM_NUMBERS)
_SIM_NUMBERS = ("iccid", "imsi", "eid")
_SIM_TEXTS = (*_SIM_NUMBERS, "state")


class SimReading(msgspec.Struct, frozen=True, gc=False):
    """One slot of one report; ``iccid``, ``imsi`` and ``eid`` are None unless read and valid.

    :param is_empty: state and read state of the ICCID are ``absent``
    """

    slot: int
    state: str
    iccid: str | None
    imsi: str | None
    eid: str | None
    is_empty: bool = False

    @property
    def absent(self) -> bool:
        return self.state == "absent"


class ValidReport(msgspec.Struct, frozen=True, gc=False):
    """One report with the values that were read and are valid.

    :param device_id: stable id of the port without its interface, else the path; None if the
        report has no port
    :param imei: 15 digits, normalized; None if it was not read or is invalid
    :param facts: values about the modem that were read
    :param reader: ``at`` or ``modemmanager``, the program that read the modem: they name makers and
        models differently; None if the report does not state it
    :param is_plain: every number is valid, and no rule can find anything about it
    """

    report_id: str
    gateway_id: str
    stream_id: str
    sequence: int
    boot_id: str
    boot_count: int
    uptime_ms: int
    observed_ms: int
    synchronized: bool
    agent_version: str
    reason: str
    device_id: str | None
    imei: str | None
    facts: dict[str, str]
    reader: str | None
    sims: tuple[SimReading, ...]
    is_plain: bool


def valid_report(raw: bytes, decoded: OpenedReport | None = None) -> ValidReport:
    """Validate one report as received.

    :param decoded: the report, if it was decoded before
    :raises ReportError: as for :func:`decode_report`
    """
    report, observed_ms, is_printable = decoded or decode_report(raw)
    if not is_printable:
        _check_printable(report)
    modem = report.modem
    facts: dict[str, str] = {}
    imei = None
    is_plain = True
    if modem is not None:
        read = _read_texts("modem", modem, _MODEM_TEXTS)
        facts = {name: read[name] for name in _MODEM_FACTS if name in read}
        agree = "imeisv" not in read or read["imeisv"][:14] == read.get("imei", "")[:14]
        numbers, is_plain = _numbers(modem, read, _MODEM_NUMBERS)
        is_plain = is_plain and agree and "meid" not in read
        imei = numbers.pop("imei", None)
        facts |= numbers
        if imei is None and "imeisv" in numbers:
            imei = str(Imeisv(numbers["imeisv"]).imei)
    sims: dict[int, SimReading] = {}
    for sim in report.sims or ():
        read = _read_texts("sims", sim, _SIM_TEXTS)
        numbers, are_plain = _numbers(sim, read, _SIM_NUMBERS)
        is_plain = is_plain and are_plain
        state = sim.state if sim.state in _SIM_STATES else "unknown"
        is_empty = state == "absent" and (sim.read or {}).get("iccid") == "absent"
        sims.setdefault(
            sim.slot,
            SimReading(
                sim.slot, state, numbers.get("iccid"), numbers.get("imsi"), numbers.get("eid"),
                is_empty,
            ),
        )  # fmt: skip
    return ValidReport(
        report_id=report.report_id,
        gateway_id=report.gateway_id,
        stream_id=report.stream_id,
        sequence=report.sequence,
        boot_id=report.boot_id,
        boot_count=report.boot_count,
        uptime_ms=report.uptime_ms,
        observed_ms=observed_ms,
        synchronized=report.clock_synchronized,
        agent_version=report.agent_version,
        reason=report.reason,
        device_id=report.device_id,
        imei=imei,
        facts=facts,
        reader=report.read_by,
        sims=tuple(sims[slot] for slot in sorted(sims)),
        is_plain=is_plain,
    )


def _check_printable(report: DecodedReport) -> None:
    """Check the texts of the parts of a report, those that were not read too."""
    check_printable("", report, ("reader", "reason"))
    if report.port is not None:
        check_printable("port.", report.port, ("path", "id", "usb_vid", "usb_pid"))
    for one in (report.health and report.health.modems) or ():
        check_printable("health.modems.", one, ("port_id", "state"))
    if report.modem is not None:
        check_printable("modem.", report.modem, _MODEM_TEXTS)
    for sim in report.sims or ():
        check_printable("sims.", sim, _SIM_TEXTS)


def _read_texts(path: str, part: ModemPart | SimPart, names: tuple[str, ...]) -> dict[str, str]:
    """Return the values that were read."""
    states = part.read or {}
    found = {}
    for name in names:
        state = states.get(name)
        if state == "ok":
            text = getattr(part, name)
            if text:
                found[name] = text
        elif state is not None and not isinstance(state, str):
            key = f"{path}.read.{name}"
            raise ReportError(f"{key} must be a string", key=key)
    return found


def _numbers(
    part: ModemPart | SimPart, read: Mapping[str, str], kinds: tuple[str, ...]
) -> tuple[dict[str, str], bool]:
    """Return the numbers that are valid, by kind, and whether no rule can find anything about any.

    :param read: the values that were read; one that is empty is not among them
    """
    found, are_plain, states = {}, True, part.read or {}
    for kind in kinds:
        if kind in read:
            number, is_plain = checked(kind, read[kind])
            are_plain = are_plain and is_plain
            if number is not None:
                found[kind] = number
        elif states.get(kind) == "ok":
            are_plain = False
    return found, are_plain


@lru_cache(maxsize=8192)
def checked(kind: str, text: str) -> tuple[str | None, bool]:
    """Return the normalized form of a number, and whether no rule can find anything about it."""
    result = validate(kind, text)
    if result.normalized is None:
        return None, False
    number = str(result.normalized)  # msgspec stores plain text only
    is_plain = number == text and _NOTES.issuperset(result.codes)
    return number, is_plain
