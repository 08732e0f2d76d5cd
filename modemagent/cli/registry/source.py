"""Where ``modemagent registry`` commands read and write: the API of a registry, or its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modemagent.cli.options import F, json_option, value_option
from modemagent.cli.registry.database import database_options, existing_database, opened_database
from modemagent.errors import RegistryRefused, UsageError
from modemagent.registry_client.assets import AssetSource, HttpAssets
from modemagent.registry_client.audit import AuditSource, HttpAudit
from modemagent.registry_client.cases import CaseSource, HttpCases
from modemagent.registry_client.client import HttpSource, Source
from modemagent.registry_client.deadlines import DeadlineSource, HttpDeadlines
from modemagent.registry_client.exports import ExportSource, HttpExports
from modemagent.registry_client.lists import HttpLists, ListSource
from modemagent.registry_client.outside import HttpOutside, OutsideSource
from modemagent.registry_client.policies import HttpPolicies, PolicySource
from modemagent.registry_client.rechecks import HttpRechecks, RecheckSource
from modemagent.registry_client.retention import HttpRetention, RetentionSource
from modemagent.registry_client.webhooks import HttpWebhooks, WebhookSource
from modemagent.settings.addresses import is_http_url

if TYPE_CHECKING:
    from modemagent.registry.calls.audit import AuditCalls

_REFERENCE_LENGTH = 12
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def source_options(function: F) -> F:
    """Add the options of a query: the API and a token, or the database."""
    token_file = value_option("--token-file", "FILE", "Token for --url.", type=FILE)
    url = value_option("--url", "URL", "Query a running registry over HTTP.")
    return database_options(json_option(url(token_file(function))))


def id_argument(name: str, metavar: str, letter: str) -> Callable[[F], F]:
    """Add an argument with the id of an object: 574, or K574 as the pages write it.

    :param letter: before the id on the pages
    """

    def bare(_: click.Context, __: click.Parameter, value: str) -> str:
        digits = value.removeprefix(letter)
        # a reference of 12 characters may begin with the letter
        return digits if digits.isdecimal() and len(value) < _REFERENCE_LENGTH else value

    return click.argument(name, metavar=metavar, callback=bare)


limit_option = value_option(
    "--limit", "N", "Maximum number of entries.", type=click.IntRange(min=1)
)


FILTERS = {
    "gateway": value_option("--gateway", "ID", "Only in this gateway."),
    "link_state": value_option(
        "--link-state",
        "STATE",
        "Only with this state of the link: unlinked, armed, linked or differed.",
        type=click.Choice(("unlinked", "armed", "linked", "differed")),
    ),
    "type": value_option(
        "--type", "NAME", "Only of this name, such as sim.swapped; see: registry rules list."
    ),
    "severity": value_option(
        "--severity",
        "LEVEL",
        "Only of this severity: error, warning or note.",
        type=click.Choice(("error", "warning", "note")),
    ),
}


def source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Source:
    """Return where documents are read from."""
    if url is None:
        _check_no_token(token_file)
        from modemagent.registry.database_source import DatabaseSource

        return DatabaseSource(existing_database(database, state_dir))
    return _http(url, token_file, database)


@contextmanager
def list_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[ListSource]:
    """Return where lists are read and changed, and numbers are checked."""
    if url is not None:
        yield HttpLists(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    from modemagent.registry.calls.lists import ListCalls

    with opened_database(existing_database(database, state_dir)) as opened:
        yield ListCalls(opened, "command line")


@contextmanager
def asset_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[AssetSource]:
    """Return where assets and orders are read and changed."""
    if url is not None:
        yield HttpAssets(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    from modemagent.registry.calls.assets import AssetCalls
    from modemagent.registry.store.assets.asset_changes import AssetInUse

    with opened_database(existing_database(database, state_dir)) as opened, _stale():
        try:
            yield AssetCalls(opened, "command line")
        except AssetInUse as used:
            raise RegistryRefused(
                str(used),
                status=409,
                hint="Delete the notes, or set the lifecycle of the asset to retired.",
            ) from used


@contextmanager
def case_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[CaseSource]:
    """Return where cases and recalls are read and changed."""
    if url is not None:
        yield HttpCases(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    from modemagent.registry.calls.cases import CaseCalls

    with opened_database(existing_database(database, state_dir)) as opened, _stale():
        yield CaseCalls(opened, "command line")


@contextmanager
def audit_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[AuditSource]:
    """Return where the audit is read."""
    if url is not None:
        yield HttpAudit(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    with audit_calls(database, state_dir) as calls:
        yield calls


@contextmanager
def audit_calls(database: str | None, state_dir: Path | None) -> Iterator[AuditCalls]:
    """Return the calls about the audit of a database, all of whose acts are chained."""
    from modemagent.registry.calls.audit import AuditCalls

    with opened_database(existing_database(database, state_dir)) as opened:
        calls = AuditCalls(opened)
        calls.chain()
        yield calls


@contextmanager
def webhook_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[WebhookSource]:
    """Return where webhooks are read and changed."""
    if url is not None:
        yield HttpWebhooks(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    from modemagent.registry.calls.webhooks import WebhookCalls

    with opened_database(existing_database(database, state_dir)) as opened:
        yield WebhookCalls(opened, "command line")


@contextmanager
def export_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[ExportSource]:
    """Return where exports are made."""
    if url is not None:
        yield HttpExports(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    from modemagent.registry.calls.exports import ExportCalls

    with opened_database(existing_database(database, state_dir)) as opened:
        yield ExportCalls(opened, "command line")


@contextmanager
def _stale() -> Iterator[None]:
    """Turn the refusal of a stale revision into an error of the command line."""
    from modemagent.registry.store.findings.decisions import StaleRevision

    try:
        yield
    except StaleRevision as stale:
        raise RegistryRefused(
            f"it has revision {stale.revision} by now",
            status=412,
            hint="Read it again, and repeat the command if the change is still wanted.",
        ) from stale


@contextmanager
def policy_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[PolicySource]:
    """Return where policies and announced work are read and changed."""
    if url is not None:
        yield HttpPolicies(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    from modemagent.registry.calls.policies import PolicyCalls
    from modemagent.registry.store.policies.policies import PolicyConflict, StalePolicy

    with opened_database(existing_database(database, state_dir)) as opened:
        try:
            yield PolicyCalls(opened, "command line")
        except StalePolicy as stale:
            raise RegistryRefused(
                f"the policy has revision {stale.revision} by now",
                status=412,
                hint="Show it again, and repeat the command if the change is still wanted.",
            ) from stale
        except PolicyConflict as conflict:
            what = "name" if conflict.cover is None else conflict.cover
            raise RegistryRefused(
                f"the policy {conflict.name} has the same {what}",
                status=409,
                hint="Change one of the two policies.",
            ) from conflict


@contextmanager
def deadline_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[DeadlineSource]:
    """Return where deadlines and regulations are read and changed."""
    if url is not None:
        yield HttpDeadlines(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    from modemagent.registry.calls.deadlines import DeadlineCalls

    with opened_database(existing_database(database, state_dir)) as opened:
        yield DeadlineCalls(opened, "command line")


@contextmanager
def outside_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[OutsideSource]:
    """Return where it is read what others state."""
    if url is not None:
        yield HttpOutside(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    from modemagent.registry.calls.outside import OutsideCalls

    with opened_database(existing_database(database, state_dir)) as opened:
        yield OutsideCalls(opened, "command line")


@contextmanager
def retention_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[RetentionSource]:
    """Return where it is read and set how long data is kept."""
    if url is not None:
        yield HttpRetention(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    from modemagent.registry.calls.retention import RetentionCalls

    with opened_database(existing_database(database, state_dir)) as opened:
        yield RetentionCalls(opened, "command line")


@contextmanager
def recheck_source(
    url: str | None, token_file: Path | None, database: str | None, state_dir: Path | None
) -> Iterator[RecheckSource]:
    """Return where re-checks are started, read and confirmed."""
    if url is not None:
        yield HttpRechecks(_http(url, token_file, database))
        return
    _check_no_token(token_file)
    from modemagent.registry.calls.rechecks import RecheckCalls
    from modemagent.registry.store.evaluation.recheck_reader import NotStopped

    with opened_database(existing_database(database, state_dir)) as opened:
        try:
            yield RecheckCalls(opened, "command line")
        except NotStopped as error:
            raise RegistryRefused(
                str(error), status=409, hint="See: modemagent registry rules runs --state stopped"
            ) from error


def _check_no_token(token_file: Path | None) -> None:
    if token_file is not None:
        raise UsageError("--token-file requires --url", hint="Add --url http://HOST:PORT.")


def _http(url: str, token_file: Path | None, database: str | None) -> HttpSource:
    if database is not None:
        raise UsageError("--url and --database exclude each other", hint="Omit one of them.")
    if not is_http_url(url):
        raise UsageError(
            f"--url {url!r} is not the address of a registry",
            hint="Example: https://registry.example",
        )
    if token_file is None:
        raise UsageError(
            "--url requires --token-file",
            hint="Create a token: modemagent registry token create --scope read --full-ids",
        )
    return HttpSource(url, token_file.read_text().strip())
