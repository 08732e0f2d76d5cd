"""Registrations of modems with authorities: what imports have stated, and their undoing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.regulations.registration_file import RegistrationLine
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation import recheck_runs
from modemagent.registry.store.evaluation.affected import Target
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists.registers import count
from modemagent.registry.store.lists.row_plan import RowPlan
from modemagent.registry.store.regulations import deadlines
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.deadline_tables import REGISTRATIONS, registration

_COLUMNS = ("imei", "country", "import_run", "reference", "registered_on")
_AT_ONCE = 2000  # modems that are evaluated at once; more wait for their turn


def plan(connection: Connection, lines: Sequence[RegistrationLine]) -> RowPlan:
    """Return the effect of the lines of a file; registrations that it lacks stay as they are."""
    stored = _newest(connection, {one.imei for one in lines})
    new = [one for one in lines if stored.get(one[1:3]) != one[3:]]
    replaced = [one for one in new if one[1:3] in stored]
    return RowPlan(new, replaced, [], len(lines) - len(new), 0, [])


def put(batch: Batch, planned: RowPlan, import_run: int) -> None:
    """Write what is planned into the locked register."""
    rows = [
        (one.imei, one.country, import_run, one.reference, one.registered_on)
        for one in planned.new
    ]  # fmt: skip
    dialect.insert_rows(batch.connection, registration, _COLUMNS, rows)
    count(batch, REGISTRATIONS, planned.growth)
    _evaluate(batch, {one.imei for one in planned.new})


def undo(batch: Batch, import_run: int, actor: str) -> tuple[int, int]:
    """Undo an import; return the numbers of registrations taken back, and of those restored."""
    connection, key = batch.connection, [(import_run,)]
    rows = dialect.select_rows(
        connection, registration, ("import_run",), ("imei", "country"), key
    )  # fmt: skip
    dialect.delete_rows(connection, registration, ("import_run",), key)
    imeis = {imei for imei, _ in rows}
    left = _newest(connection, imeis)
    restored = sum(tuple(row) in left for row in rows)
    count(batch, REGISTRATIONS, restored - len(rows))
    if len(imeis) > recheck_runs.FEWEST:
        targets = [Target("modem", imei, imei) for imei in sorted(imeis)]
        recheck_runs.create(batch, deadlines.SCOPE, "registrations", actor, targets)
    else:
        _evaluate(batch, imeis)
    return len(rows), restored


def _newest(
    connection: Connection, imeis: Iterable[str]
) -> dict[tuple[str, ...], tuple[str | None, ...]]:
    """Return reference and date by IMEI and country, of the last import that states them."""
    keys = [(one,) for one in sorted(set(imeis))]
    rows: list[Any] = dialect.select_rows(connection, registration, ("imei",), _COLUMNS, keys)
    ordered = sorted(rows, key=lambda row: row[2])
    return {(imei, country): tuple(rest) for imei, country, _, *rest in ordered}


def _evaluate(batch: Batch, imeis: Iterable[str]) -> None:
    keys = [(int(UnitKind.MODEM), imei) for imei in sorted(imeis)]
    rows = dialect.select_rows(batch.connection, schema.unit, ("kind", "key"), ("id",), keys)
    if len(rows) <= _AT_ONCE:
        deadlines.evaluate(batch, [unit for (unit,) in rows])
