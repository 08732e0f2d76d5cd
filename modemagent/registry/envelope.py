"""A received report before it is validated: its key, its clocks, and digests of what it states.

Most reports of a fleet repeat the one before. They are recognized by digests of their identity and
problems, without the validation of their identifiers. The identity is everything that intervals,
facts and events are derived from.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Annotated, Any

import msgspec

from modemagent.errors import ReportError
from modemagent.identity.imeisv import Imeisv
from modemagent.registry.validation import (
    LONGEST_TEXT,
    MODEM_FACTS,
    SEQUENCE_LIMIT,
    SIM_STATES,
    SimReading,
    ValidReport,
    device_id_of,
    normalized,
    parse_report,
    reader_of,
    reject_duplicate_keys,
)
from modemagent.report.message import SCHEMA, canonical_body

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_OptionalText = Annotated[str, msgspec.Meta(max_length=256)] | None
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_UNCHANGED_REASONS = frozenset({"refresh", "heartbeat"})
_REASONS = frozenset(
    {"identified", "sim_changed", "modem_changed", "removed", "refresh", "heartbeat"}
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class _PortPart(msgspec.Struct):
    path: _Text
    id: str | None = None
    usb_vid: _OptionalText = None
    usb_pid: _OptionalText = None


class _ModemPart(msgspec.Struct):
    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    imei: str | None = None
    imeisv: str | None = None
    meid: str | None = None
    serial_number: str | None = None
    read: dict[str, str] = {}


class _SimPart(msgspec.Struct):
    slot: int = 1
    active: bool | None = None
    state: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    eid: str | None = None
    read: dict[str, str] = {}


class _Problem(msgspec.Struct):
    code: str
    severity: str | None = None
    field: str | None = None


class _Evidence(msgspec.Struct):
    command: str = ""


class _Network(msgspec.Struct):
    mcc: str | None = None
    mnc: str | None = None
    registration: str | None = None
    registered: bool | None = None
    reject_cause: str | int | None = None


class _HealthOfModem(msgspec.Struct):
    port_id: _Text
    state: _Text
    drops: _Count = 0


class _HealthPart(msgspec.Struct):
    outbox: _Count = 0
    evicted: _Count = 0
    restarts: _Count = 0
    modems: tuple[_HealthOfModem, ...] = ()


class _Report(msgspec.Struct):
    schema: int
    report_id: _Text
    gateway_id: _Text
    stream_id: _Text
    sequence: Annotated[int, msgspec.Meta(ge=1, lt=SEQUENCE_LIMIT)]
    boot_id: _Text
    boot_count: _Count
    uptime_ms: _Count
    observed_at: str
    clock_synchronized: bool
    agent_version: _Text
    reason: str
    port: _PortPart | None = None
    modem: _ModemPart | None = None
    sims: tuple[_SimPart, ...] = ()
    problems: tuple[_Problem, ...] = ()
    network: _Network | None = None
    evidence: tuple[_Evidence, ...] = ()
    reader: str | None = None
    heartbeat_s: float | None = None
    health: _HealthPart | None = None
    provision: Any = None


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One report as received, with what is needed to store it if nothing has changed.

    :param digest: of the canonical body, in which agents send it: 64 bits, never 0
    :param identity: digest of what intervals and facts are derived from
    :param problems: digest of problems above note, registration and country
    :param quiet: the report may be an unchanged reading; if False it is always validated
    :param error: the report is invalid, but its number counts as received
    :param device_id: place in the gateway, None if the report is about the gateway alone
    :param health: health of the gateway, as JSON
    """

    raw: bytes
    digest: int
    report_id: str
    gateway_id: str
    stream_id: str
    sequence: int
    boot_id: str
    uptime_ms: int
    wall_ms: int
    synchronized: bool
    agent_version: str
    heartbeat_ms: int | None
    device_id: str | None
    mcc: str
    identity: int
    problems: int
    quiet: bool
    provision: bool
    error: ReportError | None = None
    health: bytes | None = None


class _Key(msgspec.Struct):
    gateway_id: _Text
    stream_id: _Text
    sequence: Annotated[int, msgspec.Meta(ge=1, lt=SEQUENCE_LIMIT)]
    report_id: _Text = "-"


_key_decoder = msgspec.json.Decoder(_Key, strict=True)
_decoder = msgspec.json.Decoder(_Report, strict=True)
_plain = msgspec.json.Decoder()
_encoder = msgspec.msgpack.Encoder(order="sorted")
_from_bytes = int.from_bytes


def open_envelope(raw: bytes) -> Envelope:
    """Decode what is needed to find a report again and to compare it with the one before.

    :raises ReportError: the report is invalid
    """
    try:
        report = _decoder.decode(raw)
        wall_ms = _wall_ms(report.observed_at)
        names = report.report_id + report.stream_id + report.boot_id + report.agent_version
        if (
            report.reason not in _REASONS
            or report.schema != SCHEMA
            or not names.isprintable()
            or not report.gateway_id.isprintable()
        ):
            raise ValueError("an unknown word")
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError):
        return _validated(raw)
    port = report.port
    modem = report.modem
    removed = report.reason == "removed"
    reader = report.reader
    if reader is None and report.evidence:
        reader = reader_of(report.evidence[0].command)
    identity = _encoder.encode(
        (removed, reader, port.id or port.path if port else None, modem, report.sims)
    )
    network = report.network
    mcc = (network.mcc if network else None) or ""
    serious = sorted(
        (one.code, one.field or "") for one in report.problems if one.severity != "note"
    )
    about_network = (network.registration, network.registered, mcc) if network else None
    beat = report.heartbeat_s
    canonical = _is_canonical(raw)
    try:
        digest = digest_of(raw if canonical else _canonical(raw))
    except ReportError:  # a key occurs twice
        return _validated(raw)
    return Envelope(
        raw,
        digest,
        report.report_id,
        report.gateway_id,
        report.stream_id,
        report.sequence,
        report.boot_id,
        report.uptime_ms,
        wall_ms,
        report.clock_synchronized,
        report.agent_version,
        None if beat is None else int(beat * 1000) if 0 < beat < 2**40 else 0,
        device_id_of(port.id, port.path) if port else None,
        mcc if mcc.isdecimal() and len(mcc) == 3 else "",
        digest_of(identity),
        digest_of(_encoder.encode((serious, about_network))),
        report.reason in _UNCHANGED_REASONS
        and report.provision is None
        and _is_printable(report.health)
        and canonical,
        report.provision is not None,
        health=msgspec.json.encode(report.health) if report.health is not None else None,
    )


