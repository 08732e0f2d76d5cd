"""``modemagent registry erase``: remove the numbers of a SIM from the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modemagent.cli.options import flag_option, json_option, value_option
from modemagent.cli.output import cell, print_json, table
from modemagent.cli.registry.database import database_options, existing_database, opened_database
from modemagent.cli.registry.source import FILE
from modemagent.errors import RegistryRefused, UsageError

NO_MATCH = 4


@click.command("erase", short_help="Erase the numbers of a SIM.")
@click.argument("sim", required=False)
@value_option("--number-file", "FILE", "File with the ICCID, so that no process list shows it.",
              type=FILE)  # fmt: skip
@value_option("--reason", "TEXT", "Why, such as the number of the request.")
@flag_option("--although-paired", "Also if a modem holds it, which will not report again.")
@json_option
@database_options
def command(
    sim: str | None, number_file: Path | None, reason: str | None, although_paired: bool,
    as_json: bool, **where: Any,
) -> int:  # fmt: skip
    """Erase the numbers of SIM, an ICCID or a reference; the history of its modems stays.

    \b
    modemagent registry erase 7K3M9Q2R5T8V --reason "request 17/2026"
    modemagent registry erase --number-file sim.txt --reason "request 17/2026"

    The SIM gets a random pseudonym. Its ICCID, IMSIs and EID are removed from lists, orders,
    checks, policies, closed cases and all texts, and are cut out of the stored reports, also of
    those that arrive later. "registry vacuum" removes the traces in the files of the database.
    docs/privacy.md states what backups keep. Exits with status 4 if there is no such SIM.
    """
    from modemagent.registry.calls.erasures import ErasureCalls
    from modemagent.registry.store.privacy.erasure import ErasureRefused

    wanted = named(sim, number_file)
    if not reason:
        raise UsageError("an erasure has a reason", hint='Example: --reason "request 17/2026"')
    with opened_database(existing_database(**where)) as store:
        calls = ErasureCalls(store, "command line")
        try:
            found = calls.erase(wanted, reason, although_paired=although_paired)
        except ErasureRefused as refused:
            raise RegistryRefused(refused.detail, status=409, hint=refused.remedy) from refused
        if found is not None:
            calls.finish()
            found = calls.erasure(found["id"])
    if found is None:
        click.echo("No match.", err=True)
        return NO_MATCH
    if as_json:
        print_json(found)
    else:
        click.echo(table([[name, cell(value)] for name, value in found.items()]))
    return 0


@click.command("vacuum", short_help="Remove the traces of deleted rows from the files.")
@database_options
def vacuum_command(**where: Any) -> None:
    """Write the database again, so that its files hold nothing of rows that were deleted.

    SQLite needs the registry to be stopped, and free space for another copy of the database.
    PostgreSQL locks each table meanwhile. Logs of transactions and backups are not changed.
    """
    from modemagent.registry.store.database.rewrite import rewrite

    rewrite(existing_database(**where))


def named(sim: str | None, number_file: Path | None) -> str:
    """Return the number or reference that a command is about.

    :raises UsageError: it is given twice or not at all
    """
    if (sim is None) == (number_file is None):
        raise UsageError("state one number", hint="Give a reference, or --number-file FILE.")
    return sim if sim is not None else Path(str(number_file)).read_text(encoding="utf-8").strip()
