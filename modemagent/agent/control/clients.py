"""Who is at the other end of the control socket, may they ask, and is there a place for them?

The kernel says who connected (``SO_PEERCRED``, ``SO_PEERGROUPS``; unix(7)), so it can not be
feigned. The mode of the socket says the same; this holds where the mode was opened up, and where
a connected socket was handed on.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from modemagent.errors import AgentDenied

_SO_PEERGROUPS = 59  # asm-generic/socket.h, Linux 4.13; Python has no name for it
_MOST_GROUPS = 256  # what Python's getsockopt has room for
_PLACES: Final = 64
_PLACES_KEPT: Final = 8
"""For root and the agent's own user: whoever has to look into it gets in."""
_PLACES_OF_ONE: Final = 32


class Peer(NamedTuple):
    """The process that connected, as it was when it did."""

    pid: int
    uid: int
    groups: frozenset[int]


def peer_of(line: socket.socket) -> Peer:
    """Return who is at the other end of a connected unix socket."""
    pid, uid, gid = struct.unpack(
        "iII", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    )
    # Its other groups come from the kernel too: /proc is hidden from the service, and in a user
    # namespace of its own (PrivateUsers) every stranger has the same uid there.
    groups = array.array("I")
    try:
        groups.frombytes(line.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_GROUPS * 4))
    except (OSError, ValueError):  # another architecture's number, an old kernel, too many groups
        groups = array.array("I")
    return Peer(pid, uid, frozenset((gid, *groups)))


def admit(peer: Peer, group: int) -> None:
    """Let root, the agent's own user and members of the socket's group ask.

    :param group: the group the socket belongs to
    :raises AgentDenied: it is none of these
    """
    if peer.uid not in (0, os.geteuid()) and group not in peer.groups:
        raise AgentDenied(
            f"user {peer.uid} may not talk to the agent",
            hint="Join the group modemagent and log in again, or run this as the agent's user.",
        )


class ClientSlot:
    """One client that is served.

    :ivar idle_since: since when it could go without losing anything, in monotonic seconds; None
        while it waits for an answer or holds something open
    """

    def __init__(self, uid: int, end: Callable[[], object]) -> None:
        self.uid = uid
        self.end = end
        self.idle_since: float | None = None


class ClientSlots:
    """The clients that are served at the same time: one user can not take every place.

    Where none is left, the client that has been idle for longest makes room. In a user namespace
    of the service's own all users but root and the agent's count as one.
    """

    def __init__(self) -> None:
        self._taken: list[ClientSlot] = []

    @contextmanager
    def taken_by(self, peer: Peer, end: Callable[[], object]) -> Iterator[ClientSlot]:
        """Give a client a place for as long as the block lasts.

        :param end: ends this client, when another one needs its place
        :raises AgentDenied: there is none for it
        """
        first = (0, os.geteuid())
        most = _PLACES if peer.uid in first else _PLACES - _PLACES_KEPT
        its = [place for place in self._taken if place.uid == peer.uid]
        if len(its) >= _PLACES_OF_ONE and not self._made_room(its):
            raise AgentDenied(
                f"{len(its)} clients of user {peer.uid} are talking to the agent already",
                hint="End some of them: terminals, watches, or requests that wait.",
            )
        others = [place for place in self._taken if peer.uid in first or place.uid not in first]
        if len(self._taken) >= most and not self._made_room(others):
            raise AgentDenied(
                f"{len(self._taken)} clients are talking to the agent already",
                hint="Try again when some have ended"
                + ("." if most == _PLACES else "; root still gets in."),
            )
        place = ClientSlot(peer.uid, end)
        self._taken.append(place)
        try:
            yield place
        finally:
            if place in self._taken:
                self._taken.remove(place)

    def _made_room(self, places: list[ClientSlot]) -> bool:
        idle = [(place.idle_since, place) for place in places if place.idle_since is not None]
        if not idle:
            return False
        _, longest = min(idle, key=lambda each: each[0])
        self._taken.remove(longest)
        longest.end()
        return True
