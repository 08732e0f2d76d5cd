"""A report as received: its JSON, and the types of the keys that the registry uses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from modemagent.errors import ReportError
from modemagent.report.message import SCHEMA, canonical_body

#: Limit of sequence numbers, so that the position of a report in its gateway fits 63 bits.
SEQUENCE_LIMIT = 1 << 40
LONGEST_TEXT = 256
# A modem read through another of its AT ports has not moved: its place is the USB device.
_USB_INTERFACE = re.compile(r"(usb:[^:]+):[^:]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_YEAR_1_MS, _YEAR_10000_MS = -62_135_596_800_000, 253_402_300_800_000
_NAMES = ("report_id", "gateway_id", "stream_id", "boot_id", "agent_version")
_MISSING = re.compile(r"missing required field `(\w+)`")
_INDEX = re.compile(r"\[[^\]]*\]")

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]
_OptionalText = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)] | None
_Sequence = Annotated[int, msgspec.Meta(ge=1, lt=SEQUENCE_LIMIT)]
_Reason = Literal["identified", "sim_changed", "modem_changed", "removed", "refresh", "heartbeat"]
_Part = msgspec.Raw | msgspec.UnsetType
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class PortPart(msgspec.Struct):
    path: _Text
    id: _OptionalText = None
    usb_vid: _OptionalText = None
    usb_pid: _OptionalText = None


class ModemPart(msgspec.Struct):
    manufacturer: _OptionalText = None
    model: _OptionalText = None
    firmware: _OptionalText = None
    imei: _OptionalText = None
    imeisv: _OptionalText = None
    meid: _OptionalText = None
    serial_number: _OptionalText = None
    read: dict[str, Any] | None = {}


class SimPart(msgspec.Struct):
    slot: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    active: Any = None
    state: _OptionalText = None
    iccid: _OptionalText = None
    imsi: _OptionalText = None
    eid: _OptionalText = None
    read: dict[str, Any] | None = {}


class _Problem(msgspec.Struct):
    code: Any = None
    severity: Any = None
    field: Any = None


class _Evidence(msgspec.Struct):
    command: Any = ""


class _Network(msgspec.Struct):
    mcc: Any = None
    registration: Any = None
    registered: Any = None


class _HealthOfModem(msgspec.Struct):
    port_id: _Text
    state: _Text
    drops: _Count | None = 0

    def __post_init__(self) -> None:
        self.drops = self.drops or 0


class _Health(msgspec.Struct):
    outbox: _Count | None = 0
    evicted: _Count | None = 0
    restarts: _Count | None = 0
    modems: tuple[_HealthOfModem, ...] | None = ()

    def __post_init__(self) -> None:
        self.outbox, self.evicted = self.outbox or 0, self.evicted or 0
        self.restarts, self.modems = self.restarts or 0, self.modems or ()

    @property
    def is_printable(self) -> bool:
        return all((one.port_id + one.state).isprintable() for one in self.modems or ())


class DecodedReport(msgspec.Struct):
    """A report as received: the keys that the registry uses, of the right types.

    What later agents may send otherwise, and what has no effect on the history, may be anything.
    """

    schema: int
    report_id: _Text
    gateway_id: _Text
    stream_id: _Text
    sequence: _Sequence
    boot_id: _Text
    boot_count: _Count
    uptime_ms: _Count
    observed_at: _Text
    clock_synchronized: bool
    agent_version: _Text
    reason: _Reason
    port: PortPart | None = None
    modem: ModemPart | None = None
    sims: tuple[SimPart, ...] | None = ()
    problems: tuple[_Problem, ...] | None = ()
    network: _Network | None = None
    evidence: tuple[_Evidence, ...] | None = ()
    reader: _OptionalText = None
    heartbeat_s: Annotated[float, msgspec.Meta(gt=0, lt=2**63)] | None = None
    health: _Health | None = None
    provision: Any = None

    @property
    def device_id(self) -> str | None:
        """Device id of the modem, None if the report has no port."""
        return None if self.port is None else device_id_of(self.port.id, self.port.path)

    @property
    def read_by(self) -> str | None:
        """The program that read the modem: as reported, else by the commands in the evidence."""
        if self.reader is None and self.evidence:
            return reader_of(str(self.evidence[0].command))
        return self.reader


class ReportOutline(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A usual report about a modem, with the parts that readings repeat as they were received.

    The keys have the order of a canonical body.
    """

    agent_version: _Text
    boot_count: _Count
    boot_id: _Text
    clock_synchronized: bool
    gateway_id: _Text
    modem: msgspec.Raw
    network: _Part = msgspec.UNSET
    observed_at: _Text
    port: msgspec.Raw
    problems: _Part = msgspec.UNSET
    reader: _Part = msgspec.UNSET
    reason: _Reason
    report_id: _Text
    schema: int
    sequence: _Sequence
    sims: msgspec.Raw
    stream_id: _Text
    uptime_ms: _Count


