"""Origin of the pages: the address that a registry was last served at, for links to it."""

from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy import Connection, select

from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.tables import schema

_NAME = "origin"
_DEFAULT = "http://127.0.0.1:8470"
_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - addresses that cannot be opened


def note_origin(database: Database, origin: str) -> None:
    """Store the origin of a registry that begins to listen."""
    with database.writing() as connection:
        if stored_origin(connection) != origin:
            row = (_NAME, origin.encode())
            dialect.upsert_rows(connection, schema.setting, ("name",), ("value",), [row])


def stored_origin(connection: Connection) -> str:
    """Return the origin that was stored, or the one of the default address."""
    found = connection.execute(
        select(schema.setting.c.value).where(schema.setting.c.name == _NAME)
    ).scalar()
    return _DEFAULT if found is None else bytes(found).decode()


def openable(origin: str) -> str:
    """Return an origin that a browser on this machine can open.

    >>> openable("https://0.0.0.0:8470"), openable("https://registry.example")
    ('https://127.0.0.1:8470', 'https://registry.example')
    """
    parts = urlsplit(origin)
    host = _ANY.get(parts.hostname or "")
    if host is None:
        return origin
    return f"{parts.scheme}://{host}:{parts.port}"
