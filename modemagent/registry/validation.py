"""Parsing of a received report and validation of its identifiers.

Identifiers are validated again; the verdict of the gateway is not used. Only a value with the read
state ``ok`` that passes validation becomes a key. All other values stay in the stored report and
have no effect on intervals and events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

import msgspec

from modemagent.errors import ReportError
from modemagent.identity.check import validate
from modemagent.identity.imeisv import Imeisv
from modemagent.identity.snapshot import SimState
from modemagent.report.message import Report, canonical_body

# A modem read through another of its AT ports has not moved: its place is the USB device.
_USB_INTERFACE = re.compile(r"(usb:[^:]+):[^:]+")

SIM_STATES = frozenset(map(str, SimState))
MODEM_FACTS = ("manufacturer", "model", "firmware", "serial_number")
LONGEST_TEXT = 256
#: Limit of sequence numbers, so that the position of a report in its gateway fits 63 bits.
SEQUENCE_LIMIT = 1 << 40


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


def parse_report(raw: bytes | memoryview) -> ValidReport:
    """Parse and validate one report as received.

    :raises ReportError: not JSON, a duplicate key in an object, or a known key with a value of
        the wrong type
    """
    body = _decode(bytes(raw))
    report = Report.from_json(body)
    if report.sequence >= SEQUENCE_LIMIT:
        raise ReportError(f"sequence must be below {SEQUENCE_LIMIT}", key="sequence")
    modem = report.modem or {}
    imeisv = _number("imeisv", modem, "modem")
    imei = _number("imei", modem, "modem") or (str(Imeisv(imeisv).imei) if imeisv else None)
    facts = {name: value for name in MODEM_FACTS if (value := _read(name, modem, "modem"))}
    for kind in ("imeisv", "meid"):
        if (value := _number(kind, modem, "modem")) is not None:
            facts[kind] = value
    return ValidReport(
        report_id=report.report_id,
        gateway_id=report.gateway_id,
        stream_id=report.stream_id,
        sequence=report.sequence,
        boot_id=report.boot_id,
        boot_count=report.boot_count,
        uptime_ms=report.uptime_ms,
        observed_ms=int(datetime.fromisoformat(report.observed_at).timestamp() * 1000),
        synchronized=report.clock_synchronized,
        agent_version=report.agent_version,
        reason=str(report.reason),
        device_id=device_id_of(report.port.id, report.port.path) if report.port else None,
        imei=imei,
        facts=facts,
        reader=_reader(body, report),
        sims=_sims(report),
    )


def device_id_of(port_id: str | None, path: str) -> str:
    """Return the device id of a modem in its gateway: the port id without the USB interface.

    >>> device_id_of("usb:1-2:1.3", "/dev/ttyUSB3")
    'usb:1-2'
    >>> device_id_of(None, "/dev/ttyS1")
    '/dev/ttyS1'
    """
    if not port_id:
        return path
    usb = _USB_INTERFACE.fullmatch(port_id)
    return usb[1] if usb else port_id


def _decode(raw: bytes) -> Mapping[str, object]:
    try:
        body = json.loads(raw, object_pairs_hook=reject_duplicate_keys, parse_constant=_no_constant)
    except ReportError:
        raise
    except (ValueError, RecursionError) as error:
        raise ReportError("a report must be a JSON object", key="") from error
    if not isinstance(body, dict):
        raise ReportError("a report must be a JSON object", key="")
    try:
        canonical_body(body)
    except (ValueError, RecursionError) as error:
        raise ReportError("a number in the report is out of range", key="") from error
    return body


def reject_duplicate_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Reject an object with a duplicate key; an ``object_pairs_hook`` of :func:`json.loads`."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)[:40]
        raise ReportError(f"the key {duplicate!r} occurs twice in one object", key=duplicate)
    return found


def _no_constant(name: str) -> float:
    raise ReportError(f"{name} is not a JSON number", key="")


def _reader(body: Mapping[str, object], report: Report) -> str | None:
    """Return the program that read the modem: as reported, else by the commands in the evidence."""
    reader = _text("reader", body, "report")
    if reader is not None:
        return reader
    commands = [str(one.get("command", "")) for one in report.evidence]
    return reader_of(commands[0]) if commands else None


def reader_of(command: str) -> str:
    """Return the program that read a modem, by the first command in the evidence."""
    return "modemmanager" if command.startswith("modemmanager ") else "at"


def _sims(report: Report) -> tuple[SimReading, ...]:
    found: dict[int, SimReading] = {}
    for sim in report.sims:
        slot = sim.get("slot", 1)
        if isinstance(slot, bool) or not isinstance(slot, int) or not 0 <= slot <= 255:
            raise ReportError("sims.slot must be an integer from 0 to 255", key="sims.slot")
        state = _text("state", sim, "sims") or "unknown"
        reading = SimReading(
            slot=slot,
            state=state if state in SIM_STATES else "unknown",
            iccid=_number("iccid", sim, "sims"),
            imsi=_number("imsi", sim, "sims"),
            eid=_number("eid", sim, "sims"),
            is_empty=state == "absent" and _read_state("iccid", sim, "sims") == "absent",
        )
        found.setdefault(slot, reading)
    return tuple(found[slot] for slot in sorted(found))


def _number(kind: str, source: Mapping[str, object], path: str) -> str | None:
    text = _read(kind, source, path)
    return normalized(kind, text) if text else None


def _read(name: str, source: Mapping[str, object], path: str) -> str | None:
    """Return the value of a field if its read state is ok."""
    value = _text(name, source, path)
    return value if _read_state(name, source, path) == "ok" else None


def _read_state(name: str, source: Mapping[str, object], path: str) -> str | None:
    states = source.get("read")
    if states is None:
        states = {}
    if not isinstance(states, Mapping):
        raise ReportError(f"{path}.read must be an object", key=f"{path}.read")
    state = states.get(name)
    if state is not None and not isinstance(state, str):
        raise ReportError(f"{path}.read.{name} must be a string", key=f"{path}.read.{name}")
    return state


def _text(name: str, source: Mapping[str, object], path: str) -> str | None:
    value = source.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ReportError(f"{path}.{name} must be a string or null", key=f"{path}.{name}")
    if len(value) > LONGEST_TEXT or not value.isprintable():
        raise ReportError(
            f"{path}.{name} must be at most {LONGEST_TEXT} printable characters",
            key=f"{path}.{name}",
        )
    return value


@lru_cache(maxsize=32768)
def normalized(kind: str, text: str) -> str | None:
    """Return the normalized form of a number that was read, or None if it is not valid."""
    found = validate(kind, text).normalized
    return None if found is None else str(found)  # msgspec stores plain text only
