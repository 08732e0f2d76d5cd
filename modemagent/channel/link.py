"""The way to the bytes of one port as a file descriptor: tty, TCP, or a bridge to RFC 2217.

Opening and closing may take their time (a name server, a driver), so both are plain blocking
functions that the asynchronous side runs in a thread of its own.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from modemagent.channel.lock import claim, release
from modemagent.channel.tty import make_raw, put_back
from modemagent.errors import PortNotFound, UsageError

CONNECT_TIMEOUT_S = 5.0
_GONE_HINT = "check the address, and that the other end listens"


class Link:
    """An open port.

    :param fd: readable and writable, not blocking
    :param close: gives everything back; may be called once
    """

    __slots__ = ("close", "fd", "port")

    def __init__(self, port: str, fd: int, close: Callable[[], None]) -> None:
        self.port = port
        self.fd = fd
        self.close = close


def open_link(port: str, *, baud: int = 115200, timeout_s: float = CONNECT_TIMEOUT_S) -> Link:
    """Open a port: a device path, ``socket://HOST:PORT`` or ``rfc2217://HOST:PORT``.

    What is waiting in the device is left there: it is evidence of who talks on this port.

    :raises PortNotFound, PortDenied, PortBusy, UsageError:
    """
    scheme, separator, rest = port.partition("://")
    if not separator:
        return _open_tty(port, baud)
    if scheme == "socket":
        return _open_socket(port, rest, timeout_s)
    if scheme == "rfc2217":
        from modemagent.channel.rfc2217 import open_bridge

        return open_bridge(port, baud=baud, timeout_s=timeout_s)
    raise UsageError(
        f"{port}: unknown kind of port {scheme}://",
        hint="a port is a device path, socket://HOST:PORT or rfc2217://HOST:PORT",
    )


def _open_tty(port: str, baud: int) -> Link:
    fd = claim(port)
    try:
        saved = make_raw(fd, baud)
    except BaseException:
        release(fd)
        raise

    def close() -> None:
        put_back(fd, saved)
        release(fd)

    return Link(port, fd, close)


def host_and_port(port: str, rest: str) -> tuple[str, int]:
    """Split ``HOST:PORT`` (``[::1]:7000`` too) of a port URL.

    :raises UsageError: it is not of that form
    """
    host, _, number = rest.rstrip("/").rpartition(":")
    if not host or not number.isdigit() or not 0 < int(number) < 65536:
        raise UsageError(f"{port} is not of the form SCHEME://HOST:PORT")
    return host.strip("[]"), int(number)


def _open_socket(port: str, rest: str, timeout_s: float) -> Link:
    address = host_and_port(port, rest)
    try:
        connection = socket.create_connection(address, timeout_s)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PortNotFound(
            f"no connection to {port}: {reason}", port=port, hint=_GONE_HINT
        ) from error
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    fd = connection.detach()
    return Link(port, fd, lambda: os.close(fd))
