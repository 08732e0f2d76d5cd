"""Closing of connections without losing the last response."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from uvicorn.protocols.http.flow_control import FlowControl


class ClosedConnection(Protocol):
    """A connection that is being closed."""

    flow: FlowControl

    @property
    def expects_more(self) -> bool:
        """Return True if the client may be sending data that will not be read."""

    def closing(self) -> None:
        """Limit the time until the connection is closed; called when it begins."""


class ClosingTransport:
    """A transport that is closed without losing the response.

    Closing a socket while data of the peer is unread resets the connection, and the peer may lose
    a response that it has not read yet. If the body of a request is incomplete, closing therefore
    ends only the writing side, and discards what arrives for up to 5 seconds.
    """

    def __init__(self, transport: asyncio.Transport, connection: ClosedConnection) -> None:
        self._transport = transport
        self._connection = connection
        self.is_lingering = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send data; discard them once the connection is closed."""
        if not self.is_closing():
            self._transport.write(data)

    def is_closing(self) -> bool:
        return self.is_lingering or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        self._connection.closing()
        if not self._connection.expects_more:
            self._transport.close()
            return
        self.is_lingering = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._connection.flow.resume_reading()

    def finish(self) -> None:
        """Close the connection, whose peer has sent everything."""
        self.is_lingering = False
        self._transport.close()
