"""Who is at the other end of the control socket, and may they ask?

The kernel says who connected (``SO_PEERCRED``, ``SO_PEERGROUPS``; unix(7)), so it can not be
feigned. The mode of the socket says the same; this holds where the mode was opened up, and where
a connected socket was handed on.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from typing import NamedTuple

from modemagent.errors import AgentDenied

_SO_PEERGROUPS = 59  # asm-generic/socket.h, Linux 4.13; Python has no name for it
_MOST_GROUPS = 256  # what Python's getsockopt has room for


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
