"""``modemagent registry backup`` and ``restore``: copies of an SQLite database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modemagent.cli.registry.database import (
    database_options,
    database_url,
    existing_database,
    opened_database,
)


@click.command("backup", short_help="Copy the database while the registry runs.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@database_options
def backup_command(file: Path, **where: Any) -> None:
    """Copy the database to FILE, which must not exist, while the registry runs.

    FILE holds one moment of the database and is verified. It contains identifiers in full and the
    secret of references: only its owner can read it. PostgreSQL has pg_basebackup instead.
    """
    from modemagent.registry.store.database.backup import back_up, note_backup

    url = existing_database(**where)
    back_up(url, file)
    with opened_database(url) as database:
        note_backup(database)


@click.command("restore", short_help="Replace the database by a backup.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@database_options
def restore_command(file: Path, **where: Any) -> None:
    """Replace the database by the backup FILE, while no registry runs.

    The replaced database is kept in the same directory; its path is printed.
    """
    from modemagent.registry.store.database.backup import restore

    kept = restore(database_url(**where), file)
    if kept is not None:
        click.echo(f"the replaced database is {kept}", err=True)
