"""A received report before it is validated: its key, its clocks, and digests of what it states.

Most reports of a fleet repeat the one before. They are recognized by digests of their identity and
problems, without the validation of their identifiers. The identity is everything that intervals,
facts and events are derived from.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Annotated, NamedTuple

import msgspec

from modemagent.errors import ReportError
from modemagent.registry.received import (
    LONGEST_TEXT,
    SEQUENCE_LIMIT,
    DecodedReport,
    OpenedReport,
    PortPart,
    ReportOutline,
    decode_outline,
    decode_report,
    device_id_of,
    reject_duplicate_keys,
)
from modemagent.report.message import canonical_body

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]
_UNCHANGED_REASONS = frozenset({"refresh", "heartbeat"})


class Parts(NamedTuple):
    """What a report states of its place, by digests of its parts.

    :param identity: digest of what intervals and facts are derived from, never 0
    :param problems: digest of problems above note, registration and country
    :param noteworthy: it states problems above note, or that the network refuses the modem
    """

    identity: int
    problems: int
    mcc: str
    noteworthy: bool


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One report as received, with what is needed to store it if nothing has changed.

    :param digest: of the canonical body, in which agents send it: 64 bits, never 0
    :param device_id: place in the gateway, None if the report is about the gateway alone
    :param quiet: the report may be an unchanged reading; if False it is always validated
    :param likeness: digest of the bytes of its parts: reports with the same one at the same place
        have the same :class:`Parts`; 0 if it is not known
    :param parts: None if they are not decoded yet: then the digest is that of the bytes as received
    :param error: the report is invalid, but its number counts as received
    :param health: health of the gateway, as JSON
    :param decoded: the report, if its parts are decoded
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
    quiet: bool
    likeness: int = 0
    parts: Parts | None = None
    provision: bool = False
    error: ReportError | None = None
    health: bytes | None = None
    decoded: OpenedReport | None = None


class _Key(msgspec.Struct):
    gateway_id: _Text
    stream_id: _Text
    sequence: Annotated[int, msgspec.Meta(ge=1, lt=SEQUENCE_LIMIT)]
    report_id: _Text = "-"


_key_decoder = msgspec.json.Decoder(_Key, strict=True)
_plain = msgspec.json.Decoder()
_encoder = msgspec.msgpack.Encoder(order="sorted")
_from_bytes = int.from_bytes
_ports = msgspec.json.Decoder(PortPart, strict=True)


def open_envelope(raw: bytes) -> Envelope:
    """Decode what is needed to find a report again and to compare it with the one before.

    The parts that readings repeat are left as they are, if the report is a usual one.

    :raises ReportError: the report is invalid
    """
    try:
        outline = decode_outline(raw)
    except ReportError as error:
        return _invalid(raw, error)
    device_id = None if outline is None else _device_id(bytes(outline[0].port))
    if outline is None or device_id is None:
        return open_parts(raw)
    report, wall_ms = outline
    return Envelope(
        raw,
        digest_of(raw),
        report.report_id,
        report.gateway_id,
        report.stream_id,
        report.sequence,
        report.boot_id,
        report.uptime_ms,
        wall_ms,
        report.clock_synchronized,
        report.agent_version,
        None,
        device_id,
        report.reason in _UNCHANGED_REASONS,
        _likeness(report),
    )


def open_parts(raw: bytes, known: Envelope | None = None) -> Envelope:
    """Decode a report with its parts.

    :param known: the report without them, if it was opened
    :raises ReportError: the report is invalid
    """
    try:
        decoded = decode_report(raw, None if known is None else known.wall_ms)
        canonical = _is_canonical(raw)
        if known is not None and canonical:
            digest = known.digest
        else:
            digest = digest_of(raw if canonical else _canonical(raw))
    except ReportError as error:
        return _invalid(raw, error)
    report, wall_ms, _ = decoded
    beat, health = report.heartbeat_s, report.health
    parts = _parts(report)
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
        None if beat is None else int(beat * 1000) if beat < 2**40 else 0,
        report.device_id,
        quiet=report.reason in _UNCHANGED_REASONS
        and report.provision is None
        and (health is None or health.is_printable)
        and canonical,
        likeness=known.likeness if known and canonical and parts is not None else 0,
        parts=parts or Parts(digest, digest, _country(report), noteworthy=True),
        provision=report.provision is not None,
        health=None if health is None else msgspec.json.encode(health),
        decoded=decoded,
    )


def _parts(report: DecodedReport) -> Parts | None:
    """Return what a report states of its place; None: a number in it has no encoding."""
    port, network = report.port, report.network
    serious = sorted(
        (str(one.code), str(one.field or ""))
        for one in report.problems or ()
        if one.severity != "note"
    )
    about_network = (
        (network.registration, network.registered, _text_of(network.mcc)) if network else None
    )
    position = (port.id or port.path) if port else None
    about_modem = report.reason == "removed", report.read_by, position, report.modem, report.sims
    try:
        return Parts(
            digest_of(_encoder.encode(about_modem)),
            digest_of(_encoder.encode((serious, about_network))),
            _country(report),
            bool(serious) or (network is not None and network.registration == "denied"),
        )
    except OverflowError:
        return None


def _country(report: DecodedReport) -> str:
    mcc = _text_of(report.network.mcc) if report.network is not None else ""
    return mcc if mcc.isdecimal() and len(mcc) == 3 else ""


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def _likeness(report: ReportOutline) -> int:
    parts = report.modem, report.network, report.port, report.problems, report.reader, report.sims
    found = b",".join([b"" if one is msgspec.UNSET else one for one in parts])
    return digest_of(found + (b"-" if report.reason == "removed" else b"+"))


@lru_cache(maxsize=4096)
def _device_id(port: bytes) -> str | None:
    """Return the device id of a port, as JSON; None if it is to be validated."""
    try:
        found = _ports.decode(port)
    except msgspec.DecodeError:
        return None
    return device_id_of(found.id, found.path)


def digest_of(data: bytes) -> int:
    """Return the first 64 bits of the SHA-256 as a signed number that is not 0."""
    return _from_bytes(hashlib.sha256(data).digest()[:8], "big", signed=True) or 1


def _is_canonical(raw: bytes) -> bool:
    """Return True if keys are sorted and no object has one twice; False if not or not known."""
    try:
        return msgspec.json.encode(_plain.decode(raw), order="sorted") == raw
    except (msgspec.DecodeError, RecursionError, OverflowError):
        return False


def _canonical(raw: bytes) -> bytes:
    """Return the canonical encoding of a report.

    :raises ReportError: an object has a key twice, or a number has no JSON form
    """
    try:
        return canonical_body(json.loads(raw, object_pairs_hook=reject_duplicate_keys))
    except (ValueError, RecursionError) as error:
        raise ReportError("a number in the report is out of range", key="") from error


def _invalid(raw: bytes, error: ReportError) -> Envelope:
    """Return the envelope of an invalid report.

    :raises ReportError: its key cannot be read, so that its number cannot count as received
    """
    try:
        key = _key_decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise error from None
    if not (key.gateway_id + key.stream_id + key.report_id).isprintable():
        raise error
    digest = digest_of(raw)
    return Envelope(
        raw, digest, key.report_id, key.gateway_id, key.stream_id, key.sequence, "", 0, 0,
        False, "", None, None, False, error=error,
    )  # fmt: skip
