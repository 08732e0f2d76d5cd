"""Port names: a device path or a URL, and how each is opened."""

from __future__ import annotations

from modemagent.channel.port import Port
from modemagent.channel.trace import Trace
from modemagent.channel.tty import open_tty
from modemagent.errors import UsageError

SCHEMES = ("socket", "rfc2217")
CONNECT_TIMEOUT_S = 10.0


def is_remote(port: str) -> bool:
    """Return True if a port is reached over a network."""
    return "://" in port


def open_port(
    port: str,
    *,
    baud: int,
    timeout_s: float = CONNECT_TIMEOUT_S,
    trace: Trace | None = None,
) -> Port:
    """Open a port. Blocks, for a device briefly, for a connection up to ``timeout_s``.

    :param port: a device path, ``socket://HOST:PORT`` or ``rfc2217://HOST:PORT``
    :raises UsageError: unknown scheme, malformed address or unsupported baud rate
    :raises PortError: PortNotFound, PortDenied, PortBusy
    """
    if not is_remote(port):
        return open_tty(port, baud=baud, trace=trace)
    scheme = port.partition("://")[0]
    if scheme not in SCHEMES:
        raise UsageError(
            f"unsupported port scheme {scheme}://",
            hint="Use a device path, socket://HOST:PORT or rfc2217://HOST:PORT.",
        )
    # socket and pyserial cost 15 ms, which a one-shot command on a local device does not pay
    from modemagent.channel import tcp

    if scheme == "socket":
        return tcp.open_socket(port, timeout_s=timeout_s, trace=trace)
    return tcp.open_rfc2217(port, baud=baud, timeout_s=timeout_s, trace=trace)