def valid_report(raw: bytes) -> ValidReport:
    """Validate a report of which :func:`open_envelope` has returned an envelope without an error.

    :raises ReportError: a known key has a value of the wrong type
    """
    report = _valid_parts(raw)
    return parse_report(raw) if report is None else report


def _valid_parts(raw: bytes) -> ValidReport | None:
    """Return a report with the values that are valid; None if an inner value is unusual."""
    try:
        report = _decoder.decode(raw)
        observed_ms = _wall_ms(report.observed_at)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError):
        return None
    port, modem, beat = report.port, report.modem, report.heartbeat_s
    texts = [report.reader]
    if port is not None:
        texts += (port.path, port.id, port.usb_vid, port.usb_pid)
    facts: dict[str, str] = {}
    numbers: dict[str, str] = {}
    if modem is not None:
        texts += (modem.imei, modem.imeisv, modem.meid)
        for name in MODEM_FACTS:
            text = getattr(modem, name)
            texts.append(text)
            if text and modem.read.get(name) == "ok":
                facts[name] = text
        numbers = _numbers(modem, ("imei", "imeisv", "meid"))
        facts |= {kind: number for kind, number in numbers.items() if kind != "imei"}
    sims: dict[int, SimReading] = {}
    for one in report.sims:
        texts += (one.state, one.iccid, one.imsi, one.eid)
        if not 0 <= one.slot <= 255:
            return None
        read = _numbers(one, ("iccid", "imsi", "eid"))
        state = one.state if one.state in SIM_STATES else "unknown"
        is_empty = state == "absent" and one.read.get("iccid") == "absent"
        sims.setdefault(
            one.slot,
            SimReading(
                one.slot, state, read.get("iccid"), read.get("imsi"), read.get("eid"), is_empty
            ),
        )
    shown = "".join([text for text in texts if text])
    if not shown.isprintable() or any(len(text) > LONGEST_TEXT for text in texts if text):
        return None
    if (beat is not None and not 0 < beat < 2**62) or not _is_printable(report.health):
        return None
    reader = report.reader
    if reader is None and report.evidence:
        reader = reader_of(report.evidence[0].command)
    imei = numbers.get("imei")
    if imei is None and "imeisv" in numbers:
        imei = str(Imeisv(numbers["imeisv"]).imei)
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
        device_id=device_id_of(port.id, port.path) if port else None,
        imei=imei,
        facts=facts,
        reader=reader,
        sims=tuple(sims[slot] for slot in sorted(sims)),
    )


def _is_printable(health: _HealthPart | None) -> bool:
    return health is None or all((one.port_id + one.state).isprintable() for one in health.modems)


def _numbers(part: _ModemPart | _SimPart, kinds: tuple[str, ...]) -> dict[str, str]:
    """Return the numbers that were read and are valid, by kind."""
    found = {}
    for kind in kinds:
        text = getattr(part, kind)
        if text and part.read.get(kind) == "ok":
            number = normalized(kind, text)
            if number is not None:
                found[kind] = number
    return found


def digest_of(data: bytes) -> int:
    """Return the first 64 bits of the SHA-256 as a signed number that is not 0."""
    return _from_bytes(hashlib.sha256(data).digest()[:8], "big", signed=True) or 1


def _is_canonical(raw: bytes) -> bool:
    """Return True if keys are sorted and no object has one twice; False if not or not known."""
    return msgspec.json.encode(_plain.decode(raw), order="sorted") == raw


def _canonical(raw: bytes) -> bytes:
    """Return the canonical encoding of a report.

    :raises ReportError: an object has a key twice, or a number has no JSON form
    """
    try:
        return canonical_body(json.loads(raw, object_pairs_hook=reject_duplicate_keys))
    except (ValueError, RecursionError) as error:
        raise ReportError("a number in the report is out of range", key="") from error


def _wall_ms(text: str) -> int:
    if not _TIME.fullmatch(text):
        raise ValueError("not an RFC 3339 time")
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp() * 1000) if moment.tzinfo else 0


def _validated(raw: bytes) -> Envelope:
    """Return the envelope of a report that is invalid, or has inner values of unexpected types."""
    try:
        report = parse_report(raw)
        digest = digest_of(_canonical(raw))
    except ReportError as error:
        digest = digest_of(raw)
        try:
            key = _key_decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            raise error from None
        if not (key.gateway_id + key.stream_id + key.report_id).isprintable():
            raise
        return Envelope(
            raw, digest, key.report_id, key.gateway_id, key.stream_id, key.sequence, "", 0, 0,
            False, "", None, None, "", digest, digest, False, False, error,
        )  # fmt: skip
    return Envelope(
        raw, digest, report.report_id, report.gateway_id, report.stream_id, report.sequence,
        report.boot_id, report.uptime_ms, report.observed_ms, report.synchronized,
        report.agent_version, None, report.device_id, "", digest, digest, False, False,
    )  # fmt: skip
