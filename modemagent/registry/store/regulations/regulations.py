"""The regulations that are in force here: those of the program, and those of the operator."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from modemagent.errors import UsageError
from modemagent.registry.regulations.regulation import Regulation, shipped
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables.deadline_tables import regulation

MOST = 500
_COLUMNS = (
    "id", "country", "kind", "sim", "limit_days", "use_window", "window_days", "registered",
    "text", "source", "as_of", "confidence", "enabled",
)  # fmt: skip
_CHANGE = ("changed_by", "changed_ms")


def regulations(connection: Connection) -> dict[str, Regulation]:
    """Return all rules by id; one of the operator replaces the shipped one with its id."""
    own = {row[0]: _regulation(row) for row in _own(connection)}
    return {**{one.id: one for one in shipped()}, **own}


def in_force(connection: Connection) -> list[Regulation]:
    """Return the rules that lead to deadlines."""
    return [one for one in regulations(connection).values() if one.enabled]


def regulation_documents(connection: Connection) -> Document:
    """Return all rules with their origin, by country and id."""
    changes = {row[0]: row[-2:] for row in _own(connection)}
    found = []
    for one in sorted(regulations(connection).values(), key=lambda one: (one.country, one.id)):
        by, at_ms = changes.get(one.id, (None, None))
        is_own = one.id in changes
        found.append(
            {**asdict(one), "origin": "operator" if is_own else "program", "changed_by": by,
             "changed_at": to_rfc3339(at_ms)}
        )  # fmt: skip
    return {"regulations": found}


def put_regulation(batch: Batch, one: Regulation, actor: str) -> bool:
    """Store a rule of the operator; return False if it is stored already.

    :raises UsageError: there are too many
    """
    stored = {row[0]: _regulation(row) for row in _own(batch.connection)}
    if stored.get(one.id) == one:
        return False
    if one.id not in stored and len(stored) >= MOST:
        raise UsageError(f"there are {MOST} rules", hint="Remove those that are not needed.")
    values = asdict(one)
    values["use_window"] = values.pop("window")
    row = (*(values[name] for name in _COLUMNS), actor, batch.now_ms)
    names = (*_COLUMNS[1:], *_CHANGE)
    dialect.upsert_rows(batch.connection, regulation, ("id",), names, [row])
    acts.note(batch.connection, "regulation.put", f"regulation:{one.id}", enabled=one.enabled)
    return True


def remove_regulation(batch: Batch, key: str) -> bool:
    """Remove a rule of the operator; return False if there is none with this id."""
    found = dialect.select_rows(batch.connection, regulation, ("id",), ("id",), [(key,)])
    dialect.delete_rows(batch.connection, regulation, ("id",), [(key,)])
    if found:
        acts.note(batch.connection, "regulation.remove", f"regulation:{key}")
    return bool(found)


def _own(connection: Connection) -> list[tuple[Any, ...]]:
    c = regulation.c
    query = select(*(c[name] for name in (*_COLUMNS, *_CHANGE))).order_by(c.id)
    return [tuple(row) for row in connection.execute(query)]


def _regulation(row: tuple[Any, ...]) -> Regulation:
    values: list[Any] = [*row[: len(_COLUMNS)]]
    values[7], values[12] = bool(values[7]), bool(values[12])
    return Regulation(*values)
