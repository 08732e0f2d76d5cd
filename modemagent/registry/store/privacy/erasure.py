"""Erasure of a SIM: its numbers are removed from the database, the history of its modems stays.

The SIM gets a random pseudonym and another reference in one transaction; from then on no response
has its numbers. Its numbers are then cut out of the stored bodies, some in each transaction, and
out of the tables that people fill. On PostgreSQL this begins when the transactions that may have
read the numbers before have ended: one of them may store a body with them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, tuple_, update

from modemagent.registry.pseudonyms import OF_IDENTIFIERS, is_pseudonym, number_hash, pseudonym_of
from modemagent.registry.redaction import Redaction
from modemagent.registry.store.assets import cases
from modemagent.registry.store.assets.cases import CaseThing
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.refs import format_ref
from modemagent.registry.store.evaluation import rule_jobs
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.bodies import compress_redacted, decompress
from modemagent.registry.store.privacy import acts, number_sweep
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.outbound_tables import export, export_part
from modemagent.registry.store.tables.privacy_tables import erased_number, erased_ref, erasure

_BODIES_AT_ONCE = 500
_REF_BITS = 60
_WAIT = "wait"
#: What is searched for the numbers, in this order.
_BODIES = {"report": ("stream", "sequence", "received_ms"),
           "conflict": ("stream", "sequence", "digest")}  # fmt: skip


class ErasureRefused(Exception):
    """A SIM cannot be erased now.

    :param code: stable name of the reason
    :param remedy: what to do first
    """

    def __init__(self, code: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.code, self.detail, self.remedy = code, detail, remedy


def begin(batch: Batch, unit: int, reason: str, actor: str, *, although_paired: bool) -> int:
    """Give a SIM a pseudonym, and request that its numbers are cut out; return the erasure.

    :raises ErasureRefused: it is in a modem, in an open case, or erased already
    """
    connection = batch.connection
    columns = ("kind", "key", "ref")
    dialect.select_rows(connection, schema.unit, ("id",), ("id",), [(unit,)], lock=True)
    ((kind, key, ref),) = dialect.select_rows(connection, schema.unit, ("id",), columns, [(unit,)])
    _check(connection, unit, kind, key, although_paired=although_paired)
    texts = numbers_of(connection, unit)
    for table in (export_part, export):  # any may have the numbers, compressed
        connection.execute(delete(table))
    hidden = secrets.randbits(_REF_BITS)
    name = pseudonym_of(format_ref(hidden))
    changed = ("key", "number", "ref")
    dialect.update_rows(connection, schema.unit, ("id",), changed, [(name, name, hidden, unit)])
    _hide_identifiers(batch, unit)
    connection.execute(delete(schema.fact).where(schema.fact.c.unit == unit))
    dialect.insert_new(connection, erased_ref, ("ref", "erased_ms"), [(ref, batch.now_ms)])
    _remember(batch, [(kind, key, unit)])
    _let_places_be_read_again(connection, unit)
    deleted = number_sweep.delete_rows_about(batch, texts)
    case_thing = schema.metadata.tables["case_thing"]
    of_cases = update(case_thing).where(case_thing.c.number.in_(texts)).values(number=name)
    connection.execute(of_cases)
    erasure_id = batch.key()
    connection.execute(
        insert(erasure).values(
            id=erasure_id,
            kind=kind,
            unit=unit,
            ref=hidden,
            state="bodies",
            requested_by=actor,
            reason=Redaction(texts).of_text(reason),
            requested_ms=batch.now_ms,
            bodies=0,
            redacted=0,
            rows=deleted,
            numbers=msgspec.json.encode(texts),
            after=msgspec.json.encode([_WAIT, None]),
        )
    )
    about = f"unit:{format_ref(ref)}"
    acts.note(connection, "unit.erase", about, erasure=erasure_id, reference=format_ref(hidden))
    batch.dirty.add(unit)
    rule_jobs.request(batch)
    return erasure_id


def _hide_identifiers(batch: Batch, unit: int) -> list[str]:
    """Give pseudonyms to the numbers that only this unit has; return the numbers."""
    values = _identifiers(batch.connection, unit)
    renamed = [
        (pseudonym_of(format_ref(secrets.randbits(_REF_BITS))), identifier)
        for identifier, _, _ in values
    ]
    dialect.update_rows(batch.connection, schema.identifier, ("id",), ("value",), renamed)
    _remember(batch, [(OF_IDENTIFIERS + which, value, row) for row, which, value in values])
    return [value for _, _, value in values]


def _remember(batch: Batch, numbers: Iterable[tuple[int, str, int]]) -> None:
    """Store the keyed hashes by which late reports find what has a number now."""
    rows = [
        (kind, number_hash(batch.secret, kind, number), target, batch.now_ms)
        for kind, number, target in numbers
    ]
    changed = ("target", "erased_ms")
    dialect.upsert_rows(batch.connection, erased_number, ("kind", "hash"), changed, rows)


def numbers_of(connection: Connection, unit: int) -> list[str]:
    """Return the numbers of a modem or SIM that no other one has."""
    columns = ("key", "number")
    ((key, number),) = dialect.select_rows(connection, schema.unit, ("id",), columns, [(unit,)])
    texts = {key, number, *(value for _, _, value in _identifiers(connection, unit))}
    if len(key) == len(number) == 20:
        texts.add(key[:19])  # of lists
    return sorted(texts)


def _check(
    connection: Connection, unit: int, kind: int, key: str, *, although_paired: bool
) -> None:
    if kind != UnitKind.SIM:
        raise ErasureRefused(
            "not_a_sim", "only SIMs are erased", "Delete the modem's asset if it was sold."
        )
    if is_pseudonym(key):
        raise ErasureRefused("erased", "the SIM was erased already", "No action is necessary.")
    case = cases.open_case_of(connection, [CaseThing(UnitKind.SIM, key)])
    if case is not None:
        raise ErasureRefused("open_case", f"case {case} about the SIM is open", "Close the case.")
    c = schema.stay.c
    paired = select(c.id).where(
        c.unit == unit, c.recorded_to.is_(None), c.closed_stream.is_(None), c.cause.is_(None)
    )
    is_read = select(schema.place_sim.c.place).where(schema.place_sim.c.sim == unit)
    found = connection.execute(paired).first() or connection.execute(is_read).first()
    if found is not None and not although_paired:
        raise ErasureRefused(
            "paired",
            "the SIM is still paired with a modem, which would report it again",
            "Take the SIM out and wait for the report; or erase it although it is paired, if that"
            " modem will not report again.",
        )


def _identifiers(connection: Connection, unit: int) -> list[tuple[int, int, str]]:
    """Return row, kind and value of the identifiers of a unit that no other unit has."""
    of = schema.identifier_of
    own = [row for (row,) in dialect.select_rows(connection, of, ("unit",), ("identifier",),
                                                 [(unit,)])]  # fmt: skip
    keys = [(row,) for row in own]
    users: dict[int, int] = {}
    for (row,) in dialect.select_rows(connection, of, ("identifier",), ("identifier",), keys):
        users[row] = users.get(row, 0) + 1
    rows: list[Any] = dialect.select_rows(
        connection, schema.identifier, ("id",), ("id", "kind", "value"), keys
    )
    return [row for row in rows if users[row[0]] == 1 and not is_pseudonym(row[2])]


def _let_places_be_read_again(connection: Connection, unit: int) -> None:
    """Let the next report of a place that holds the SIM be read, not compared by its digest."""
    places = select(schema.place_sim.c.place).where(schema.place_sim.c.sim == unit)
    found = update(schema.place).where(schema.place.c.id.in_(places))
    connection.execute(found.values(identity=1, likeness=0))


# -- the work that follows --------------------------------------------------------------------


def is_waiting(connection: Connection) -> bool:
    """Return True if an erasure is not done."""
    query = select(erasure.c.id).where(erasure.c.numbers.is_not(None)).limit(1)
    return connection.execute(query).first() is not None


def step(batch: Batch) -> bool:
    """Go on with the first erasure that is not done; return True if there may be more to do now."""
    connection = batch.connection
    c = erasure.c
    query = select(c.id).where(c.numbers.is_not(None)).order_by(c.id).limit(1)
    key = connection.execute(query).scalar()
    if key is None:
        return False
    dialect.select_rows(connection, erasure, ("id",), ("id",), [(key,)], lock=True)
    row = connection.execute(select(erasure).where(c.id == key)).one()
    if row.numbers is None:
        return True
    redaction = Redaction(msgspec.json.decode(bytes(row.numbers)))
    where, after = msgspec.json.decode(bytes(row.after))
    if where == _WAIT:
        if after is not None and dialect.has_older(connection, after):
            return False
        time = dialect.clock(connection) if after is None else None
        changes = _begin_search(batch, row) if time is None else {
            "after": msgspec.json.encode([_WAIT, time])
        }  # fmt: skip
    elif where in _BODIES:
        changes = _cut_out(connection, where, after, redaction, row)
    else:
        changes = _sweep_next(connection, where, redaction, row)
    if changes.get("state") == "done":
        changes |= {"numbers": None, "after": None, "finished_ms": batch.now_ms}
        acts.note(connection, "unit.erased", f"unit:{format_ref(row.ref)}",
                  by=acts.REGISTRY, erasure=row.id)  # fmt: skip
    connection.execute(update(erasure).where(c.id == key).values(changes))
    return True


def _begin_search(batch: Batch, row: Row[Any]) -> dict[str, Any]:
    """Take back what older transactions have written; return the changes of the erasure."""
    unit = schema.unit.c
    again = update(schema.unit).where(unit.id == row.unit, unit.number != unit.key)
    batch.connection.execute(again.values(number=unit.key))
    numbers = [*msgspec.json.decode(bytes(row.numbers)), *_hide_identifiers(batch, row.unit)]
    return {
        "numbers": msgspec.json.encode(numbers),
        "after": msgspec.json.encode([next(iter(_BODIES)), None]),
    }


def _cut_out(
    connection: Connection, where: str, after: Any, redaction: Redaction, row: Row[Any]
) -> dict[str, Any]:
    """Cut the numbers out of the next bodies of a table; return the changes of the erasure."""
    table, key = schema.metadata.tables[where], _BODIES[where]
    columns = [table.c[name] for name in key]
    query = select(*columns, table.c.body, table.c.old_digest).order_by(*columns)
    if after is not None:
        query = query.where(tuple_(*columns) > tuple(after))
    rows = connection.execute(query.limit(_BODIES_AT_ONCE)).all()
    changed = []
    for one in rows:
        if not one.body:  # deleted after its time of retention
            continue
        body, digest = compress_redacted(decompress(one.body), redaction.numbers)
        if digest is not None:
            changed.append((body, one.old_digest or digest, *one[: len(key)]))
    dialect.update_rows(connection, table, key, ("body", "old_digest"), changed)
    is_end = len(rows) < _BODIES_AT_ONCE
    names = [*_BODIES, *number_sweep.tables()]
    following = names[names.index(where) + 1] if is_end else where
    position = None if is_end else list(rows[-1][: len(key)])
    return {
        "bodies": row.bodies + len(rows),
        "redacted": row.redacted + len(changed),
        "state": "bodies" if following in _BODIES else "texts",
        "after": msgspec.json.encode([following, position]),
    }


def _sweep_next(
    connection: Connection, where: str, redaction: Redaction, row: Row[Any]
) -> dict[str, Any]:
    """Remove the numbers from the next table; return the changes of the erasure."""
    names = number_sweep.tables()
    found = number_sweep.sweep(connection, where, redaction) if where in names else 0
    later = [name for name in names if name > where]
    changes: dict[str, Any] = {"rows": row.rows + found}
    if not later:
        return {**changes, "state": "done"}
    return {**changes, "after": msgspec.json.encode([later[0], None])}


# -- reading ----------------------------------------------------------------------------------


def was_erased(connection: Connection, ref: int) -> bool:
    """Return True if a reference was that of a SIM that was erased."""
    rows = dialect.select_rows(connection, erased_ref, ("ref",), ("ref",), [(ref,)])
    return bool(rows)


def erasure_document(connection: Connection, key: int) -> Document | None:
    """Return an erasure."""
    row = connection.execute(select(erasure).where(erasure.c.id == key)).first()
    return None if row is None else _document(row)


def erasure_page(connection: Connection, *, limit: int, after: int | None = None) -> Document:
    """Return a page of the erasures, newest first."""
    c = erasure.c
    query = select(erasure).order_by(c.id.desc()).limit(limit + 1)
    query = query if after is None else query.where(c.id < after)
    rows = connection.execute(query).all()
    following = str(rows[limit - 1].id) if len(rows) > limit else None
    return {"erasures": [_document(row) for row in rows[:limit]], "next": following}


def _document(row: Row[Any]) -> Document:
    return {
        "id": str(row.id),
        "ref": format_ref(row.ref),
        "state": row.state,
        "reason": row.reason,
        "requested_by": row.requested_by,
        "requested_at": to_rfc3339(row.requested_ms),
        "finished_at": to_rfc3339(row.finished_ms),
        "bodies": row.bodies,
        "redacted": row.redacted,
        "rows": row.rows,
    }
