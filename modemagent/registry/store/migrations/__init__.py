"""Migrations of the registry's database to the current schema.

``STEPS`` is ordered: step *n*, counted from 1, upgrades to version *n*. A released step is never
edited. Each change of the tables is a new step, with a frozen database of the previous version in
``fixtures/registry/``. All missing steps run in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, func, inspect, select

from modemagent.errors import RegistryStoreError
from modemagent.registry.store.schema import metadata, schema_version


def _first_tables(connection: Connection) -> None:
    metadata.create_all(connection)


def _expiry_of_tokens(connection: Connection) -> None:
    present = {column["name"] for column in inspect(connection).get_columns("token")}
    for name in ("expires_ms", "enrolment_blocked_ms"):
        if name not in present:
            connection.exec_driver_sql(f"ALTER TABLE token ADD COLUMN {name} BIGINT")


STEPS: tuple[Callable[[Connection], None], ...] = (_first_tables, _expiry_of_tokens)


def migrate(connection: Connection) -> None:
    """Upgrade the database to the current version.

    :raises RegistryStoreError: the database was written by a newer version
    """
    newest = len(STEPS)
    version = 0
    if inspect(connection).has_table(schema_version.name):
        version = connection.execute(select(func.max(schema_version.c.version))).scalar() or 0
    if version > newest:
        raise RegistryStoreError(
            f"the database has schema version {version}; this program supports up to {newest}",
            hint="Install the newer modemagent again, or restore the older database.",
        )
    for number, step in enumerate(STEPS[version:], start=version + 1):
        step(connection)
        connection.execute(schema_version.insert().values(version=number))
