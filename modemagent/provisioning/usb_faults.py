"""USB faults in the kernel log: over-current at a port, devices that are reset repeatedly.

The messages are those of ``drivers/usb/core/hub.c``.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta

_OVER_CURRENT = re.compile(r"(\S+): over-current condition")
_RESET = re.compile(r"usb (\S+): reset \S+ USB device")
#: Resets of one device in a day that modules do not make by themselves.
_MANY_RESETS = 5
_DAY = timedelta(days=1)


def usb_fault(log: str, now: datetime) -> tuple[str, str]:
    """Return what is wrong with a USB port by the lines of the last day, and the remedy.

    :param log: lines that begin with their time in ISO 8601
    :returns: two empty texts if nothing is wrong

    >>> now = datetime.fromisoformat("2026-12-01T12:00:00+00:00")
    >>> usb_fault("2026-12-01T11:00:00+0000 b2 kernel: usb 1-1-port3: over-current condition", now)
    ('over-current at USB 1-1-port3', 'Use the power supply of the hub, or a stronger one.')
    """
    resets: Counter[str] = Counter()
    for line in log.splitlines():
        over, reset = _OVER_CURRENT.search(line), _RESET.search(line)
        if not (over or reset) or not _is_recent(line, now):
            continue
        if over:
            remedy = "Use the power supply of the hub, or a stronger one."
            return f"over-current at USB {over[1]}", remedy
        if reset:
            resets[reset[1]] += 1
    for device, count in resets.most_common(1):
        if count >= _MANY_RESETS:
            return (f"USB {device} was reset {count} times within a day",
                    "Replace the cable; check the power supply of the hub.")  # fmt: skip
    return "", ""


def _is_recent(line: str, now: datetime) -> bool:
    try:
        return now - datetime.fromisoformat(line.partition(" ")[0]) < _DAY
    except (ValueError, TypeError):  # no time, or one without a zone
        return False
