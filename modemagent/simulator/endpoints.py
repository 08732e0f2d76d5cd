"""The places a simulated modem can be reached at: a PTY behind a link, or a TCP port."""

from __future__ import annotations

import os
import pty
import socket
import tty
from contextlib import suppress
from pathlib import Path
from typing import Protocol

_READ_SIZE = 65536


class Endpoint(Protocol):
    """One way to the bytes of a modem.

    :ivar address: what a client opens: a path, or ``socket://HOST:PORT``
    :ivar open: a modem is plugged in here
    """

    @property
    def address(self) -> str: ...

    @property
    def open(self) -> bool: ...

    def plug(self) -> None:
        """Make the place reachable."""

    def unplug(self) -> None:
        """Take it away, as a pulled cable does."""

    def descriptors(self) -> tuple[int, ...]:
        """Return what to poll for reading."""

    def output(self) -> int | None:
        """Return what to poll for writing, None when nobody listens."""

    def read(self, descriptor: int) -> bytes:
        """Return what a readable descriptor brought, b"" for nothing."""

    def write(self, data: bytes) -> int:
        """Write what fits and return how much that was."""


class PtyEndpoint:
    """A PTY, raw from the start.

    The far side is held open here too: a client that closes does not end the PTY, and bytes
    sent meanwhile wait for the next one, as they do in a UART's driver.

    :param link: a symbolic link to the terminal, made and removed with it; None for none
    """

    def __init__(self, link: Path | None = None) -> None:
        self.link = link
        self._near: int | None = None
        self._far: int | None = None
        self.device = ""

    @property
    def address(self) -> str:
        return str(self.link) if self.link is not None else self.device

    @property
    def open(self) -> bool:
        return self._near is not None

    def plug(self) -> None:
        self._near, self._far = pty.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.device = os.ttyname(self._far)
        if self.link is not None:
            fresh = self.link.with_name(f".{self.link.name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self.device)
            fresh.replace(self.link)

    def unplug(self) -> None:
        # Only our own link: another simulator may have taken the name over.
        link = self.link
        if link is not None and link.is_symlink() and str(link.readlink()) == self.device:
            link.unlink(missing_ok=True)
        for descriptor in (self._near, self._far):
            if descriptor is not None:
                os.close(descriptor)
        self._near = self._far = None

    def descriptors(self) -> tuple[int, ...]:
        return () if self._near is None else (self._near,)

    def output(self) -> int | None:
        return self._near

    def read(self, descriptor: int) -> bytes:
        with suppress(OSError):  # EIO: no client has the far side open
            return os.read(descriptor, _READ_SIZE)
        return b""

    def write(self, data: bytes) -> int:
        if self._near is not None:
            with suppress(OSError):
                return os.write(self._near, data)
        return 0


class TcpEndpoint:
    """A TCP port with one client at a time, as a terminal server gives it; a second is closed.

    :param port: 0 takes any free one
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self._host = host
        self._port = port
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None

    @property
    def address(self) -> str:
        return f"socket://{self._host}:{self._port}"

    @property
    def open(self) -> bool:
        return self._listener is not None

    def plug(self) -> None:
        listener = socket.create_server((self._host, self._port))
        listener.setblocking(False)
        self._port = listener.getsockname()[1]
        self._listener = listener

    def unplug(self) -> None:
        for end in (self._client, self._listener):
            if end is not None:
                end.close()
        self._client = self._listener = None

    def descriptors(self) -> tuple[int, ...]:
        return tuple(end.fileno() for end in (self._listener, self._client) if end is not None)

    def output(self) -> int | None:
        return self._client.fileno() if self._client is not None else None

    def read(self, descriptor: int) -> bytes:
        if self._listener is not None and descriptor == self._listener.fileno():
            self._accept()
            return b""
        if self._client is None:
            return b""
        try:
            data = self._client.recv(_READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._client.close()
            self._client = None
        return data

    def write(self, data: bytes) -> int:
        if self._client is not None:
            with suppress(OSError):
                return self._client.send(data)
        return 0

    def _accept(self) -> None:
        if self._listener is None:
            return
        with suppress(OSError):
            client, _ = self._listener.accept()
            if self._client is not None:
                client.close()
                return
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client = client
