"""Ports on a network: plain TCP (``socket://HOST:PORT``) and RFC 2217 (``rfc2217://HOST:PORT``)."""

from __future__ import annotations

import socket

from modemagent.channel.port import Port
from modemagent.channel.rfc2217 import connect
from modemagent.channel.trace import Trace
from modemagent.errors import PortError, PortNotFound, UsageError

#: A server that has lost power is noticed after about a minute of silence.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)


def parse_host_port(url: str) -> tuple[str, int]:
    """Return host and port of ``SCHEME://HOST:PORT``.

    :raises UsageError: the URL has another form
    """
    scheme, _, rest = url.partition("://")
    host, _, number = rest.rstrip("/").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    is_port_number = number.isascii() and number.isdigit() and 0 < int(number[:6]) < 65536
    if not (is_port_number and _is_host(host)):
        raise UsageError(
            f"{url} is not a valid address", hint=f"Write it as {scheme}://192.168.1.5:7000."
        )
    return host, int(number)


def _is_host(host: str) -> bool:
    try:
        return bool(host.encode("idna"))  # as the name lookup does, which would raise UnicodeError
    except UnicodeError:
        return False


def open_socket(url: str, *, timeout_s: float, trace: Trace | None = None) -> Port:
    """Connect by TCP; blocks for name lookup and connection.

    :raises PortNotFound: the connection cannot be made
    """
    try:
        connection = socket.create_connection(parse_host_port(url), timeout=timeout_s)
    except OSError as error:
        raise _unreachable(url, error) from error
    for level, option, value in _KEEPALIVE:
        connection.setsockopt(level, option, value)
    connection.setblocking(False)
    return Port(url, connection.detach(), trace=trace)


def open_rfc2217(url: str, *, baud: int, timeout_s: float, trace: Trace | None = None) -> Port:
    """Connect and negotiate the line settings; blocks until both are done.

    :raises PortNotFound: the connection cannot be made, or the server does not speak RFC 2217
    """
    parse_host_port(url)
    try:
        connection = connect(url, baud=baud, timeout_s=timeout_s)
    except OSError as error:  # pyserial's own error is one
        raise _unreachable(url, error) from error
    return Port(url, connection.detach(), trace=trace)


def _unreachable(url: str, error: OSError) -> PortError:
    reason = error.strerror or str(error) or "no answer in time"
    return PortNotFound(
        f"cannot connect to {url}: {reason}",
        port=url,
        hint="Check the address, and that the serial server is running and has no other client.",
    )
