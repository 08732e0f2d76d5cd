"""The TAC table of the operator: makers and models, imported from files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from modemagent.identity import tac as shipped
from modemagent.registry.lists.entries import EntryKind, EntryValue
from modemagent.registry.lists.tac_file import TacRecord
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists.registers import TAC_TABLE, count
from modemagent.registry.store.tables import list_tables

_COLUMNS = ("tac", "manufacturer", "model")
_PAST = ("removed_import", *_COLUMNS, "import_run")

#: Numbers of modems above it are shown as "more than".
MOST_MODEMS = 1000
#: Rows with the import that brought them.
Stored = list[tuple[TacRecord, int]]


class TacPlan(NamedTuple):
    """Effect of an import on the table; the fields are as in :class:`.lists.Plan`."""

    new: list[TacRecord]
    replaced: Stored
    others: Stored
    unchanged: int

    @property
    def growth(self) -> int:
        return len(self.new) - len(self.replaced) - len(self.others)


def models_of(connection: Connection, tacs: Iterable[str]) -> dict[str, shipped.Tac]:
    """Return maker and model by TAC: from the operator's table, else from the shipped one."""
    wanted = sorted(set(tacs))
    rows = dialect.select_rows(
        connection, list_tables.tac, ("tac",), _COLUMNS, [(int(one),) for one in wanted]
    )
    own = {f"{row[0]:08d}": shipped.Tac(f"{row[0]:08d}", row[1], row[2], "C") for row in rows}
    found = {one: own.get(one) or shipped.find(one) for one in wanted}
    return {one: record for one, record in found.items() if record is not None}


def plan(connection: Connection, records: Sequence[TacRecord], *, instead: bool = False) -> TacPlan:
    """Return the effect of storing records, no two of them with one TAC."""
    columns = (*_COLUMNS, "import_run")
    if instead:
        c = list_tables.tac.c
        rows = [tuple(row) for row in connection.execute(select(*(c[one] for one in columns)))]
    else:
        keys = [(one.tac,) for one in records]
        rows = dialect.select_rows(connection, list_tables.tac, ("tac",), columns, keys)
    known = {row[0]: (TacRecord(*row[:3]), row[3]) for row in rows}
    new = [one for one in records if one.tac not in known or known[one.tac][0] != one]
    wanted = {one.tac for one in records}
    return TacPlan(
        new,
        [known[one.tac] for one in new if one.tac in known],
        [row for tac, row in known.items() if tac not in wanted],
        len(records) - len(new),
    )


class FoundTac(NamedTuple):
    """A record of the table, or a shipped one.

    :param modems: number of modems with the TAC, at most one above :data:`MOST_MODEMS`
    :param import_run: that brought it; None: it is shipped
    """

    tac: str
    maker: str
    model: str
    modems: int
    import_run: int | None


class FoundTacs(NamedTuple):
    """Records, and the TAC after which the next ones begin; None: there are none."""

    rows: list[FoundTac]
    following: int | None = None


class TableState(NamedTuple):
    """Number of records, and when they were changed last."""

    records: int
    changed_ms: int | None


def table_state(connection: Connection) -> TableState:
    """Return the size of the table."""
    c = list_tables.listing.c
    query = select(c.entries, c.changed_ms).where(c.list == TAC_TABLE)
    return TableState(*connection.execute(query).one())


def records(
    connection: Connection, prefix: str, *, limit: int, after: int | None = None
) -> FoundTacs:
    """Return the records whose TAC begins with some digits, in the order of their digits."""
    c, width = list_tables.tac.c, 10 ** (8 - len(prefix))
    first = int(prefix or "0") * width
    begin = first if after is None else max(first, after + 1)
    query = select(list_tables.tac).where(c.tac >= begin, c.tac < first + width)
    rows = connection.execute(query.order_by(c.tac).limit(limit + 1)).all()
    following = rows[limit - 1].tac if len(rows) > limit else None
    rows = rows[:limit]
    modems = _modems(connection, [row.tac for row in rows])
    found = [
        FoundTac(f"{row.tac:08d}", row.manufacturer, row.model, modems[row.tac], row.import_run)
        for row in rows
    ]
    return FoundTacs(found, following)


def shipped_record(connection: Connection, tac: str) -> FoundTacs:
    """Return the record of a TAC that is shipped with modemagent, if there is one."""
    record = shipped.find(tac)
    if record is None:
        return FoundTacs([])
    number = _modems(connection, [int(tac)])[int(tac)]
    return FoundTacs([FoundTac(tac, record.maker, record.model, number, None)])


def _modems(connection: Connection, tacs: Sequence[int]) -> dict[int, int]:
    """Return the number of modems of each TAC, counted up to a limit."""
    if not tacs:
        return {}
    query = text(
        f"WITH wanted (tac) AS (VALUES {', '.join(f'({tac:d})' for tac in tacs)})"  # noqa: S608
        " SELECT tac, (SELECT count(*) FROM (SELECT 1 FROM modem_type m"
        # a range of one value in the order of the index: PostgreSQL would read all of an equation
        " WHERE m.tac >= wanted.tac AND m.tac <= wanted.tac ORDER BY m.tac, m.read_at"
        f" LIMIT {MOST_MODEMS + 1}) AS one) FROM wanted"
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def put(batch: Batch, planned: TacPlan, import_run: int) -> None:
    """Change the locked table as planned."""
    gone = [*planned.replaced, *planned.others]
    connection = batch.connection
    past = [(import_run, *record, by) for record, by in gone]
    dialect.insert_rows(connection, list_tables.tac_past, _PAST, past)
    dialect.delete_rows(connection, list_tables.tac, ("tac",), [(one.tac,) for one, _ in gone])
    rows = [(*one, import_run) for one in planned.new]
    dialect.insert_rows(connection, list_tables.tac, (*_COLUMNS, "import_run"), rows)
    count(batch, TAC_TABLE, planned.growth)
    _note(batch, [one.tac for one in planned.new] + [one.tac for one, _ in gone])


def undo(batch: Batch, import_run: int) -> tuple[int, int]:
    """Undo an import into the locked table; return the numbers of rows removed and restored."""
    connection = batch.connection
    added = dialect.select_rows(
        connection, list_tables.tac, ("import_run",), ("tac",), [(import_run,)]
    )
    dialect.delete_rows(connection, list_tables.tac, ("tac",), added)
    past = dialect.select_rows(
        connection, list_tables.tac_past, ("removed_import",), _PAST, [(import_run,)]
    )
    keys = [(row[1],) for row in past]
    newer = set(dialect.select_rows(connection, list_tables.tac, ("tac",), ("tac",), keys))
    restored = [row[1:] for row in past if (row[1],) not in newer]
    dialect.insert_rows(connection, list_tables.tac, (*_COLUMNS, "import_run"), restored)
    dialect.delete_rows(
        connection,
        list_tables.tac_past,
        ("removed_import", "tac"),
        [row[:2] for row in past],
    )
    count(batch, TAC_TABLE, len(restored) - len(added))
    _note(batch, [row[0] for row in [*added, *restored]])
    return len(added), len(restored)


def _note(batch: Batch, tacs: Iterable[int]) -> None:
    batch.changed += [
        (TAC_TABLE, EntryValue(EntryKind.TAC, f"{tac:08d}")) for tac in dict.fromkeys(tacs)
    ]
