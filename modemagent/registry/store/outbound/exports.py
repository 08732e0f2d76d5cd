"""Exports in the background: CSV or JSON lines of what lists show, kept for a week."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from modemagent.errors import UsageError
from modemagent.identity.csv_cells import csv_line, guarded
from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store.assets import assets
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.findings import finding_search
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.unit_filters import LISTS, MOST_DIGITS
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.privacy import acts, audit, number_rows
from modemagent.registry.store.tables.outbound_tables import export, export_part

log = logging.getLogger(__name__)

_PAGE = 1000
KEPT_MS = 7 * 86_400_000
FORMATS = ("csv", "jsonl")
#: What only tokens and people who may read the audit, or all numbers, may export.
AUDIT, NUMBER = "audit", "number"
_DIGITS = ("tac", "issuer")  # filters by the first digits of a number
_LINK_STATES = [one.shown for one in LinkState]
Masked = Callable[[Any], Any]


class _Part(NamedTuple):
    """Rows of an export, and where the next ones begin; None: there are none."""

    rows: list[Document]
    following: str | None


def _pages(
    name: str, page: Callable[..., Document], *, is_text: bool = False
) -> Callable[[Connection, str, dict[str, Any]], _Part]:
    def part(connection: Connection, cursor: str, filters: dict[str, Any]) -> _Part:
        begin: Any = cursor if is_text else int(cursor or 0)
        given = {"digits" if one in _DIGITS else one: value for one, value in filters.items()}
        found = page(connection, limit=_PAGE, after=begin, **given)
        following = found["next"]
        return _Part(found[name], None if following is None else str(following))

    return part


def _about(connection: Connection, _: str, filters: dict[str, Any]) -> _Part:
    found = number_rows.rows_about(connection, filters["id"])
    return _Part([] if found is None else list(found), None)


_SOURCES: dict[str, tuple[frozenset[str], Callable[..., _Part]]] = {
    "modems": (
        frozenset({"gateway", "site", "model", "firmware", "tac", "link_state", "listed"}),
        _pages("modems", reader.modems),
    ),
    "sims": (
        frozenset({"gateway", "site", "issuer", "link_state", "listed"}),
        _pages("sims", reader.sims),
    ),
    "gateways": (frozenset({"site"}), _pages("gateways", reader.gateways, is_text=True)),
    "findings": (
        frozenset({"severity", "gateway", "type", "site", "model", "firmware", "tac"}),
        _pages("findings", finding_search.findings),
    ),
    "events": (frozenset(), _pages("events", reader.events)),
    "pairings": (frozenset({"link_state"}), _pages("pairings", reader.pairings)),
    "assets": (frozenset({"site", "owner", "lifecycle"}), _pages("assets", assets.asset_page)),
    AUDIT: (frozenset({"actor", "kind", "object"}), _pages("entries", audit.audit_page)),
    NUMBER: (frozenset({"id"}), _about),
}
KINDS = tuple(_SOURCES)


def filters_of(what: str) -> frozenset[str]:
    """Return the names of the filters of a kind of export."""
    return _SOURCES[what][0]


def add(
    batch: Batch, what: str, form: str, filters: Mapping[str, str], actor: str, *, full_ids: bool
) -> int:
    """Request an export; return its id.

    :raises UsageError: kind, format or a filter is unknown
    """
    if what not in _SOURCES or form not in FORMATS:
        raise UsageError("the export is unknown", hint=f"Use one of: {', '.join(KINDS)}.")
    allowed, _ = _SOURCES[what]
    if not set(filters) <= allowed or (what == NUMBER and "id" not in filters):
        raise UsageError(
            "the filters do not fit",
            hint=f"Use {', '.join(sorted(allowed)) or 'none'} with {what}.",
        )
    digits = next((filters[one] for one in _DIGITS if one in filters), "0")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MOST_DIGITS):
        raise UsageError(
            "the first digits are not those of a number",
            hint=f"Use at most {MOST_DIGITS} digits: more would identify a modem or SIM.",
        )
    if filters.get("listed", LISTS[0]) not in LISTS:
        raise UsageError("the list is unknown", hint=f"Use one of: {', '.join(LISTS)}.")
    if filters.get("link_state", "linked").upper() not in LinkState.__members__:
        raise UsageError(
            "the state of the link is unknown", hint=f"Use one of: {', '.join(_LINK_STATES)}."
        )
    key = batch.key()
    batch.connection.execute(
        insert(export).values(
            id=key, what=what, format=form, state="waiting", requested_by=actor, cursor="",
            filters=msgspec.json.encode(dict(filters)).decode(), full_ids=full_ids, rows=0,
            created_ms=batch.now_ms,
        )
    )  # fmt: skip
    acts.note(batch.connection, "export.add", f"export:{key}", what=what, full_ids=full_ids)
    return key


def is_waiting(connection: Connection) -> bool:
    """Return True if an export is not done."""
    query = select(export.c.id).where(export.c.state == "waiting").limit(1)
    return connection.execute(query).first() is not None


def step(batch: Batch, masked: Masked) -> bool:
    """Add the next rows to the export that waits longest; return True if there may be more.

    :param masked: masks a document
    """
    connection = batch.connection
    c = export.c
    query = select(c.id).where(c.state == "waiting").order_by(c.id).limit(1)
    key = connection.execute(query).scalar()
    if key is None:
        return False
    dialect.select_rows(connection, export, ("id",), ("id",), [(key,)], lock=True)
    row = connection.execute(select(export).where(c.id == key)).one()
    if row.state != "waiting":
        return True
    number = connection.execute(
        select(export_part.c.part).where(export_part.c.export == key).order_by(
            export_part.c.part.desc()
        ).limit(1)
    ).scalar()  # fmt: skip
    try:
        part = _next_part(connection, row, masked)
        content = _content(row.format, part.rows, is_first=row.rows == 0)
    except SQLAlchemyError:
        raise
    except Exception as error:
        log.error("export %d failed", key, exc_info=error)
        failed = update(export).where(c.id == key)
        connection.execute(failed.values(state="failed", finished_ms=batch.now_ms))
        return True
    values = (key, 0 if number is None else number + 1, zlib.compress(content, 6))
    dialect.insert_rows(connection, export_part, ("export", "part", "content"), [values])
    changes: dict[str, Any] = {"rows": row.rows + len(part.rows), "cursor": part.following or ""}
    if part.following is None:
        changes |= {"state": "done", "finished_ms": batch.now_ms}
        if row.what == NUMBER:
            changes["filters"] = "{}"  # the number is in the content alone
    connection.execute(update(export).where(c.id == key).values(changes))
    return True


def _next_part(connection: Connection, row: Row[Any], masked: Masked) -> _Part:
    _, source = _SOURCES[row.what]
    part = source(connection, row.cursor, msgspec.json.decode(row.filters))
    return part if row.full_ids else _Part([masked(one) for one in part.rows], part.following)


def delete_old(batch: Batch) -> bool:
    """Delete exports that are older than a week."""
    old = select(export.c.id).where(export.c.created_ms < batch.now_ms - KEPT_MS)
    keys = batch.connection.execute(old).scalars().all()
    delete_exports(batch.connection, keys)
    return False


def delete_exports(connection: Connection, keys: Sequence[int]) -> None:
    """Delete exports with their content."""
    connection.execute(delete(export_part).where(export_part.c.export.in_(keys)))
    connection.execute(delete(export).where(export.c.id.in_(keys)))


def content_of(connection: Connection, key: int) -> bytes:
    """Return the content of an export."""
    c = export_part.c
    query = select(c.content).where(c.export == key).order_by(c.part)
    parts = connection.execute(query).scalars()
    return b"".join(zlib.decompress(bytes(one)) for one in parts)


class StoredExport(NamedTuple):
    """An export without its content.

    :param filters: empty for one about a number, which only its content has
    :param parts: of the content
    :param packed: bytes that they take
    """

    key: int
    what: str
    format: str
    state: str
    filters: dict[str, str]
    full_ids: bool
    rows: int
    requested_by: str
    created_ms: int
    parts: int
    packed: int


def stored_export(connection: Connection, key: int) -> StoredExport | None:
    """Return an export."""
    found = stored_exports(connection, limit=1, after=key + 1)
    return found[0] if found and found[0].key == key else None


def stored_exports(
    connection: Connection, *, limit: int, after: int | None = None
) -> list[StoredExport]:
    """Return exports, newest first.

    :param after: only older ones than this one
    """
    c, part = export.c, export_part.c
    query = select(export).order_by(c.id.desc()).limit(limit)
    rows = connection.execute(query if after is None else query.where(c.id < after)).all()
    keys = [row.id for row in rows]
    sizes = select(part.export, func.count(), func.sum(func.length(part.content)))
    packed = {
        key: (parts, size)
        for key, parts, size in connection.execute(
            sizes.where(part.export.in_(keys)).group_by(part.export)
        )
    }
    return [
        StoredExport(
            row.id,
            row.what,
            row.format,
            row.state,
            {} if row.what == NUMBER else msgspec.json.decode(row.filters),
            bool(row.full_ids),
            row.rows,
            row.requested_by,
            row.created_ms,
            *packed.get(row.id, (0, 0)),
        )
        for row in rows
    ]


def note_fetch(database: Database, key: int) -> None:
    """Record in the audit that an export with numbers in full is read."""
    with database.writing() as connection:
        acts.note(connection, "export.fetch", f"export:{key}")


def part_of(connection: Connection, key: int, part: int) -> str:
    """Return a part of the content of an export, which has whole lines."""
    c = export_part.c
    query = select(c.content).where(c.export == key, c.part == part)
    return zlib.decompress(bytes(connection.execute(query).scalar_one())).decode()


def export_document(connection: Connection, key: int) -> Document | None:
    """Return an export without its content."""
    row = connection.execute(select(export).where(export.c.id == key)).first()
    return None if row is None else _document(row)


def export_page(connection: Connection, *, limit: int, after: int | None = None) -> Document:
    """Return a page of the exports, newest first."""
    c = export.c
    query = select(export).order_by(c.id.desc()).limit(limit + 1)
    query = query if after is None else query.where(c.id < after)
    rows = connection.execute(query).all()
    following = str(rows[limit - 1].id) if len(rows) > limit else None
    return {"exports": [_document(row) for row in rows[:limit]], "next": following}


def _document(row: Row[Any]) -> Document:
    return {
        "id": str(row.id),
        "what": row.what,
        "format": row.format,
        "state": row.state,
        "full_ids": bool(row.full_ids),
        "rows": row.rows,
        "requested_by": row.requested_by,
        "created_at": to_rfc3339(row.created_ms),
        "finished_at": to_rfc3339(row.finished_ms),
    }


def _content(form: str, rows: Sequence[Document], *, is_first: bool) -> bytes:
    if form == "jsonl":
        return b"".join(msgspec.json.encode(one) + b"\n" for one in rows)
    lines = [csv_line(list(rows[0]))] if rows and is_first else []
    lines += [csv_line([_cell(value) for value in one.values()]) for one in rows]
    return "".join(lines).encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return guarded(value if isinstance(value, str) else msgspec.json.encode(value).decode())
