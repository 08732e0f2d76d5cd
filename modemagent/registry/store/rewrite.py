"""The database written again, so that its files hold nothing of rows that were deleted."""

from __future__ import annotations

from sqlalchemy.exc import OperationalError

from modemagent.errors import RegistryStoreError
from modemagent.registry.store.engine import Database


def rewrite(database: Database) -> None:
    """Write all tables again (``VACUUM``, on PostgreSQL ``VACUUM FULL``).

    SQLite needs as much free space as the database has, and no other process may use it. PostgreSQL
    locks each table meanwhile.

    :raises RegistryStoreError: the database is in use
    """
    statements: tuple[str, ...] = ("VACUUM FULL",)
    if database.is_sqlite:
        statements = ("PRAGMA secure_delete=ON", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
    try:
        with database.autocommit() as run:
            for statement in statements:
                run(statement)
    except OperationalError as error:
        raise RegistryStoreError(
            "the database is in use",
            hint="Stop the registry, and repeat the command with the same options.",
        ) from error
