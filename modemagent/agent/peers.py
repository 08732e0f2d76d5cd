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
from collections import Counter
from collections.abc import Iterator
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


class Places:
    """The clients that are served at the same time: one user can not take every place.

    In a user namespace of the service's own all users but root and the agent's count as one.
    """

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()

    @contextmanager
    def taken_by(self, peer: Peer) -> Iterator[None]:
        """Give a client a place for as long as the block lasts.

        :raises AgentDenied: there is none for it
        """
        uid, total = peer.uid, self._taken.total()
        most = _PLACES if uid in (0, os.geteuid()) else _PLACES - _PLACES_KEPT
        if self._taken[uid] >= _PLACES_OF_ONE:
            raise AgentDenied(
                f"{_PLACES_OF_ONE} clients of user {uid} are talking to the agent already",
                hint="End some of them; one that asks nothing is ended after 10 minutes.",
            )
        if total >= most:
            raise AgentDenied(
                f"{total} clients are talking to the agent already",
                hint="Try again when some have ended; root still gets in."
                if most < _PLACES
                else "Try again when some have ended.",
            )
        self._taken[uid] += 1
        try:
            yield
        finally:
            self._taken[uid] -= 1
            self._taken += Counter()  # forgets who has none left
