"""Endpoints of a simulated modem: a PTY behind a link, or a TCP port."""

from __future__ import annotations

import os
import pty
import socket
import tty
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

_READ_SIZE = 65536


class Endpoint(ABC):
    """A port on which clients reach a simulated modem."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The name for a client: a path, or ``socket://HOST:PORT``."""

    @abstractmethod
    def plug(self) -> None:
        """Make the port available."""

    @abstractmethod
    def unplug(self) -> None:
        """Remove the port, as if a cable were pulled."""

    @abstractmethod
    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptors to poll for reading."""

    @abstractmethod
    def output(self) -> int | None:
        """Return the descriptor to write to, None without a client."""

    @property
    def open(self) -> bool:
        """True while a modem is plugged in."""
        return bool(self.descriptors())

    def read(self, descriptor: int) -> bytes:
        """Return the bytes of a readable descriptor, b"" for none."""
        with suppress(OSError):  # EIO: no client has the terminal open
            return os.read(descriptor, _READ_SIZE)
        return b""

    def write(self, data: bytes) -> int:
        """Write as much as the kernel accepts and return the number of bytes."""
        output = self.output()
        if output is not None:
            with suppress(OSError):
                return os.write(output, data)
        return 0


class PtyEndpoint(Endpoint):
    """A PTY in raw mode.

    Its terminal is also kept open here: the PTY survives a client that closes it, and bytes sent
    meanwhile wait for the next client, as in a UART's driver.

    :param link: a symbolic link to the terminal, made and removed with it; None for none
    """

    def __init__(self, link: Path | None = None) -> None:
        self.link = link
        self._master: int | None = None
        self._terminal: int | None = None
        self.device = ""

    @property
    def address(self) -> str:
        return str(self.link) if self.link is not None else self.device

    def plug(self) -> None:
        self._master, self._terminal = pty.openpty()
        tty.setraw(self._terminal)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(self._terminal)
        if self.link is not None:
            try:
                self.link.symlink_to(self.device)
            except OSError:
                self._close()
                raise

    def unplug(self) -> None:
        if self.link is not None and self._is_own(self.link):
            self.link.unlink(missing_ok=True)
        self._close()

    def _is_own(self, link: Path) -> bool:
        """Return True unless the name has been taken for something else since it was created."""
        return (
            self._master is not None and link.is_symlink() and str(link.readlink()) == self.device
        )

    def _close(self) -> None:
        for descriptor in (self._master, self._terminal):
            if descriptor is not None:
                os.close(descriptor)
        self._master = self._terminal = None

    def descriptors(self) -> tuple[int, ...]:
        return () if self._master is None else (self._master,)

    def output(self) -> int | None:
        return self._master


class TcpEndpoint(Endpoint):
    """A TCP port for one client at a time, as on a terminal server; a second one is closed.

    :param port: 0 for any free port
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self._host = host
        self._port = port
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None

    @property
    def address(self) -> str:
        return f"socket://{self._host}:{self._port}"

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
            self._accept(self._listener)
        elif self._client is not None:
            return self._receive(self._client)
        return b""

    def _receive(self, client: socket.socket) -> bytes:
        try:
            data = client.recv(_READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            client.close()
            self._client = None
        return data

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            client, _ = listener.accept()
            if self._client is not None:
                client.close()
                return
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client = client
