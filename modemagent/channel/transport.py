"""pyserial-asyncio's transport on top of an open :class:`Port`.

pyserial-asyncio 0.6 alone fails the conformance tests: its ``open`` discards the waiting bytes and
runs in the event loop, its ``close`` drains (with unsent bytes and a stalled peer it never ends),
settings are not restored, a second open is permitted, and URLs have no descriptor. All of that lies
in the opening and closing of ``serial.Serial``. Here the transport receives a port that is already
open, configured and locked, and that is closed elsewhere, so it only reads and writes in the loop.
"""

from __future__ import annotations

import asyncio
from typing import Any

from serial_asyncio import SerialTransport

from modemagent.channel.port import Port
from modemagent.errors import PortVanished


class PortAdapter:
    """An open port with the interface of ``serial.Serial`` that the transport uses."""

    def __init__(self, port: Port) -> None:
        self.timeout: float | None = 0
        self.write_timeout: float | None = 0
        self.transport: Any = None
        self._port = port
        self._vanished = False

    def fileno(self) -> int:
        return self._port.fileno()

    def read(self, size: int) -> bytes:
        """Return the waiting bytes; the ``size`` requested by the transport has no effect."""
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
        """Drain nothing: a stalled peer would block the loop."""

    def close(self) -> None:
        """Do nothing: the channel closes the port in a thread."""

    def _end(self, error: PortVanished) -> None:
        if not self._vanished:
            self._vanished = True
            asyncio.get_running_loop().call_soon(self._abort, error)

    def _abort(self, error: PortVanished) -> None:
        if not self.transport.is_closing():
            self.transport._abort(error)


def attach(protocol: asyncio.Protocol, port: Port) -> SerialTransport:
    """Serve a port in the running loop; ``connection_made`` follows one iteration later."""
    adapter = PortAdapter(port)
    adapter.transport = SerialTransport(asyncio.get_running_loop(), protocol, adapter)
    return adapter.transport
