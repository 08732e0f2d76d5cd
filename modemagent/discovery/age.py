"""Age of a modem: how long ago the kernel found it."""

from __future__ import annotations

import os
import time

from modemagent.discovery import udev
from modemagent.discovery.sysfs import describe


def modem_age_s(port: str) -> float | None:
    """Return how long ago a modem appeared; None if its port does not appear with it.

    The port of a UART, of a bridge to one, of a pseudo terminal or of the network says nothing
    about the modem behind it.

    :param port: device path or URL
    """
    candidate = None if "://" in port else describe(port)
    if candidate is None or not candidate.cellular:
        return None
    return udev.age_s(candidate.name) or _file_age_s(candidate.path)


def _file_age_s(path: str) -> float | None:
    """Return the age of a device file, at most the time since boot: the clock may have been set."""
    try:
        age_s = time.time() - os.stat(path).st_ctime
    except OSError:
        return None
    return min(age_s, time.clock_gettime(time.CLOCK_BOOTTIME)) if age_s >= 0 else None
