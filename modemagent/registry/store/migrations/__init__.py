"""How a database of an older version becomes today's.

``STEPS`` is ordered: step *n* (counted from 1) makes version *n*. A step is never edited once
released; a change to the tables is a new step, and a frozen database of the version before it
under ``fixtures/databases/``. All missing steps run in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, func, inspect, select

from modemagent.errors import RegistryStoreError
from modemagent.registry.store.schema import metadata, schema_version


def _first_tables(connection: Connection) -> None:
    metadata.create_all(connection)


STEPS: tuple[Callable[[Connection], None], ...] = (_first_tables,)


def migrate(connection: Connection) -> None:
    """Bring the database to today's version.

    :raises RegistryStoreError: it was written by a newer version
    """
    known = len(STEPS)
    version = 0
    if inspect(connection).has_table(schema_version.name):
        version = connection.execute(select(func.max(schema_version.c.version))).scalar() or 0
    if version > known:
        raise RegistryStoreError(
            f"the database has schema version {version}, this program knows {known}",
            hint="install the newer modemagent again, or restore the older database",
        )
    for number, step in enumerate(STEPS[version:], start=version + 1):
        step(connection)
        connection.execute(schema_version.insert().values(version=number))
