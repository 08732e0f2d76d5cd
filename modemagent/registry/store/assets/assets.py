"""Assets in the database: look-ups by index, and the history of an asset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from modemagent.registry.assets.asset_fields import (
    FIELDS,
    IMEIS,
    NEXT_STEPS,
    shown_imei,
)
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.tables.asset_tables import asset, asset_change, asset_revision

COLUMNS = ("id", "revision", "added_ms", "changed_ms", *FIELDS)
FILTERS = ("site", "owner", "lifecycle")

#: Fields of an asset by name; None: empty.
Values = Mapping[str, str | None]
AssetRow = dict[str, Any]


def load(connection: Connection, column: str, keys: Iterable[object]) -> list[AssetRow]:
    """Return the assets with these values of an indexed column, the oldest first."""
    wanted = [(key,) for key in dict.fromkeys(keys)]
    return assets_of(dialect.select_rows(connection, asset, (column,), COLUMNS, wanted))


def asset_page(
    connection: Connection, *, limit: int, after: int = 0, **filters: str | None
) -> Document:
    """Return a page of assets in the order in which they were added.

    :param filters: values of the fields in :data:`FILTERS`
    """
    chosen = {name: value for name, value in filters.items() if value is not None}
    c = asset.c
    query = select(*(c[one] for one in COLUMNS)).where(c.id > after)
    for name, value in chosen.items():
        query = query.where(c[name] == value)
    found = connection.execute(query.order_by(c.id).limit(limit + 1)).mappings().all()
    rows = [dict(row) for row in found]
    following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    return {"assets": [to_document(row) for row in rows[:limit]], "next": following}


def find_asset(connection: Connection, name: str) -> AssetRow | None:
    """Return an asset by its tag, or else by its id."""
    found = load(connection, "tag", [name])
    if not found and name.isascii() and name.isdecimal() and len(name) < 19:
        found = load(connection, "id", [int(name)])
    return found[0] if found else None


def read_assets(connection: Connection, text: str, imeis: Sequence[str]) -> Read:
    """Return the query for assets with a tag, a serial number, or IMEIs of 14 digits."""
    keys = {"tag": [text], "serial_number": [text], "imei": imeis, "label_imei": imeis}
    return dialect.rows_with_any(connection, asset, COLUMNS, keys)


def assets_of(rows: Iterable[tuple[Any, ...]]) -> list[AssetRow]:
    """Return the assets in rows of a query, the oldest first."""
    return [dict(zip(COLUMNS, row, strict=True)) for row in sorted(rows)]


def to_document(row: AssetRow) -> Document:
    """Return an asset as it is shown."""
    values = {name: shown_imei(row[name]) if name in IMEIS else row[name] for name in FIELDS}
    return {
        "id": str(row["id"]),
        "revision": row["revision"],
        **values,
        "next_steps": list(NEXT_STEPS[row["lifecycle"]]),
        "added_at": to_rfc3339(row["added_ms"]),
        "changed_at": to_rfc3339(row["changed_ms"]),
    }


def asset_history(connection: Connection, key: int, after: int = 0) -> list[Document]:
    """Return the revisions of an asset, oldest first.

    :param after: only those after this one
    """
    r, c = asset_revision.c, asset_change.c
    rows = connection.execute(
        select(asset_change).where(c.asset == key, c.revision > after)
    )  # fmt: skip
    changes = defaultdict(list)
    for row in rows:
        old, new = (shown_imei(x) if row.field in IMEIS else x for x in (row.old, row.new))
        changes[row.revision].append({"field": row.field, "old": old, "new": new})
    query = select(asset_revision).where(r.asset == key, r.revision > after).order_by(r.revision)
    return [
        {
            "revision": row.revision,
            "time": to_rfc3339(row.made_ms),
            "actor": row.actor,
            "reason": row.reason,
            "import": None if row.import_run is None else str(row.import_run),
            "changes": sorted(changes[row.revision], key=lambda one: FIELDS.index(one["field"])),
        }
        for row in connection.execute(query)
    ]


# -- changes ----------------------------------------------------------------------------------
