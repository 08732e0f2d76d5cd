"""The line that a server prints first: the link that makes the first administrator."""

from __future__ import annotations

import ipaddress
import socket

from modemagent.registry.listeners import url_of
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.database.origin import note_origin
from modemagent.registry.store.people import invitations


def first_link(
    database: Database, listener: socket.socket, scheme: str, public_url: str | None
) -> str:
    """Store the origin of the pages, and return a line with the link to the first administrator.

    It is empty if it is not needed. It is printed only on loopback: the output of a server is often
    read by other people.
    """
    origin = public_url or url_of(scheme, listener)
    note_origin(database, origin)
    if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
        return ""
    secret = invitations.invite_first(database)
    if secret is None:
        return ""
    return f"first administrator, within 10 minutes: {origin}/welcome/{secret}\n"
