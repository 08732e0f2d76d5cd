"""Reports of the simulated fleet as gateways send them, with numbers that are valid."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from modemagent.identity.checkdigits import luhn_digit
from modemagent.registry.history.derive import ReceivedReport
from modemagent.registry.history.readings import PlaceReading, Seen, read_place
from modemagent.registry.validation import valid_report
from modemagent.report.message import canonical_body
from tests.registry.history.world import SentReport

Body = dict[str, Any]


@lru_cache
def imei(name: str) -> str:
    digits = f"86769804{_number(name):06d}"
    return digits + luhn_digit(digits)


@lru_cache
def iccid(name: str) -> str:
    digits = f"898830300000{_number(name):06d}"
    return digits + luhn_digit(digits)


@lru_cache
def eid(name: str) -> str:
    digits = f"89044000{_number(name):022d}"
    return f"{digits}{98 - int(digits + '00') % 97:02d}"


def _number(name: str) -> int:
    return int.from_bytes(name.encode(), "big") % 1_000_000


def body_of(sent: SentReport, *, removed_unit: str = "m1") -> Body:
    """Return the JSON of a report."""
    report, reading = sent.report, sent.report.reading
    seconds, ms = divmod(report.wall_ms, 1000)
    body: Body = {
        "schema": 1,
        "report_id": f"{report.digest.hex()[:32]}",
        "gateway_id": report.gateway,
        "stream_id": report.stream,
        "sequence": report.sequence,
        "boot_id": report.boot,
        "boot_count": 1,
        "uptime_ms": report.uptime_ms,
        "observed_at": _rfc3339(seconds, ms),
        "clock_synchronized": report.synchronized,
        "agent_version": "1.0.0",
        "reason": "refresh",
        "port": None,
        "modem": None,
        "sims": [],
        "problems": [],
        "network": None,
    }
    if report.rejected:
        body["port"] = {
            "path": "/dev/ttyUSB2",
            "id": "usb:1-1:1.2",
            "usb_vid": None,
            "usb_pid": None,
        }
        body["sims"] = [{"slot": "not a number"}]
    if reading is not None:
        place = report.place[1]
        body["port"] = {
            "path": "/dev/ttyUSB2", "id": f"usb:{place}:1.2", "usb_vid": None, "usb_pid": None,
        }  # fmt: skip
        if reading.seen == Seen.GONE:
            body["reason"] = "removed"
            reading = PlaceReading(Seen.HERE, removed_unit, "Quectel", "EG25-G")
        body["modem"] = _modem(reading)
        body["sims"] = [_sim(reading, slot) for slot in (1, 2)]
        if reading.reader is not None:
            body["reader"] = reading.reader
    return body


def _modem(reading: PlaceReading) -> Body:
    is_read = reading.unit is not None
    return {
        "manufacturer": reading.maker, "model": reading.model, "firmware": "F1",
        "imei": imei(reading.unit) if is_read else None,
        "imeisv": None, "meid": None, "serial_number": None, "tac": None,
        "read": {
            "manufacturer": "ok", "model": "ok", "firmware": "ok",
            "imei": "ok" if is_read else "timeout",
        },
    }  # fmt: skip


def _sim(reading: PlaceReading, number: int) -> Body:
    found: Body = {
        "slot": number, "active": number == 1, "state": "busy", "iccid": None, "imsi": None,
        "eid": None, "read": {"iccid": "failed", "imsi": "failed", "eid": "failed"},
    }  # fmt: skip
    for one in reading.slots:
        if one.slot == number and one.sim is None:
            found["state"] = "absent"
            found["read"] = dict.fromkeys(("iccid", "imsi", "eid"), "absent")
        elif one.slot == number:
            found["state"] = "ready"
            found["iccid"] = iccid(one.sim) + one.extra
            found["imsi"] = f"90128{_number(one.imsi):010d}" if one.imsi else None
            found["eid"] = eid(one.eid) if one.eid else None
            found["read"] = {
                name: "ok" if found[name] else "failed" for name in ("iccid", "imsi", "eid")
            }
    return found


def _rfc3339(seconds: int, ms: int) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def as_received(sent: SentReport) -> ReceivedReport:
    """Return a report with the numbers that it has on the wire."""
    report = sent.report
    reading = None
    if report.reading is not None:
        reading = read_place(valid_report(canonical_body(body_of(sent))))
    place = None if reading is None else (report.gateway, f"usb:{report.place[1]}")
    values = {name: getattr(report, name) for name in report.__struct_fields__}
    return ReceivedReport(**(values | {"place": place, "reading": reading}))
