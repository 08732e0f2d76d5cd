"""Creation and migration of the registry's database with Alembic.

A revision in ``versions/`` that was released is never edited. Alembic takes longer to import than a
query takes, so it is imported only if the database is not at the newest revision.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import msgspec
from sqlalchemy import Connection, inspect, text

from modemagent.errors import RegistryStoreError
from modemagent.registry.rules.definitions import digests
from modemagent.registry.store.database import dialect, partitions
from modemagent.registry.store.intake import takeover
from modemagent.registry.store.intake.batch import Transactions
from modemagent.registry.store.tables import schema

#: The number in front orders the revisions.
NEWEST = "0023_presence"


def migrate(database: Transactions, secret: bytes | None = None) -> None:
    """Create the tables, or upgrade them to the newest revision.

    :param secret: key of the ids of events and findings and of references, for a new database
    :raises RegistryStoreError: the database was written by a newer version
    """
    with database.reading() as connection:
        current = _is_newest(connection)
    if not current:
        with database.writing() as connection:
            dialect.lock_schema(connection)
            if not _is_newest(connection):
                _upgrade(connection, secret)
    takeover.resume(database)


def _is_newest(connection: Connection) -> bool:
    """Return True if nothing is to be done; check that a database is not too new."""
    inspector = inspect(connection)
    if not inspector.has_table("alembic_version"):
        return False
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found == NEWEST:
        return True
    if str(found) < NEWEST:
        return False
    raise RegistryStoreError(
        f"the database has schema version {found}; this program supports up to {NEWEST}",
        hint="Install the newer modemagent again, or restore the older database.",
    )


def _upgrade(connection: Connection, secret: bytes | None) -> None:
    is_old = takeover.rename_tables(connection)
    _run_alembic(connection)
    known = connection.execute(text("SELECT name FROM setting WHERE name = 'secret'")).first()
    if known is None:
        connection.execute(
            schema.setting.insert().values(name="secret", value=secret or secrets.token_bytes(32))
        )
        rules = msgspec.msgpack.encode(digests())
        connection.execute(schema.setting.insert().values(name="rule_digests", value=rules))
    partitions.create_months(connection, time.time_ns() // 1_000_000)
    if is_old:
        takeover.begin(connection)


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
