"""Opens an asynchronous channel to a port."""

from __future__ import annotations

from modemagent.channel.channel import Channel, in_thread
from modemagent.channel.link import open_link
from modemagent.channel.record import Trace


async def open_channel(port: str, *, baud: int = 115200, trace: Trace | None = None) -> Channel:
    """Open a port without blocking the loop, for ourselves alone.

    :param port: device path, ``socket://HOST:PORT`` or ``rfc2217://HOST:PORT``
    :param trace: called with every byte that passes
    :raises PortNotFound, PortDenied, PortBusy, UsageError:
    """
    return Channel(await in_thread(lambda: open_link(port, baud=baud)), trace)
