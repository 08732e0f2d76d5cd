"""Limits on the number of connections: of one address, of one token, and of all strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from modemagent.registry.api.addresses import ClientAddresses, address_key

if TYPE_CHECKING:
    from modemagent.registry.api.metrics import RegistryMetrics

#: Connections without a valid token, of all addresses together.
MOST_STRANGERS = 512
MOST_CONNECTIONS_EACH = 64  # of one address without a valid token, and of one token
_STRANGERS = "strangers"


class GroupedConnection(Protocol):
    """A connection in some groups.

    :param groups: their keys
    """

    client: tuple[str, int] | None
    groups: list[str | int]

    @property
    def is_busy(self) -> bool:
        """Return True if a request is being answered."""

    def drop(self, reason: str) -> None:
        """Close the connection without a response."""


class Connections:
    """The connections of a server in groups, oldest first: by address, then by token.

    A connection is a stranger until a request on it shows a valid token. If a group is full, its
    oldest connection without a request in progress is closed: an honest client sends its head at
    once. Connections of trusted proxies are never strangers.
    """

    def __init__(self, metrics: RegistryMetrics, addresses: ClientAddresses) -> None:
        self.metrics = metrics
        self._addresses = addresses
        self._groups: dict[str | int, dict[GroupedConnection, None]] = {}

    def add(self, connection: GroupedConnection) -> None:
        """Add a new connection."""
        peer = connection.client[0] if connection.client else ""
        if not self._addresses.is_proxy(peer):
            self._join(connection, _STRANGERS, MOST_STRANGERS)
            self._join(connection, address_key(peer), MOST_CONNECTIONS_EACH)

    def confirm(self, connection: GroupedConnection, number: int) -> None:
        """Move a connection from the group of its address to that of a token."""
        self.discard(connection)
        peer = connection.client[0] if connection.client else ""
        if not self._addresses.is_proxy(peer):
            self._join(connection, number, MOST_CONNECTIONS_EACH)

    def discard(self, connection: GroupedConnection) -> None:
        """Remove a closed connection."""
        for key in connection.groups:
            group = self._groups[key]
            del group[connection]
            if not group:
                del self._groups[key]
        connection.groups.clear()

    def _join(self, connection: GroupedConnection, key: str | int, most: int) -> None:
        group = self._groups.get(key, {})
        if len(group) >= most:
            victim = next((one for one in group if not one.is_busy), None) or next(iter(group))
            victim.drop("connections")
        self._groups.setdefault(key, {})[connection] = None
        connection.groups.append(key)
