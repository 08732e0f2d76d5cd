"""Readings: what one report states about one place, and the readings of a place that are kept."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from modemagent.identity.iccid import Iccid
from modemagent.registry.validation import SimReading, ValidReport

#: Bits of a position below the rank of its stream, and of a rank below its era.
SEQUENCE_BITS = 40
ERA_BITS = 10

#: Opaque key of a report, place, gateway, boot, unit, IMSI or EID. Ties of dates are broken by
#: gateway, position and report key, so these must be comparable and must not depend on the order of
#: arrival.
Key = Any


class Seen(IntEnum):
    """State of a place in one report.

    HERE: the IMEI or IMEISV was read and is valid. GONE: reason ``removed``. UNREAD: neither.
    """

    HERE = 0
    GONE = 1
    UNREAD = 2


class SlotReading(msgspec.Struct, frozen=True, gc=False):
    """A slot that was read; a slot that was not read has no such object.

    :param sim: unit of the SIM; None if the slot is empty (state and read state ``absent``)
    :param imsi: IMSI, if read and valid
    :param eid: EID, if read and valid
    :param extra: the 20th digit of an ICCID whose unit is keyed by the first 19 digits
    """

    slot: int
    sim: Key
    imsi: Key = None
    eid: Key = None
    extra: str = ""


class PlaceReading(msgspec.Struct, frozen=True, gc=False):
    """What one report states about one place.

    :param unit: the modem, if HERE
    :param reader: program that read maker and model: they are compared only between equal readers
    :param slots: the slots that were read, by number
    """

    seen: Seen
    unit: Key = None
    maker: str | None = None
    model: str | None = None
    reader: str | None = None
    slots: tuple[SlotReading, ...] = ()


_GONE = PlaceReading(Seen.GONE)


class ReportTime(msgspec.Struct, frozen=True, gc=False):
    """A report as a point in time: its key, its position in its gateway and its range of dates.

    :param position: ``rank of the stream << 40 | sequence``; ranks of streams whose order is
        unknown differ above the lowest ten bits (their era)
    :param lo_ms: earliest date, milliseconds since 1970 UTC
    :param hi_ms: latest date; shown as the date of the report
    """

    report: Key
    gateway: Key
    position: int
    lo_ms: int
    hi_ms: int


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """A kept reading of a place.

    :param boot: boot of the report; boots are compared within one gateway
    :param broken: between this sighting and the previous one of the place that is not UNREAD, a
        number was not received, the stream changed, or an UNREAD reading lies
    """

    at: ReportTime
    place: Key
    boot: Key
    reading: PlaceReading
    broken: bool = True


def read_place(report: ValidReport) -> PlaceReading | None:
    """Return what a report states about its place, with numbers as keys.

    :returns: None if the report is about the gateway as a whole
    """
    if report.device_id is None:
        return None
    if report.reason == "removed":  # the numbers are those of the modem that was there
        return _GONE
    unit = None if report.imei is None else report.imei[:14]
    slots = [slot for one in report.sims if (slot := _read_slot(one)) is not None]
    return PlaceReading(
        Seen.UNREAD if unit is None else Seen.HERE,
        unit,
        report.facts.get("manufacturer"),
        report.facts.get("model"),
        report.reader,
        tuple(slots),
    )


def _read_slot(one: SimReading) -> SlotReading | None:
    if one.iccid is not None:
        key = Iccid(one.iccid).sim_key
        return SlotReading(one.slot, key, one.imsi, one.eid, one.iccid[len(key) :])
    return SlotReading(one.slot, None) if one.is_empty else None


def position(rank: int, sequence: int) -> int:
    """Return the position of a report in its gateway.

    >>> position(0, 7), position(1, 7)
    (7, 1099511627783)
    """
    return rank << SEQUENCE_BITS | sequence


def same_era(one: int, other: int) -> bool:
    """Return True if the order of two positions of one gateway is known."""
    return one >> SEQUENCE_BITS + ERA_BITS == other >> SEQUENCE_BITS + ERA_BITS


def moment_order(at: ReportTime) -> tuple[int, int, Key, int, Key]:
    """Sort key of moments of several gateways."""
    return (at.lo_ms, at.hi_ms, at.gateway, at.position, at.report)


def is_before(one: ReportTime, other: ReportTime) -> bool:
    """Return True if the order of two moments is known and this one is earlier."""
    if one.gateway == other.gateway and same_era(one.position, other.position):
        return one.position < other.position
    return one.hi_ms < other.lo_ms
