"""The socket of the browser screen: loopback, or another address with a token."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Final

from modemagent.errors import SettingsError
from modemagent.settings.addresses import is_host_port

_LEAST_TOKEN: Final = 8


def open_screen(address: str, token: str = "") -> socket.socket:
    """Return a listening socket for the screen.

    :param address: ``HOST:PORT``
    :param token: to be typed once on each browser; required unless the address is loopback
    :raises SettingsError: the address or the token cannot be used
    """
    if not is_host_port(address, least_port=0):
        raise SettingsError(f"{address!r} is not HOST:PORT", hint="Example: 127.0.0.1:8471")
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if token and (len(token) < _LEAST_TOKEN or not token.isprintable()):
        raise SettingsError(
            f"the token of the screen needs {_LEAST_TOKEN} characters on one line",
            hint="Write a longer one into the file.",
        )
    if not token and not is_loopback(host):
        raise SettingsError(
            f"without a token the screen is for this machine only, and {host} is not loopback",
            hint="Use 127.0.0.1, or name a file with a token: --screen-token-file FILE",
        )
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        family, kind, protocol, _, where = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise SettingsError(
            f"the screen cannot listen on {address}: {error.strerror or error}",
            hint="Choose another HOST:PORT; port 0 selects a free port.",
        ) from error
    return listener


def screen_url(listener: socket.socket) -> str:
    """Return the address for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def is_loopback(host: str) -> bool:
    """Return True if a host name or address is that of this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
