"""The database and the output of ``modemagent registry`` commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modemagent.cli.options import F, value_option
from modemagent.cli.output import cell, print_json, table
from modemagent.errors import RegistryStoreError
from modemagent.settings import DEFAULT_STATE_DIR

if TYPE_CHECKING:
    from modemagent.registry.store.database.engine import Database


def database_options(function: F) -> F:
    """Add ``--database`` and ``--state-dir``, which select the database."""
    database = value_option("--database", "URL", "Database, such as sqlite:////path/registry.db.")
    state_dir = value_option(
        "--state-dir",
        "DIR",
        "Directory of registry.db, unless --database is given.",
        type=click.Path(file_okay=False, path_type=Path),
    )
    return state_dir(database(function))


@contextmanager
def opened_database(url: str, secret: bytes | None = None) -> Iterator[Database]:
    """Return a database beside its server; acts in the ``with`` block are those of the user.

    :param secret: key of ids and references, if the database is created
    """
    from modemagent.registry.store.database.engine import Database
    from modemagent.registry.store.privacy.acts import acting_as_user

    with closing(Database(url, guest=True, secret=secret)) as opened, acting_as_user():
        yield opened


def database_url(database: str | None, state_dir: Path | None) -> str:
    if database is not None:
        return database
    from modemagent.registry.store.database.engine import default_url

    return default_url(state_dir or DEFAULT_STATE_DIR)


def existing_database(database: str | None, state_dir: Path | None) -> str:
    """Return the URL of an existing database: a query must not create one."""
    url = database_url(database, state_dir)
    scheme, _, path = url.partition(":///")
    if scheme == "sqlite" and not Path(path).is_file():
        raise RegistryStoreError(
            f"the registry database {path} does not exist",
            hint="Give the --state-dir or --database of the registry, or query it with --url.",
        )
    return url


def show_rows(
    document: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    columns: Sequence[str],
    as_json: bool,
    *,
    none: str = "None.",
) -> None:
    if as_json:
        print_json(document)
    elif not rows:
        click.echo(none, err=True)
    else:
        cells = [[cell(row[name]) for name in columns] for row in rows]
        click.echo(table([[name.upper() for name in columns], *cells]))
