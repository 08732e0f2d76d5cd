"""What is stored of the registry's own condition: sizes, and work that waits; nothing is counted.

Sizes are those that the database keeps anyway: reading tables to measure them takes longer than a
request may.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select, text

from modemagent.registry.lists.entries import ListName
from modemagent.registry.store.database import dialect, tallies
from modemagent.registry.store.evaluation import recheck_runs, rule_jobs
from modemagent.registry.store.lists.registers import TAC_TABLE
from modemagent.registry.store.privacy import audit
from modemagent.registry.store.tables import list_tables, operation_tables, outbound_tables
from modemagent.registry.store.tables.asset_tables import ASSETS, ORDERS
from modemagent.registry.store.tables.privacy_tables import audit as audit_table
from modemagent.registry.store.tables.privacy_tables import erasure

#: Work that waits is counted up to this number.
MOST_COUNTED = 1000
#: Tables by the kind of data that they hold; partitions belong to their table.
TABLES_OF: dict[str, tuple[str, ...]] = {
    "bodies of reports": ("report", "conflict"),
    "received numbers": ("key_page", "stream", "received", "hole", "boot", "boot_stream"),
    "readings": ("place", "place_sim", "sighting", "make", "fact", "presence"),
    "modems, SIMs, gateways": (
        "unit", "identifier", "identifier_of", "gateway", "modem_type", "link",
    ),
    "history": ("stay", "event"),
    "findings": (
        "finding", "finding_alias", "finding_report", "finding_set", "decision", "notice", "denial",
    ),
    "lists and TAC table": (
        "list", "list_entry", "list_past", "list_block", "tac", "tac_past", "import_run",
    ),
    "checks": ("check_run", "check_part"),
    "policies and work": (
        "policy", "policy_version", "policy_cover", "policy_pair", "policy_sim", "authorisation",
        "work_window", "work_window_cover",
    ),
    "assets, orders, deadlines": (
        "asset", "asset_change", "asset_revision", "purchase_order", "order_row", "order_row_past",
        "registration", "regulation", "deadline", "recall",
    ),
    "cases and notes": (
        "device_case", "case_entry", "case_place", "case_sighting", "case_task", "case_thing",
        "note",
    ),
    "benches": ("bench_place", "bench_turn"),
    "operators and EIR": ("operator_run", "operator_sim", "eir_answer", "eir_setting"),
    "exports and selections": ("export", "export_part", "selection"),
    "webhooks": ("webhook", "delivery"),
    "audit": ("audit", "erasure", "erased_number", "erased_ref"),
    "access": ("person", "session", "invitation", "recovery_code", "token", "saved_view"),
    "work of the registry": (
        "job", "recheck_run", "recheck_rule", "recheck_part", "recheck_unit", "setting", "tally",
        "surrogate_key", "alembic_version",
    ),
}  # fmt: skip
_KIND_OF = {name: kind for kind, names in TABLES_OF.items() for name in names}
_MONTHS = "report_"  # partitions of the bodies by month


class KindSize(NamedTuple):
    """A kind of data: bytes with its indexes, and about how many rows.

    :param rows: None: the database has not estimated them yet
    """

    kind: str
    bytes: int
    rows: int | None


class DatabaseSize(NamedTuple):
    """The size of a database in bytes.

    :param free: bytes in it that are used again before it grows; None: not known
    :param kinds: the largest first; none: the database has one file for all kinds
    """

    bytes: int
    free: int | None
    kinds: list[KindSize]


class WaitingWork(NamedTuple):
    """Work that waits.

    :param number: at most one above :data:`MOST_COUNTED`
    :param oldest_ms: since when the first of it waits; None: none does
    """

    number: int
    oldest_ms: int | None


class Archive(NamedTuple):
    """State of the archive of PostgreSQL's write-ahead log.

    :param is_on: the server archives it
    :param last_ms: when a segment was archived last
    :param failed_ms: when that failed last
    """

    is_on: bool
    last_ms: int | None
    failed_ms: int | None


def engine_version(connection: Connection) -> str:
    """Return name and version of the database engine."""
    if dialect.is_sqlite(connection):
        return f"SQLite {connection.execute(text('SELECT sqlite_version()')).scalar_one()}"
    version = str(connection.execute(text("SHOW server_version")).scalar_one())
    return f"PostgreSQL {version.partition(' ')[0]}"


def database_size(connection: Connection) -> DatabaseSize:
    """Return the size of the database by its own statistics."""
    if dialect.is_sqlite(connection):
        pages, free, size = (
            int(connection.exec_driver_sql(f"PRAGMA {one}").scalar_one())
            for one in ("page_count", "freelist_count", "page_size")
        )
        return DatabaseSize(pages * size, free * size, [])
    rows = connection.exec_driver_sql(
        "SELECT c.relname, pg_total_relation_size(c.oid), c.reltuples FROM pg_class c"
        " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
    )
    sizes: dict[str, list[Any]] = {}
    for name, size, estimate in rows:
        table = "report" if name.startswith(_MONTHS) else name
        one = sizes.setdefault(_KIND_OF.get(table, "other"), [0, None])
        one[0] += size
        if estimate >= 0:
            one[1] = (one[1] or 0) + int(estimate)
    kinds = [KindSize(name, *found) for name, found in sizes.items()]
    kinds.sort(key=lambda one: -one.bytes)
    return DatabaseSize(sum(one.bytes for one in kinds), None, kinds)


def archive(connection: Connection) -> Archive | None:
    """Return the state of the archive; None: the database is SQLite."""
    if dialect.is_sqlite(connection):
        return None
    mode = connection.exec_driver_sql("SHOW archive_mode").scalar_one()
    last, failed = connection.exec_driver_sql(
        "SELECT last_archived_time, last_failed_time FROM pg_stat_archiver"
    ).one()
    return Archive(
        mode != "off", *(one and round(one.timestamp() * 1000) for one in (last, failed))
    )


def row_counts(connection: Connection) -> dict[str, int]:
    """Return numbers of rows that are kept anyway, by kind of data."""
    found = tallies.last(connection)
    counts: dict[str, int] = {
        name: found[name]
        for name in ("reports", "modems", "gateways", "events", "conflicts")
        if name in found
    }
    if "sims" in found:
        counts["SIMs"] = found["sims"]
    c = list_tables.listing.c
    sizes = {row[0]: row[1] for row in connection.execute(select(c.list, c.entries))}
    entries = sum(sizes.get(int(one), 0) for one in ListName)
    counts |= {"entries of lists": entries, "TACs": sizes.get(TAC_TABLE, 0)}
    counts |= {"assets": sizes.get(ASSETS, 0), "rows of orders": sizes.get(ORDERS, 0)}
    return counts | {"acts in the audit": audit.head(connection).position}


def waiting_work(connection: Connection) -> dict[str, WaitingWork]:
    """Return what waits to be done by the rules, re-checks, exports and erasures, by its kind."""
    job, made = operation_tables.job.c, outbound_tables.export.c
    act, erased = audit_table.c, erasure.c
    of_kind = select(job.due_ms.label("at")).order_by(job.due_ms)
    queries = {
        "rules": of_kind.where(job.kind == rule_jobs.KIND),
        "recheck": of_kind.where(job.kind == recheck_runs.KIND),
        "export": select(made.created_ms.label("at")).where(made.state == "waiting"),
        "erasure": select(erased.requested_ms.label("at")).where(erased.numbers.is_not(None)),
        "audit": select(act.made_ms.label("at")).where(act.position.is_(None)).order_by(act.id),
    }
    return {name: _waiting(connection, query) for name, query in queries.items()}


def _waiting(connection: Connection, query: Select[Any]) -> WaitingWork:
    capped = query.limit(MOST_COUNTED + 1).subquery()
    found = select(func.count(), func.min(capped.c.at)).select_from(capped)
    return WaitingWork(*connection.execute(found).one())
