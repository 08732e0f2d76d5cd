"""Tables of assets and orders.

``asset`` holds what is known now; ``asset_revision`` and ``asset_change`` are its history, one row
for each field that a revision changed. Rows of orders that were removed or replaced are moved to
``order_row_past``, so that an import can be undone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from modemagent.registry.store.list_tables import metadata

__all__ = [
    "asset", "asset_change", "asset_revision", "metadata", "order_row", "order_row_past",
    "purchase_order",
]  # fmt: skip

_ROW = BigInteger().with_variant(Integer, "sqlite")
_LONG, _TEXT, _BOOLEAN = BigInteger(), Text(), Boolean(create_constraint=False)
_UNSORTED: dict[str, Any] = {"sqlite_with_rowid": False}
_OPEN = text("received < quantity")

#: Numbers of the registers beside those of the lists: a change locks the row of its register.
ASSETS, ORDERS = -1, -2


def _id() -> Column[int]:
    return Column("id", _ROW, primary_key=True, autoincrement=False)


def _key(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def _required(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def _optional(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=True) for name in names]


asset = Table(
    "asset",
    metadata,
    _id(),
    *_required(_LONG, "revision", "added_ms", "changed_ms"),
    *_required(_TEXT, "lifecycle"),
    *_optional(_TEXT, "tag", "serial_number", "category", "manufacturer", "model"),
    *_optional(_TEXT, "imei", "label_imei"),  # 14 digits
    *_optional(_TEXT, "owner", "site", "supplier", "order_number"),
    *_optional(_TEXT, "purchased", "warranty_end"),  # dates
    *_optional(_TEXT, "repair", "note"),
    UniqueConstraint("tag", name="asset_tag"),
    Index("asset_of_serial_number", "serial_number"),
    Index("asset_of_imei", "imei"),
    Index("asset_of_label_imei", "label_imei"),
    Index("asset_at_site", "site", "id"),
    Index("asset_of_owner", "owner", "id"),
    Index("asset_in_state", "lifecycle", "id"),
    Index("asset_at_site_in_state", "site", "lifecycle", "id"),
    Index("asset_of_owner_in_state", "owner", "lifecycle", "id"),
)

asset_revision = Table(
    "asset_revision",
    metadata,
    *_key(_LONG, "asset", "revision"),
    *_required(_LONG, "made_ms"),
    *_required(_TEXT, "actor", "reason"),
    *_optional(_LONG, "import_run"),
    Index("asset_revision_of_import", "import_run"),
    **_UNSORTED,
)

asset_change = Table(
    "asset_change",
    metadata,
    *_key(_LONG, "asset", "revision"),
    *_key(_TEXT, "field"),
    *_optional(_TEXT, "old", "new"),
    **_UNSORTED,
)

purchase_order = Table(
    "purchase_order",
    metadata,
    _id(),
    *_required(_TEXT, "number", "created_by"),
    *_optional(_TEXT, "supplier", "note"),
    *_required(_BOOLEAN, "closed"),  # by a person: the rest is not expected any longer
    *_required(_LONG, "revision", "created_ms", "changed_ms"),
    *_required(_LONG, "expected", "received"),  # units of its rows
    *_optional(_LONG, "import_run"),
    UniqueConstraint("number", name="purchase_order_number"),
)


def _row() -> list[Column[Any]]:
    return [
        *_required(_LONG, "purchase_order", "line", "quantity", "received", "added_ms"),
        *_required(_TEXT, "added_by"),
        *_optional(_TEXT, "lot", "manufacturer", "model", "firmware", "tac"),
        *_optional(_TEXT, "imei", "iccid", "eid", "imsi", "serial_number"),
        *_optional(_TEXT, "sim", "label", "label_template"),
        *_optional(_TEXT, "asset_tag", "site", "owner", "note"),
        *_optional(_LONG, "import_run"),
    ]


# A row with a number is one unit, which is received when it reports.
order_row = Table(
    "order_row",
    metadata,
    _id(),
    *_row(),
    Index("order_row_of_order", "purchase_order", "id"),
    Index("order_row_of_imei", "imei"),
    Index("order_row_of_iccid", "iccid"),
    Index("order_row_of_import", "import_run"),
    Index("order_row_open", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

order_row_past = Table(
    "order_row_past",
    metadata,
    _id(),
    *_row(),
    *_required(_LONG, "removed_ms"),
    *_required(_TEXT, "removed_by"),
    *_optional(_LONG, "removed_import"),
    Index("order_row_past_of_import", "removed_import"),
)
