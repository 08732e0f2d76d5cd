"""Ports behind a network: ``socket://HOST:PORT`` as plain TCP, ``rfc2217://HOST:PORT``."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from modemagent.channel.port import Port
from modemagent.errors import PortError, PortNotFound, UsageError

if TYPE_CHECKING:
    from modemagent.channel.trace import Trace

# A far side that has lost power is noticed after about a minute of nothing.
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

    :raises UsageError: it has another form
    """
    scheme, _, rest = url.partition("://")
    host, _, number = rest.rstrip("/").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    numbered = number.isascii() and number.isdigit() and 0 < int(number[:6]) < 65536
    if not (numbered and _can_be_a_host(host)):
        raise UsageError(f"{url} is no address", hint=f"As in: {scheme}://192.168.1.5:7000")
    return host, int(number)


def _can_be_a_host(host: str) -> bool:
    try:
        return bool(host.encode("idna"))  # so the name look-up does, and has no port's error
    except UnicodeError:
        return False


def open_socket(url: str, *, timeout_s: float, trace: Trace | None = None) -> Port:
    """Connect; blocks for name look-up and connection.

    :raises PortNotFound: nobody answers there
    """
    host, number = parse_host_port(url)
    try:
        link = socket.create_connection((host, number), timeout=timeout_s)
    except OSError as error:
        raise _unreachable(url, error) from error
    for level, option, value in _KEEPALIVE:
        link.setsockopt(level, option, value)
    link.setblocking(False)
    return Port(url, link.detach(), trace=trace)


def open_rfc2217(url: str, *, baud: int, timeout_s: float, trace: Trace | None = None) -> Port:
    """Connect and agree on the settings; blocks meanwhile.

    :raises PortNotFound: nobody answers there, or not in RFC 2217
    """
    parse_host_port(url)
    from modemagent.channel.rfc2217 import connect

    try:
        link = connect(url, baud=baud, timeout_s=timeout_s)
    except OSError as error:  # pyserial's own error is one
        raise _unreachable(url, error) from error
    return Port(url, link.detach(), trace=trace)


def _unreachable(url: str, error: OSError) -> PortError:
    why = error.strerror or str(error) or "no answer in time"
    return PortNotFound(
        f"{url} can not be reached: {why}",
        port=url,
        hint="check the address, and that the serial server runs and has no other client",
    )
