"""Notifications to systemd: ready, alive, stopping (sd_notify(3)).

The protocol is a datagram of ``NAME=value`` lines to the socket that ``NOTIFY_SOCKET`` names.
"""

from __future__ import annotations

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Send states, one per line, such as ``READY=1``; without systemd nothing is sent.

    If the socket stays full, as it can during a boot, the notification is dropped after two
    seconds, so that the daemon does not block.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(2.0)
        line.connect(address.replace("@", "\0", 1) if address[0] == "@" else address)
        line.send(state.encode())


def watchdog_interval_s() -> float | None:
    """Return half the watchdog timeout of systemd; None if the watchdog is off."""
    usec = os.environ.get("WATCHDOG_USEC", "")
    if not usec.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(usec) / 2_000_000 if int(usec) else None
