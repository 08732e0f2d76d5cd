"""Opening a port in a running loop, without holding the loop up."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

from modemagent.channel.aside import run_in_thread
from modemagent.channel.pending import driver_call
from modemagent.channel.url import open_port

if TYPE_CHECKING:
    from modemagent.channel.channel import AsyncChannel
    from modemagent.channel.port import Port
    from modemagent.channel.trace import Trace


async def open_channel(url: str, *, baud: int = 115200, trace: Trace | None = None) -> AsyncChannel:
    """Open a port: a device path, ``socket://HOST:PORT`` or ``rfc2217://HOST:PORT``.

    Nothing is written, and what is waiting at the port stays there to be read.

    :param baud: speed of a UART; PTYs and network ports without settings do not mind
    :param trace: told of every chunk that crosses
    :raises UsageError: an unknown scheme, no address, no baud rate
    :raises PortNotFound, PortDenied, PortBusy: why it can not be opened
    """

    def call() -> Port:
        # here, so that pyserial's import does not hold up the loop either
        import modemagent.channel.transport  # noqa: F401

        with driver_call(url, "opening"):
            return open_port(url, baud=baud, trace=trace)

    opening = run_in_thread(call, undo=_close)
    try:
        port = await opening
    except asyncio.CancelledError:
        # cancelled in the turn between its handing over and here: it would be nobody's
        if opening.done() and not opening.cancelled() and opening.exception() is None:
            run_in_thread(functools.partial(_close, opening.result()))
        raise
    from modemagent.channel.channel import AsyncChannel

    return AsyncChannel(port)


def _close(port: Port) -> None:
    with driver_call(port.name, "closing"):
        port.close()
