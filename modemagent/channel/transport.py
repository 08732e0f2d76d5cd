"""pyserial-asyncio's transport over a port of ours.

pyserial-asyncio 0.6 as it comes can not meet the conformance suite: its ``open`` throws away what
is waiting at the port and is done in the loop, its ``close`` drains (and with unsent bytes and a
stuck far side never ends), settings are not put back, a second open is allowed, and URLs have no
descriptor. All of them lie in how it opens and closes a ``serial.Serial``. Here its transport is
given a port that is open, set and locked already, and that is closed elsewhere: so it does what
it does well, reading and writing in the loop, and every row is met.
"""

from __future__ import annotations

import asyncio
from typing import Any

from serial_asyncio import SerialTransport

from modemagent.channel.port import Port
from modemagent.errors import PortVanished


class Adopted:
    """An open port in the shape of the ``serial.Serial`` that the transport wants."""

    def __init__(self, port: Port) -> None:
        self.timeout: float | None = 0
        self.write_timeout: float | None = 0
        self.transport: Any = None
        self._port = port
        self._gone = False

    def fileno(self) -> int:
        return self._port.fileno()

    def read(self, size: int) -> bytes:
        """Return what is waiting; ``size`` is the transport's wish and of no account here."""
        try:
            return self._port.read()
        except PortVanished as error:
            self._end(error)
            return b""

    def write(self, data: bytes) -> int:
        try:
            return self._port.write(data)
        except PortVanished as error:
            # not raised: the transport would call the loop's exception handler, which logs
            self._end(error)
            return 0

    def flush(self) -> None:
        """Drain nothing: a stuck far side would hold up the loop."""

    def close(self) -> None:
        """Closing is the channel's, in a thread."""

    def _end(self, error: PortVanished) -> None:
        if not self._gone:
            self._gone = True
            asyncio.get_running_loop().call_soon(self._abort, error)

    def _abort(self, error: PortVanished) -> None:
        if not self.transport.is_closing():
            self.transport._abort(error)


def attach(protocol: asyncio.Protocol, port: Port) -> SerialTransport:
    """Serve a port in the running loop; ``connection_made`` comes one turn later."""
    adopted = Adopted(port)
    adopted.transport = SerialTransport(asyncio.get_running_loop(), protocol, adopted)
    return adopted.transport
