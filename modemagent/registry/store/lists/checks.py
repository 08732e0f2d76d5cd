"""Checks of many numbers: at once, or by the job in parts, each with a transaction of its own.

A check is stored with its numbers and results, so that it can be repeated and compared.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from modemagent.identity.imei import Imei
from modemagent.registry.lists.entries import ListEntry
from modemagent.registry.lists.matching import match
from modemagent.registry.lists.numbers import first_positions, read_number
from modemagent.registry.lists.results import compare_results
from modemagent.registry.store.assets.assets import AssetRow
from modemagent.registry.store.assets.assets import load as load_assets
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.upkeep import Deleted
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.known_numbers import known_numbers
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists.list_hits import entries_about
from modemagent.registry.store.lists.tac_table import models_of
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import list_tables, operation_tables

AT_ONCE = 1000  # numbers that are checked in the request
MOST = 100_000
PART = 250
JOB_KIND = "check"
_IMEI_DIGITS = 14
_DELETED_AT_ONCE = 100
_RUN = ("id", "kind", "checked_by", "total", "done", "created_ms", "finished_ms", "previous")
_PART_KEY = ("check_run", "part")

#: A number as given, and the position of the same number before it.
GivenNumber = tuple[str, int | None]


def judge(
    connection: Connection,
    numbers: Sequence[GivenNumber],
    kind: str,
    at_ms: int,
    *,
    first: int = 1,
    with_places: bool = True,
) -> list[Document]:
    """Return the results of numbers.

    :param first: position of the first of them
    :param with_places: state where each was reported
    """
    read = [read_number(text, kind) for text, _ in numbers]
    listed = [one.listed for one in read if one.listed is not None]
    wanted = [one.listed or one.verdict.normalized for one in read]
    entries = entries_about(connection, listed)
    asked = [one for one in wanted if one is not None] if with_places else []
    known = known_numbers(connection, asked) if asked else {}
    imeis = [one[:_IMEI_DIGITS] for one in listed if isinstance(one, Imei)]
    assets = {row["imei"]: row for row in load_assets(connection, "imei", imeis)}
    models = models_of(connection, {one.tac for one in listed if isinstance(one, Imei)})
    found = []
    for position, ((text, repeats), one) in enumerate(zip(numbers, read, strict=True), first):
        verdict = None if one.listed is None else match(one.listed, entries[one.listed], at_ms)
        model = models.get(one.listed.tac) if isinstance(one.listed, Imei) else None
        number = one.listed or one.verdict.normalized
        seen = known.get(str(number)) if number is not None else None
        status = verdict.status if verdict else None
        normalized = one.verdict.normalized
        found.append(
            {
                "position": position,
                "input": text,
                "kind": one.verdict.kind,
                "valid": one.verdict.valid,
                "normalized": None if normalized is None else str(normalized),
                "codes": list(one.verdict.codes),
                "status": status.shown if status else None,
                "hits": [_hit(entry) for entry in verdict.hits] if verdict else [],
                "repeats": repeats,
                "model": None
                if model is None
                else {
                    "tac": model.tac,
                    "manufacturer": model.maker,
                    "model": model.model,
                    "basis": model.basis,
                },
                "known": seen is not None,
                "ref": seen["ref"] if seen else None,
                "individuals": seen["individuals"] if seen else 0,
                "last_place": _place(seen) if seen else None,
                "asset": _asset(assets.get(one.listed[:_IMEI_DIGITS]))
                if isinstance(one.listed, Imei)
                else None,
            }
        )
    return found


def _hit(entry: ListEntry) -> Document:
    first, last = entry.value.shown
    return {
        "id": str(entry.id),
        "list": entry.list.shown,
        "kind": entry.value.kind.shown,
        "value": first,
        "last": last,
        "valid_from": to_rfc3339(entry.valid_from_ms),
        "valid_to": to_rfc3339(entry.valid_to_ms),
        "source": entry.source,
        "reason": entry.reason,
    }


def _asset(row: AssetRow | None) -> Document | None:
    if row is None:
        return None
    names = ("tag", "serial_number", "owner", "site", "lifecycle", "order_number")
    return {"id": str(row["id"]), **{name: row[name] for name in names}}


def _place(seen: Document) -> Document:
    names = ("gateway_id", "port", "present", "last_seen", "last_report")
    return {**{name: seen[name] for name in names}, "imei": seen["imei"]}


# -- runs -------------------------------------------------------------------------------------


def given_numbers(texts: Sequence[str], kind: str) -> list[GivenNumber]:
    """Return numbers with the positions of those that were given before."""
    return list(zip(texts, first_positions(texts, kind), strict=True))


def store_run(
    batch: Batch,
    numbers: Sequence[GivenNumber],
    kind: str,
    actor: str,
    results: Sequence[Document] | None,
    previous: int | None = None,
) -> int:
    """Store a check and return its id.

    :param results: of all numbers; None: the job is to find them
    """
    run = batch.key()
    done = 0 if results is None else len(numbers)
    row = (
        run,
        kind,
        actor,
        len(numbers),
        done,
        batch.now_ms,
        batch.now_ms if done else 0,
        previous,
    )
    dialect.insert_rows(batch.connection, list_tables.check_run, _RUN, [row])
    parts = [
        (
            run,
            at // PART,
            _packed(numbers[at : at + PART]),
            None if results is None else _packed(results[at : at + PART]),
        )
        for at in range(0, len(numbers), PART)
    ]
    columns = (*_PART_KEY, "numbers", "results")
    dialect.insert_rows(batch.connection, list_tables.check_part, columns, parts)
    acts.note(batch.connection, "check.run", f"check:{run}", total=len(numbers))
    if results is None:
        job = (batch.key(), JOB_KIND, batch.now_ms, run.to_bytes(8, "big"))
        columns = ("id", "kind", "due_ms", "units")
        dialect.insert_rows(batch.connection, operation_tables.job, columns, [job])
    return run


def run_waiting(batch: Batch) -> bool:
    """Check the next part of the check that waits longest; return True if one did."""
    c = operation_tables.job.c
    query = select(c.units).where(c.kind == JOB_KIND).order_by(c.due_ms, c.id).limit(1)
    units = batch.connection.execute(query).scalar()
    if units is None:
        return False
    run_part(batch, int.from_bytes(bytes(units), "big"))
    return True


def run_part(batch: Batch, run: int) -> bool:
    """Check the next part of a check; return True if more are left."""
    connection = batch.connection
    columns = ("id", "kind", "total", "done")
    rows: list[Any] = dialect.select_rows(
        connection, list_tables.check_run, ("id",), columns, [(run,)], lock=True
    )
    ((_, kind, total, done),) = rows
    if done < total:
        key = (run, done // PART)
        stored: list[Any] = dialect.select_rows(
            connection, list_tables.check_part, _PART_KEY, ("numbers",), [key]
        )
        ((content,),) = stored
        numbers = _unpacked(content)
        results = judge(connection, numbers, kind, batch.now_ms, first=done + 1)
        row = (_packed(results), *key)
        dialect.update_rows(connection, list_tables.check_part, _PART_KEY, ("results",), [row])
        done += len(numbers)
        finished = batch.now_ms if done == total else 0
        dialect.update_rows(
            connection, list_tables.check_run, ("id",), ("done", "finished_ms"),
            [(done, finished, run)],
        )  # fmt: skip
    if done < total:
        return True
    key_of_run = [(JOB_KIND, run.to_bytes(8, "big"))]
    dialect.delete_rows(connection, operation_tables.job, ("kind", "units"), key_of_run)
    return False


def delete_old(batch: Batch, oldest_ms: int) -> Deleted:
    """Delete some checks that were made before a time."""
    c = list_tables.check_run.c
    query = select(c.id, c.created_ms).order_by(c.id).limit(_DELETED_AT_ONCE)
    rows = batch.connection.execute(query).all()
    old = [(row.id,) for row in rows if row.created_ms < oldest_ms]
    dialect.delete_rows(batch.connection, list_tables.check_part, ("check_run",), old)
    dialect.delete_rows(batch.connection, list_tables.check_run, ("id",), old)
    return Deleted(len(old), len(old) == _DELETED_AT_ONCE)


def run_document(connection: Connection, run: int) -> Document | None:
    """Return a check without its results."""
    rows = dialect.select_rows(connection, list_tables.check_run, ("id",), _RUN, [(run,)])
    return _document(rows[0]) if rows else None


def run_page(connection: Connection, *, limit: int, after: int | None = None) -> Document:
    """Return a page of the checks without their results, newest first."""
    c = list_tables.check_run.c
    query = select(*(c[one] for one in _RUN)).order_by(c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(c.id < after)
    rows = [tuple(row) for row in connection.execute(query)]
    following = str(rows[limit - 1][0]) if len(rows) > limit else None
    return {"checks": [_document(row) for row in rows[:limit]], "next": following}


def _document(row: Sequence[Any]) -> Document:
    found = dict(zip(_RUN, row, strict=True))
    is_done = found["done"] == found["total"]
    return {
        "id": str(found["id"]),
        "state": "done" if is_done else "waiting",
        "kind": found["kind"],
        "total": found["total"],
        "done": found["done"],
        "checked_by": found["checked_by"],
        "created_at": to_rfc3339(found["created_ms"]),
        "finished_at": to_rfc3339(found["finished_ms"]) if is_done else None,
        "previous": None if found["previous"] is None else str(found["previous"]),
    }


def numbers_of(connection: Connection, run: int) -> list[GivenNumber]:
    """Return the numbers of a check."""
    rows = _parts(connection, run, "numbers")
    return [(text, repeats) for part in rows for text, repeats in _unpacked(part)]


def results_of(
    connection: Connection, run: int, *, after: int = 0, limit: int = MOST
) -> list[Document]:
    """Return the results of a check from a position on, as far as they are known."""
    found: list[Document] = []
    for part in _parts(connection, run, "results", first=after // PART, most=limit // PART + 2):
        found += [one for one in _unpacked(part) if one["position"] > after]
    return found[:limit]


def changes_of(connection: Connection, run: int, previous: int) -> Iterator[Document]:
    """Yield the results that differ from those of an earlier check of the same numbers."""
    before = results_of(connection, previous)
    for old, new in zip(before, results_of(connection, run), strict=False):
        changes = compare_results(old, new)
        if changes:
            names = ("position", "input", "kind", "normalized", "ref")
            yield {**{name: new[name] for name in names}, "changes": changes}


def _parts(
    connection: Connection, run: int, column: str, *, first: int = 0, most: int = MOST
) -> list[bytes]:
    c = list_tables.check_part.c
    query = select(c[column]).where(c.check_run == run, c.part >= first, c[column].is_not(None))
    rows = connection.execute(query.order_by(c.part).limit(most)).scalars()
    return [bytes(one) for one in rows]


def _packed(values: Sequence[Any]) -> bytes:
    return zlib.compress(msgspec.json.encode(values), 1)


def _unpacked(content: bytes) -> list[Any]:
    found: list[Any] = msgspec.json.decode(zlib.decompress(content))
    return found
