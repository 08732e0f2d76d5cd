"""Origin of a report: the gateway, its boot, and whether its clock is synchronized."""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from modemagent.report.message import rfc3339

_MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
_STA_UNSYNC = 0x0040  # <linux/timex.h>


@dataclass(frozen=True, slots=True)
class Moment:
    """Time of an observation: wall clock, uptime and the state of the clock, read at once."""

    observed_at: str
    uptime_ms: int
    clock_synchronized: bool

    @classmethod
    def now(cls) -> Moment:
        return cls(rfc3339(datetime.now(UTC)), uptime_ms(), clock_synchronized())


def uptime_ms() -> int:
    """Return milliseconds since boot, suspended time included, so that the registry can date."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def boot_id() -> str:
    """Return the kernel's id of this boot, or one of this process if /proc does not show it."""
    try:
        return _BOOT_ID_FILE.read_text("ascii").strip() or _PROCESS_BOOT_ID
    except (OSError, ValueError):
        return _PROCESS_BOOT_ID


def derived_gateway_id() -> str | None:
    """Return a gateway id derived from the machine id, or None if it has none.

    The machine id itself is confidential (machine-id(5)): only a keyed hash of it is used.
    """
    for file in _MACHINE_ID_FILES:
        try:
            machine_id = file.read_text("ascii").strip()
        except (OSError, ValueError):
            continue
        if len(machine_id) == 32:
            keyed = hmac.new(machine_id.encode(), b"modemagent gateway", hashlib.sha256)
            return f"gw-{keyed.hexdigest()[:12]}"
    return None


def clock_synchronized() -> bool:
    """Return True if the wall clock is known to follow a time source."""
    if _TIMESYNCD_MARK.exists():
        return True
    # chrony and ntpd write no such file; all of them clear the flag of the kernel
    try:
        timex = ctypes.create_string_buffer(512)  # struct timex is 208 bytes on 64-bit Linux
        # modes (unsigned int, 0: read only) comes first; status follows after four longs
        if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
            return False
        offset = 5 * ctypes.sizeof(ctypes.c_long)
        status = ctypes.c_int.from_buffer(timex, offset).value
    except (OSError, AttributeError):
        return False
    return not status & _STA_UNSYNC


def uuid7() -> str:
    """Return a new UUID version 7 (RFC 9562 clause 5.7): sorted by time, else random."""
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80
    value |= int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


_PROCESS_BOOT_ID = uuid7()
