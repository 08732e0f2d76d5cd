"""A received report before it is validated: its key, its clocks, and digests of what it states.

Most reports of a fleet repeat the one before. They are recognized by digests of their identity and
problems, without the validation of their identifiers. The identity is everything that intervals,
facts and events are derived from.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, NamedTuple

import msgspec

from modemagent.errors import ReportError
from modemagent.registry.received import (
    LONGEST_TEXT,
    SEQUENCE_LIMIT,
    OpenedReport,
    ReportOutline,
    decode_outline,
    decode_report,
    reject_duplicate_keys,
)
from modemagent.report.message import canonical_body

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]
_MOST_PARTS = 8192  # twice, of 300 bytes each
_UNCHANGED_REASONS = frozenset({"refresh", "heartbeat"})


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One report as received, with what is needed to store it if nothing has changed.

    :param digest: of the canonical body, in which agents send it: 64 bits, never 0
    :param identity: digest of what intervals and facts are derived from
    :param problems: digest of problems above note, registration and country
    :param noteworthy: it states problems above note, or that the network refuses the modem
    :param quiet: the report may be an unchanged reading; if False it is always validated
    :param error: the report is invalid, but its number counts as received
    :param device_id: place in the gateway, None if the report is about the gateway alone
    :param health: health of the gateway, as JSON
    :param decoded: the report, unless its parts were recognized without
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
    noteworthy: bool
    quiet: bool
    provision: bool
    error: ReportError | None = None
    health: bytes | None = None
    decoded: OpenedReport | None = None


class _Parts(NamedTuple):
    """What a report states of its place; the fields are those of its envelope."""

    device_id: str | None
    mcc: str
    identity: int
    problems: int
    noteworthy: bool


class _KnownParts:
    """Results for the parts of recent canonical reports, by the digest of their bytes.

    A backlog repeats the parts of a few modems. The later half of the results is kept if there are
    too many.
    """

    def __init__(self) -> None:
        self._newer: dict[bytes, _Parts] = {}
        self._older: dict[bytes, _Parts] = {}

    def get(self, key: bytes) -> _Parts | None:
        found = self._newer.get(key)
        if found is None and (found := self._older.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: bytes, parts: _Parts) -> None:
        if len(self._newer) >= _MOST_PARTS:
            self._newer, self._older = {}, self._newer
        self._newer[key] = parts


class _Key(msgspec.Struct):
    gateway_id: _Text
    stream_id: _Text
    sequence: Annotated[int, msgspec.Meta(ge=1, lt=SEQUENCE_LIMIT)]
    report_id: _Text = "-"


_key_decoder = msgspec.json.Decoder(_Key, strict=True)
_plain = msgspec.json.Decoder()
_encoder = msgspec.msgpack.Encoder(order="sorted")
_from_bytes = int.from_bytes
_known_parts = _KnownParts()


def open_envelope(raw: bytes) -> Envelope:
    """Decode what is needed to find a report again and to compare it with the one before.

    :raises ReportError: the report is invalid
    """
    key = None
    try:
        outline = decode_outline(raw)
        if outline is not None:
            key = _key_of_parts(outline[0])
            if (parts := _known_parts.get(key)) is not None:
                return _repeated(raw, *outline, parts)
        decoded = decode_report(raw)
        canonical = _is_canonical(raw)
        digest = digest_of(raw if canonical else _canonical(raw))
    except ReportError as error:
        return _invalid(raw, error)
    report, wall_ms, _ = decoded
    port, network, beat = report.port, report.network, report.heartbeat_s
    country = network.mcc if network is not None and isinstance(network.mcc, str) else ""
    mcc = country if country.isdecimal() and len(country) == 3 else ""
    serious = sorted(
        (str(one.code), str(one.field or ""))
        for one in report.problems or ()
        if one.severity != "note"
    )
    about_network = (network.registration, network.registered, country) if network else None
    position = (port.id or port.path) if port else None
    health = report.health
    noteworthy = bool(serious) or (network is not None and network.registration == "denied")
    about_modem = report.reason == "removed", report.read_by, position, report.modem, report.sims
    try:
        parts = _Parts(
            report.device_id,
            mcc,
            digest_of(_encoder.encode(about_modem)),
            digest_of(_encoder.encode((serious, about_network))),
            noteworthy,
        )
        if key is not None and canonical:
            _known_parts.put(key, parts)
    except OverflowError:  # a number has no encoding
        parts = _Parts(report.device_id, mcc, digest, digest, noteworthy)
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
        *parts,
        quiet=report.reason in _UNCHANGED_REASONS
        and report.provision is None
        and (health is None or health.is_printable)
        and canonical,
        provision=report.provision is not None,
        health=None if health is None else msgspec.json.encode(health),
        decoded=decoded,
    )


def _repeated(raw: bytes, report: ReportOutline, wall_ms: int, parts: _Parts) -> Envelope:
    """Return the envelope of a report whose parts are those of an earlier one."""
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
        *parts,
        quiet=report.reason in _UNCHANGED_REASONS,
        provision=False,
    )


def _key_of_parts(report: ReportOutline) -> bytes:
    parts = report.modem, report.network, report.port, report.problems, report.reader, report.sims
    found = b",".join([b"" if one is msgspec.UNSET else one for one in parts])
    return hashlib.sha256(found + (b"-" if report.reason == "removed" else b"+")).digest()


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
        False, "", None, None, "", digest, digest, False, False, False,
        error,
    )  # fmt: skip
