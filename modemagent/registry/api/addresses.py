"""Addresses of clients, also behind reverse proxies, and the keys under which they are counted."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from modemagent.errors import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNKNOWN = "unknown"
_LONGEST = 45  # characters of an IPv6 address


def parse_network(text: str) -> Network:
    """Parse an address or a network such as ``10.0.0.0/8``.

    :raises SettingsError: it is neither
    """
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is not an IP network: {error}",
            hint="Example: --trusted-proxy 10.0.0.0/8, without bits after the prefix.",
        ) from error


class ClientAddresses:
    """Finds the client of a request, from the headers of trusted proxies only.

    :param trusted: networks whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are used
    """

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)
        self._is_trusted = lru_cache(maxsize=4096)(self._in_trusted_network)

    def is_proxy(self, peer: str) -> bool:
        """Return True if a peer address is that of a trusted proxy."""
        return bool(self._trusted) and self._is_trusted(peer)

    def client_of(self, peer: str, forwarded_for: bytes | None) -> str:
        """Return the address of the client.

        Each proxy appends the address that it received the request from, so the client is the
        last address that is not a trusted proxy.
        """
        if forwarded_for is None or not self.is_proxy(peer):
            return peer
        client = peer
        for part in reversed(forwarded_for.decode("latin-1").split(",")):
            client = _without_port(part.strip())
            if not self.is_proxy(client):
                break
        return client

    def _in_trusted_network(self, text: str) -> bool:
        address = _parse(text)
        return address is not None and any(address in network for network in self._trusted)


@lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """Return the key under which a client is counted: an IPv4 address, or the /64 of an IPv6 one.

    A single client usually has a whole /64 network.
    """
    parsed = _parse(address)
    if parsed is None:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
    return str(parsed)


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if len(text) > _LONGEST:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
