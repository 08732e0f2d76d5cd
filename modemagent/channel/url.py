"""From a port's name to an open port: one door for paths and for the URL schemes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemagent.channel.tty import open_tty
from modemagent.errors import UsageError

if TYPE_CHECKING:
    from modemagent.channel.port import Port
    from modemagent.channel.trace import Trace

SCHEMES = ("socket", "rfc2217")
CONNECT_TIMEOUT_S = 10.0


def is_remote(port: str) -> bool:
    """Tell whether a port is reached over a network."""
    return "://" in port


def open_port(
    port: str,
    *,
    baud: int,
    timeout_s: float = CONNECT_TIMEOUT_S,
    trace: Trace | None = None,
) -> Port:
    """Open a port; blocks, briefly for a device, up to ``timeout_s`` for a connection.

    :param port: a device path, ``socket://HOST:PORT`` or ``rfc2217://HOST:PORT``
    :raises UsageError: an unknown scheme, no address, no baud rate
    :raises PortError: PortNotFound, PortDenied, PortBusy
    """
    if not is_remote(port):
        return open_tty(port, baud=baud, trace=trace)
    scheme = port.partition("://")[0]
    if scheme not in SCHEMES:
        raise UsageError(
            f"{scheme}:// is no way to a modem",
            hint="use a device path, socket://HOST:PORT or rfc2217://HOST:PORT",
        )
    from modemagent.channel import tcp

    if scheme == "socket":
        return tcp.open_socket(port, timeout_s=timeout_s, trace=trace)
    return tcp.open_rfc2217(port, baud=baud, timeout_s=timeout_s, trace=trace)
