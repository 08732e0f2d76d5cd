"""A word to systemd: ready, still alive, stopping (sd_notify(3)).

The protocol is a datagram of ``NAME=value`` lines to the socket that ``NOTIFY_SOCKET`` names.
"""

from __future__ import annotations

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Send states, one a line, as ``READY=1``; without systemd nothing happens.

    A socket that stays full, as while everything boots, loses the word after two seconds rather
    than hold the daemon up for good.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(2.0)
        line.connect(address.replace("@", "\0", 1) if address[0] == "@" else address)
        line.send(state.encode())


def watchdog_interval_s() -> float | None:
    """Return how often systemd wants to hear from us, halved to be on time; None for never."""
    usec = os.environ.get("WATCHDOG_USEC", "")
    if not usec.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(usec) / 2_000_000 if int(usec) else None
