"""The report: the message that the agent sends and the registry stores.

A report states what one port held at one moment of one boot of one gateway. It is a state, not an
event: the registry compares consecutive states and derives the events, so a repeated report is
harmless.

Content by ``reason``:

``identified``      first complete reading of this port by this agent, or the first after the
                    port returned; ``port``, ``modem`` and ``sims`` are the reading
``sim_changed``     the same modem, with a SIM that differs from the last report. A SIM that was
                    removed has ``sims[].state`` ``absent``; the modem is as before
``modem_changed``   the same port with another modem
``removed``         the port is gone. ``port`` as before; ``modem`` and ``sims`` are the last known
                    reading, so that their intervals can be closed at ``observed_at``: they state
                    what was removed, not what is present
``refresh``         no difference: the daily full report, and the first one after a restart
``heartbeat``       a sign of life of the gateway, with ``heartbeat_s`` and ``health``; ``port``
                    and ``modem`` are null. Until version 0.1.0: as ``refresh`` for each watched
                    port, and without a modem only if there was none

A value counts only if its ``read`` state is ``ok``; all other fields are "not read".

``modem``, ``sims``, ``problems`` and ``network`` stay JSON objects here, so that a registry keeps
what a later agent adds to them. Unknown keys of the report itself are ignored.

A batch holds reports of one gateway and one stream, and carries three HTTP headers:

* :data:`BOOT_ID_HEADER` and :data:`UPTIME_HEADER` are the sender's boot and its milliseconds since
  boot at the time of sending. With them the registry dates the reports of that boot without relying
  on the gateway's wall clock.
* :data:`FIRST_PENDING_HEADER` is the stream and the lowest number in it that still waits once the
  batch is acknowledged, else the next one to be given. Lower numbers that are neither received nor
  in the batch will never arrive.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from modemagent.errors import ReportError
from modemagent.identity.json_codec import fields_to_json, from_json

SCHEMA = 1
BOOT_ID_HEADER = "Modemagent-Boot-Id"
UPTIME_HEADER = "Modemagent-Uptime-Ms"
FIRST_PENDING_HEADER = "Modemagent-First-Pending"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_LONGEST_TEXT = 256
#: Keys that are left out if they have no value.
_OPTIONAL = ("reader", "evidence", "heartbeat_s", "health", "provision")
_LARGEST_INTEGER = 2**63 - 1

JsonObject = Mapping[str, object]
ReportKey = tuple[str, str, int]


class Reason(StrEnum):
    """Reason of a report; the docstring of the module lists the content by reason."""

    IDENTIFIED = "identified"
    SIM_CHANGED = "sim_changed"
    MODEM_CHANGED = "modem_changed"
    REMOVED = "removed"
    REFRESH = "refresh"
    HEARTBEAT = "heartbeat"


def _bounded(text: str) -> str:
    # a NUL or a lone surrogate can be decoded from JSON, but databases cannot store it
    if len(text) > _LONGEST_TEXT or not text.isprintable():
        raise ValueError(f"must be at most {_LONGEST_TEXT} printable characters")
    return text


def _filled(text: str) -> str:
    if not text:
        raise ValueError("must be a text that is not empty")
    return text


def _at_least(least: int) -> Callable[[int], int]:
    def check(number: int) -> int:
        if not least <= number <= _LARGEST_INTEGER:
            raise ValueError(f"must be between {least} and 2^63 - 1")
        return number

    return check


def _positive(number: float) -> float:
    if not 0 < number <= _LARGEST_INTEGER:
        raise ValueError("must be a positive number")
    return number


def _known_schema(schema: int) -> int:
    if schema != SCHEMA:
        raise ReportError(
            f"report schema {schema} is not supported",
            key="schema",
            hint=f"This version supports schema {SCHEMA}; install a later version.",
        )
    return schema


def _utc(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC) if _TIME.fullmatch(text) else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise ValueError("must be an RFC 3339 time")
    return rfc3339(moment)


_Text = Annotated[str, _filled, _bounded]
_OptionalText = Annotated[str, _bounded] | None
_Count = Annotated[int, _at_least(0)]
_Ordinal = Annotated[int, _at_least(1)]
_Interval = Annotated[float, _positive]


class PortPlace(NamedTuple):
    """Port of a modem and its place in the gateway.

    :param path: device path or URL, such as ``/dev/ttyUSB2``; depends on the order of plugging
    :param id: stable id of the USB socket, such as ``usb:1-2:1.2``, if known
    :param usb_vid: USB vendor id, four hexadecimal digits
    :param usb_pid: USB product id, four hexadecimal digits
    :param socket: physical USB socket, if known (:mod:`modemagent.discovery.sockets`); not sent
    """

    path: _Text
    id: _OptionalText = None
    usb_vid: _OptionalText = None
    usb_pid: _OptionalText = None
    socket: _OptionalText = None

    def to_json(self) -> dict[str, object]:
        document = fields_to_json(self)
        del document["socket"]
        return document


class ModemHealth(NamedTuple):
    """One modem in a heartbeat.

    :param port_id: stable id of its port, else the path
    :param state: state of the port, the word of ``status``
    :param drops: the most drops within any ten minutes since the last heartbeat
    """

    port_id: _Text
    state: _Text
    drops: _Count = 0


class Health(NamedTuple):
    """Health of the gateway in a heartbeat.

    :param outbox: number of waiting reports
    :param evicted: number of reports evicted since the stream began
    :param restarts: number of restarts of the agent since the boot
    """

    outbox: _Count = 0
    evicted: _Count = 0
    restarts: _Count = 0
    modems: tuple[ModemHealth, ...] = ()


class Report(NamedTuple):
    """One report of one port.

    :param report_id: UUIDv7, for display and logs; the identity of a report is :attr:`key`
    :param stream_id: random per state directory, so that a copied disk image is noticed
    :param sequence: number within the stream, from 1; a gap means that as many reports were
        evicted for lack of space
    :param boot_id: the kernel's id of this boot
    :param boot_count: number of boots of this state directory, from 1
    :param uptime_ms: milliseconds since boot, suspend included
    :param observed_at: RFC 3339 in UTC with milliseconds, from the gateway's wall clock
    :param clock_synchronized: the wall clock was synchronized to a time source
    :param reader: ``at`` or ``modemmanager``, which name makers and models differently; absent in
        heartbeats, and until version 0.1.0
    :param evidence: for each field the command, its response, the parser and the milliseconds
        since the start of the reading; absent if nothing was read
    :param heartbeat_s: interval of the heartbeats; only in a heartbeat
    :param health: health of the gateway; only in a heartbeat
    :param provision: what the bench states about the unit; only in its reports
    """

    schema: Annotated[int, _known_schema]
    report_id: _Text
    gateway_id: _Text
    stream_id: _Text
    sequence: _Ordinal
    boot_id: _Text
    boot_count: _Count
    uptime_ms: _Count
    observed_at: Annotated[_Text, _utc]
    clock_synchronized: bool
    agent_version: _Text
    reason: Reason
    port: PortPlace | None = None
    modem: JsonObject | None = None
    sims: tuple[JsonObject, ...] = ()
    problems: tuple[JsonObject, ...] = ()
    network: JsonObject | None = None
    reader: _OptionalText = None
    evidence: tuple[JsonObject, ...] = ()
    heartbeat_s: _Interval | None = None
    health: Health | None = None
    provision: JsonObject | None = None

    @property
    def key(self) -> ReportKey:
        """``(gateway_id, stream_id, sequence)``: identifies this report permanently."""
        return (self.gateway_id, self.stream_id, self.sequence)

    def to_json(self) -> dict[str, object]:
        return fields_to_json(self, omitted=_OPTIONAL)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read the JSON form.

        :raises ReportError: a key is missing or has a value of the wrong type
        """
        return from_json(cls, data)


def canonical_body(body: JsonObject) -> bytes:
    """Return the canonical encoding of a report: keys sorted, no white space, ASCII.

    A report is stored and sent in this form. The registry compares two bodies with one key by it,
    so the order of keys and the form of escapes never cause a conflict.

    >>> canonical_body({"b": 1, "a": "\\u00e9"})
    b'{"a":"\\\\u00e9","b":1}'
    """
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def rfc3339(moment: datetime) -> str:
    """Return a moment in the format of reports: UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
