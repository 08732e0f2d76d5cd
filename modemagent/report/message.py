"""The report: the one thing the agent and the registry have in common.

A report states what one port was seen to hold at one moment of one boot of one gateway. It is
a *state*, not an event: the registry compares consecutive states and names the events itself,
so saying the same thing again is harmless.

What each ``reason`` carries:

``identified``      first complete reading of this port by this agent, or the first after the
                    port came back; ``port``, ``modem`` and ``sims`` are the reading
``sim_changed``     the same modem, and something about a card differs from the last report. A
                    card taken out is ``sims[].state`` ``absent`` with the modem as it is
``modem_changed``   the same port, another modem
``removed``         the port is gone. ``port`` as before, ``modem`` and ``sims`` are the **last
                    known** reading, so that their intervals can be closed at ``observed_at``;
                    they say what left, not what is there
``refresh``         nothing differs: the daily full report, and the first one after a restart
``heartbeat``       the gateway lives; as ``refresh`` per watched port, or, with no modem at all,
                    with ``port`` and ``modem`` null and ``sims`` empty

Only values whose ``read`` state is ``ok`` say anything; all others are "not read".

``modem``, ``sims``, ``problems`` and ``network`` are kept here as the JSON objects they are, so
that a registry loses nothing a newer agent adds to them. Unknown keys at the top are ignored.

A batch of reports travels with two HTTP headers, :data:`BOOT_ID_HEADER` and
:data:`UPTIME_HEADER`, the sender's boot and its milliseconds since boot *now*: with them the
registry dates the reports of the same boot without trusting the gateway's wall clock.

Some lines above 300: a good part of them says what each reason and key carries.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from modemagent.errors import ReportError

SCHEMA = 1
BOOT_ID_HEADER = "Modemagent-Boot-Id"
UPTIME_HEADER = "Modemagent-Uptime-Ms"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_LONGEST_TEXT = 256
_LARGEST_INTEGER = 2**63 - 1

JsonObject = Mapping[str, object]
ReportKey = tuple[str, str, int]


class Reason(StrEnum):
    """Why a report was made; the module's docstring says what each carries."""

    IDENTIFIED = "identified"
    SIM_CHANGED = "sim_changed"
    MODEM_CHANGED = "modem_changed"
    REMOVED = "removed"
    REFRESH = "refresh"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPlace:
    """Where in the gateway the modem sits.

    :param path: device path or URL, as ``/dev/ttyUSB2``; changes with the order of plugging
    :param id: stable id of the socket it is plugged into, as ``usb:1-2:1.2``, when known
    :param usb_vid: USB vendor id, four hexadecimal digits
    :param usb_pid: USB product id, four hexadecimal digits
    """

    path: str
    id: str | None = None
    usb_vid: str | None = None
    usb_pid: str | None = None

    def to_json(self) -> dict[str, object]:
        return {
            "path": self.path,
            "id": self.id,
            "usb_vid": self.usb_vid,
            "usb_pid": self.usb_pid,
        }

    @classmethod
    def from_json(cls, body: JsonObject) -> PortPlace:
        return cls(
            path=_text(body, "path", "port."),
            id=_text_or_none(body, "id", "port."),
            usb_vid=_text_or_none(body, "usb_vid", "port."),
            usb_pid=_text_or_none(body, "usb_pid", "port."),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report of one port.

    :param report_id: UUIDv7, for people and logs; the identity of a report is :attr:`key`
    :param stream_id: random per state directory; a copied disk image shows by it
    :param sequence: counts up from 1 within a stream; a hole is as many reports as were dropped
        for want of room
    :param boot_id: the kernel's id of this boot
    :param boot_count: counts the boots this state directory has seen, from 1
    :param uptime_ms: milliseconds since boot, time asleep included
    :param observed_at: RFC 3339 in UTC with milliseconds, from the gateway's wall clock
    :param evidence: for each field the command, the answer as it came, its reader and the
        milliseconds since the reading began; optional, absent where nothing was read
    :param clock_synchronized: the wall clock was known to follow a time source
    """

    report_id: str
    gateway_id: str
    stream_id: str
    sequence: int
    boot_id: str
    boot_count: int
    uptime_ms: int
    observed_at: str
    clock_synchronized: bool
    agent_version: str
    reason: Reason
    port: PortPlace | None = None
    modem: JsonObject | None = None
    sims: tuple[JsonObject, ...] = ()
    problems: tuple[JsonObject, ...] = ()
    network: JsonObject | None = None
    evidence: tuple[JsonObject, ...] = ()
    schema: int = SCHEMA

    @property
    def key(self) -> ReportKey:
        """``(gateway_id, stream_id, sequence)``: identifies this report for ever."""
        return (self.gateway_id, self.stream_id, self.sequence)

    def to_json(self) -> dict[str, object]:
        out: dict[str, object] = {
            "schema": self.schema,
            "report_id": self.report_id,
            "gateway_id": self.gateway_id,
            "stream_id": self.stream_id,
            "sequence": self.sequence,
            "boot_id": self.boot_id,
            "boot_count": self.boot_count,
            "uptime_ms": self.uptime_ms,
            "observed_at": self.observed_at,
            "clock_synchronized": self.clock_synchronized,
            "agent_version": self.agent_version,
            "reason": str(self.reason),
            "port": self.port.to_json() if self.port else None,
            "modem": self.modem,
            "sims": list(self.sims),
            "problems": list(self.problems),
            "network": self.network,
        }
        if self.evidence:
            out["evidence"] = list(self.evidence)
        return out

    @classmethod
    def from_json(cls, body: object) -> Report:
        """Read a decoded JSON object; unknown keys are ignored, optional ones may be missing.

        :raises ReportError: a required key is missing or a value is of the wrong kind
        """
        if not isinstance(body, Mapping):
            raise ReportError("a report is a JSON object", key="")
        schema = _integer(body, "schema", least=1)
        if schema != SCHEMA:
            raise ReportError(
                f"report schema {schema} is not known here",
                key="schema",
                hint=f"this side knows schema {SCHEMA}: update it",
            )
        port = _object_or_none(body, "port")
        return cls(
            schema=schema,
            report_id=_text(body, "report_id"),
            gateway_id=_text(body, "gateway_id"),
            stream_id=_text(body, "stream_id"),
            sequence=_integer(body, "sequence", least=1),
            boot_id=_text(body, "boot_id"),
            boot_count=_integer(body, "boot_count", least=0),
            uptime_ms=_integer(body, "uptime_ms", least=0),
            observed_at=_time(body, "observed_at"),
            clock_synchronized=_boolean(body, "clock_synchronized"),
            agent_version=_text(body, "agent_version"),
            reason=_reason(body),
            port=PortPlace.from_json(port) if port is not None else None,
            modem=_object_or_none(body, "modem"),
            sims=_objects(body, "sims"),
            problems=_objects(body, "problems"),
            network=_object_or_none(body, "network"),
            evidence=_objects(body, "evidence"),
        )

    def digest(self) -> str:
        """Return the digest of this report's own body; see :func:`body_digest`."""
        return body_digest(self.to_json())


def canonical_body(body: JsonObject) -> bytes:
    """Return a report as the one byte string its meaning has: keys sorted, no blanks, ASCII.

    A report is stored and sent in these bytes. The registry compares two bodies under one key by
    them, so the order of keys and the spelling of escapes never make a conflict.

    >>> canonical_body({"b": 1, "a": "\\u00e9"})
    b'{"a":"\\\\u00e9","b":1}'
    """
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def body_digest(body: JsonObject) -> str:
    """Return the SHA-256 of :func:`canonical_body` in hexadecimal.

    Give it the object as received, unknown keys included: they are part of what was said.
    """
    return hashlib.sha256(canonical_body(body)).hexdigest()


def _text(body: JsonObject, key: str, path: str = "") -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ReportError(f"{path}{key} must be a text that is not empty", key=f"{path}{key}")
    return _bounded(value, f"{path}{key}")


def _text_or_none(body: JsonObject, key: str, path: str = "") -> str | None:
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ReportError(f"{path}{key} must be a text or null", key=f"{path}{key}")
    return _bounded(value, f"{path}{key}")


def _bounded(value: str, key: str) -> str:
    # a NUL or a lone surrogate decodes from JSON but can be stored by no database
    if len(value) > _LONGEST_TEXT or "\0" in value or not value.isprintable():
        raise ReportError(f"{key} must be at most {_LONGEST_TEXT} printable characters", key=key)
    return value


def _integer(body: JsonObject, key: str, *, least: int) -> int:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ReportError(f"{key} must be an integer", key=key)
    if not least <= value <= _LARGEST_INTEGER:
        raise ReportError(f"{key} must be between {least} and 2^63 - 1", key=key)
    return value


def _boolean(body: JsonObject, key: str) -> bool:
    value = body.get(key)
    if not isinstance(value, bool):
        raise ReportError(f"{key} must be true or false", key=key)
    return value


def _time(body: JsonObject, key: str) -> str:
    value = _text(body, key)
    refusal = ReportError(f"{key} must be an RFC 3339 time", key=key)
    if not _TIME.fullmatch(value):
        raise refusal
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise refusal from None
    return rfc3339(moment)


def rfc3339(moment: datetime) -> str:
    """Return a moment as reports write it: UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reason(body: JsonObject) -> Reason:
    value = _text(body, "reason")
    try:
        return Reason(value)
    except ValueError:
        known = ", ".join(Reason)
        raise ReportError(f"reason is none of {known}", key="reason") from None


def _object_or_none(body: JsonObject, key: str) -> JsonObject | None:
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ReportError(f"{key} must be an object or null", key=key)
    return value


def _objects(body: JsonObject, key: str) -> tuple[JsonObject, ...]:
    value = body.get(key)
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise ReportError(f"{key} must be a list of objects", key=key)
    if not all(isinstance(item, Mapping) for item in value):
        raise ReportError(f"{key} must be a list of objects", key=key)
    return tuple(value)
