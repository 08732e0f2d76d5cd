"""A received report before it is validated: its key, its clocks, and digests of what it states.

Most reports of a fleet repeat the one before. They are recognized by digests of their identity and
problems, without the validation of their identifiers. The identity is everything that intervals,
facts and events are derived from.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated

import msgspec

from modemagent.errors import ReportError
from modemagent.registry.received import (
    LONGEST_TEXT,
    SEQUENCE_LIMIT,
    decode_report,
    reject_duplicate_keys,
)
from modemagent.report.message import canonical_body

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]
_UNCHANGED_REASONS = frozenset({"refresh", "heartbeat"})


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
_plain = msgspec.json.Decoder()
_encoder = msgspec.msgpack.Encoder(order="sorted")
_from_bytes = int.from_bytes


def open_envelope(raw: bytes) -> Envelope:
    """Decode what is needed to find a report again and to compare it with the one before.

    :raises ReportError: the report is invalid
    """
    try:
        report, wall_ms = decode_report(raw)
        canonical = _is_canonical(raw)
        digest = digest_of(raw if canonical else _canonical(raw))
    except ReportError as error:
        return _invalid(raw, error)
    port, network, beat = report.port, report.network, report.heartbeat_s
    mcc = network.mcc if network is not None and isinstance(network.mcc, str) else ""
    serious = sorted(
        (str(one.code), str(one.field or ""))
        for one in report.problems or ()
        if one.severity != "note"
    )
    about_network = (network.registration, network.registered, mcc) if network else None
    position = (port.id or port.path) if port else None
    health = report.health
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
        mcc if mcc.isdecimal() and len(mcc) == 3 else "",
        _digest_of_parts(
            (report.reason == "removed", report.read_by, position, report.modem, report.sims),
            digest,
        ),
        _digest_of_parts((serious, about_network), digest),
        report.reason in _UNCHANGED_REASONS
        and report.provision is None
        and (health is None or health.is_printable)
        and canonical,
        report.provision is not None,
        health=None if health is None else msgspec.json.encode(health),
    )


def _digest_of_parts(parts: tuple[object, ...], otherwise: int) -> int:
    """Return the digest of parts of a report, or another if a number in them has no encoding."""
    try:
        return digest_of(_encoder.encode(parts))
    except OverflowError:
        return otherwise


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
        False, "", None, None, "", digest, digest, False, False, error,
    )  # fmt: skip
