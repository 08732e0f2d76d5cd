"""Who speaks: the gateway, its boot, and how far its clock can be trusted."""

from __future__ import annotations

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
    """One moment as this machine knows it, taken once so that its parts belong together."""

    observed_at: str
    uptime_ms: int
    clock_synchronized: bool

    @classmethod
    def now(cls) -> Moment:
        return cls(rfc3339(datetime.now(UTC)), uptime_ms(), clock_synchronized())


def uptime_ms() -> int:
    """Return milliseconds since boot; time asleep counts, so the registry can date by it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def boot_id() -> str:
    """Return the kernel's id of this boot, or one of this process where /proc hides it."""
    try:
        return _BOOT_ID_FILE.read_text("ascii").strip() or _PROCESS_BOOT_ID
    except (OSError, ValueError):
        return _PROCESS_BOOT_ID


def derived_gateway_id() -> str | None:
    """Return a gateway id made from this machine's id, or None where there is none.

    The machine id itself is confidential (machine-id(5)): only a keyed hash of it leaves.
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
    """Tell whether the wall clock follows a time source, as far as can be found out."""
    if _TIMESYNCD_MARK.exists():
        return True
    # chrony and ntpd leave no such file; the kernel's own flag is what all of them clear
    try:
        import ctypes

        timex = ctypes.create_string_buffer(512)  # struct timex is 208 bytes on 64-bit Linux
        # modes (unsigned int, 0: only read) stands first; status follows four longs later
        if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
            return False
        offset = 5 * ctypes.sizeof(ctypes.c_long)
        status = ctypes.c_int.from_buffer(timex, offset).value
    except (OSError, AttributeError, ImportError):
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
