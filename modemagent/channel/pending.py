"""Calls to drivers that have not come back, by device.

A driver may never return: from opening a port as from closing it. Each such call costs a thread,
which can not be ended. So a device with one under way gets no other: a program that tries again
for days keeps one thread for it, and not one for each attempt.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from modemagent.channel.url import is_remote
from modemagent.errors import PortBusy

_under_way: list[tuple[str, str]] = []
_lock = threading.Lock()


@contextmanager
def driver_call(port: str, what: Literal["opening", "closing"]) -> Iterator[None]:
    """Note a call that may not return for as long as it lasts; call this in its thread.

    Connections over a network pass: they have deadlines of their own.

    :param port: as the user named it
    :raises PortBusy: it is to be opened, and an earlier call at it has not come back
    """
    if is_remote(port):
        yield
        return
    path = os.path.realpath(port)
    with _lock:
        earlier = next((what for at, what in _under_way if at == path), None)
        if earlier is not None and what == "opening":
            raise PortBusy(
                f"{port} is stuck: the driver has not come back from an earlier {earlier}",
                port=port,
                holder_pid=os.getpid(),
                hint="unplug the modem or switch its power off and on; when that does not help, "
                "restart the machine",
            )
        _under_way.append((path, what))
    try:
        yield
    finally:
        with _lock:
            _under_way.remove((path, what))
