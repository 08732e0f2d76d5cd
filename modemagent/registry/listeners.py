"""The sockets on which a registry listens: the API, metrics, and equipment status."""

from __future__ import annotations

import socket
from typing import NamedTuple

from modemagent.errors import SettingsError
from modemagent.registry.api.connection import RegistryConnection

Address = tuple[str, int]


class SideListeners(NamedTuple):
    """Sockets beside that of the API; None: not used."""

    metrics: socket.socket | None = None
    eir: socket.socket | None = None


def connection_of_eir() -> type[RegistryConnection]:
    """Return the protocol of the listener for equipment status: HTTP/2 needs the extra eir."""
    try:
        from modemagent.registry.api.eir_http2 import EirConnection
    except ModuleNotFoundError:
        return RegistryConnection
    return EirConnection


def listening_line(scheme: str, listener: socket.socket, others: SideListeners) -> str:
    """Return the line that states the addresses of a server."""
    addresses = [url_of(scheme, listener)]
    if others.metrics is not None:
        addresses.append(f"metrics on {url_of('http', others.metrics)}/metrics")
    if others.eir is not None:
        addresses.append(f"equipment status on {url_of(scheme, others.eir)}")
    return f"listening on {', '.join(addresses)}"


def url_of(scheme: str, listener: socket.socket) -> str:
    """Return the URL of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def open_listener(host: str, port: int) -> socket.socket:
    """Return a bound socket whose connections send without delay.

    :raises SettingsError: the address cannot be used
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # inherited by accepted sockets: otherwise the second part of a response waits up to 40 ms
        # for the delayed acknowledgement of the first
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="Choose another HOST:PORT; port 0 selects a free port.",
        ) from error
    return listener