class OpenedReport(NamedTuple):
    """A report, its wall time in milliseconds since 1970, and whether all its texts are printable.

    :param is_printable: False: not known
    """

    report: DecodedReport
    wall_ms: int
    is_printable: bool


_decoder = msgspec.json.Decoder(DecodedReport, strict=True)
_outlines = msgspec.json.Decoder(ReportOutline, strict=True)


def decode_report(raw: bytes, wall_ms: int | None = None) -> OpenedReport:
    """Return a report; its identifiers are unchecked.

    :param wall_ms: its wall time, if it is known
    :raises ReportError: not JSON, or a known key is missing or has a value of the wrong type
    """
    try:
        report = _decoder.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError):
        report = _decode_otherwise(raw)
    is_printable = _is_printable(raw)
    return OpenedReport(report, _check(report, is_printable, wall_ms), is_printable)


def decode_outline(raw: bytes) -> tuple[ReportOutline, int] | None:
    """Return a report and its wall time without decoding the parts that readings repeat.

    None: it has other keys, or is not canonical apart from those parts.

    :raises ReportError: as for :func:`decode_report`
    """
    try:
        report = _outlines.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError):
        return None
    if msgspec.json.encode(report) != raw:
        return None
    return report, _check(report, _is_printable(raw))


def _is_printable(raw: bytes) -> bool:
    """Return True if all texts are printable: ASCII, where JSON allows no control but DEL."""
    return raw.isascii() and b"\\" not in raw and b"\x7f" not in raw


def _check(
    report: DecodedReport | ReportOutline, is_printable: bool, wall_ms: int | None = None
) -> int:
    """Check the keys that all reports have, and return the wall time."""
    if report.schema != SCHEMA:
        raise ReportError(
            f"report schema {report.schema} is not supported",
            key="schema",
            hint=f"This version supports schema {SCHEMA}; install a later version.",
        )
    if not is_printable:
        check_printable("", report, _NAMES)
    return _wall_ms(report.observed_at) if wall_ms is None else wall_ms


@lru_cache(maxsize=16)
def _values_of(names: tuple[str, ...]) -> attrgetter[tuple[str | None, ...]]:
    return attrgetter(*names)


def check_printable(path: str, part: msgspec.Struct, names: tuple[str, ...]) -> None:
    """Check texts, which databases cannot store or which cannot be shown otherwise.

    :param path: key of the part in the report, with a dot
    :param names: of at least two of its keys
    :raises ReportError: one of these keys has a text that is not printable
    """
    if not "".join(filter(None, _values_of(names)(part))).isprintable():
        name = next(name for name in names if not (getattr(part, name) or "").isprintable())
        raise ReportError(f"{path}{name} must be printable", key=path + name)


def _wall_ms(text: str) -> int:
    try:
        if _TIME.fullmatch(text):
            wall_ms = int(datetime.fromisoformat(text).timestamp() * 1000)
            if _YEAR_1_MS <= wall_ms < _YEAR_10000_MS:
                return wall_ms
    except (ValueError, OverflowError):
        pass
    raise ReportError("observed_at must be an RFC 3339 time", key="observed_at")


def _decode_otherwise(raw: bytes) -> DecodedReport:
    """Decode a report that is invalid, or has texts that UTF-8 does not have."""
    try:
        return msgspec.convert(_decode(raw), DecodedReport, strict=True)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        missing = _MISSING.search(message)
        parts = [_INDEX.sub("", place.rstrip("`")).strip("."), missing[1] if missing else ""]
        key = ".".join(filter(None, parts))
        raise ReportError(f"{key or 'the report'}: {message}", key=key) from None


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


def reader_of(command: str) -> str:
    """Return the program that read a modem, by the first command in the evidence."""
    return "modemmanager" if command.startswith("modemmanager ") else "at"
