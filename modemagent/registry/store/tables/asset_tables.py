"""Tables of assets and orders.

``asset`` holds what is known now; ``asset_revision`` and ``asset_change`` are its history, one row
for each field that a revision changed. Rows of orders that were removed or replaced are moved to
``order_row_past``, so that an import can be undone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Table,
    UniqueConstraint,
    text,
)

from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BY_KEY,
    LONG,
    TEXT,
    key,
    optional,
    required,
    row_id,
)
from modemagent.registry.store.tables.list_tables import metadata

__all__ = [
    "asset", "asset_change", "asset_revision", "metadata", "order_row", "order_row_past",
    "purchase_order",
]  # fmt: skip

_OPEN = text("received < quantity")

#: Numbers of the registers beside those of the lists: a change locks the row of its register.
ASSETS, ORDERS = -1, -2


asset = Table(
    "asset",
    metadata,
    row_id(),
    *required(LONG, "revision", "added_ms", "changed_ms"),
    *required(TEXT, "lifecycle"),
    *optional(TEXT, "tag", "serial_number", "category", "manufacturer", "model"),
    *optional(TEXT, "imei", "label_imei"),  # 14 digits
    *optional(TEXT, "owner", "site", "supplier", "order_number"),
    *optional(TEXT, "purchased", "warranty_end"),  # dates
    *optional(TEXT, "repair", "note"),
    UniqueConstraint("tag", name="asset_tag"),
    Index("asset_of_serial_number", "serial_number"),
    Index("asset_of_imei", "imei"),
    Index("asset_of_label_imei", "label_imei"),
    Index("asset_at_site", "site", "id"),
    Index("asset_of_owner", "owner", "id"),
    Index("asset_in_state", "lifecycle", "id"),
    Index("asset_at_site_in_state", "site", "lifecycle", "id"),
    Index("asset_at_site_of_owner", "site", "owner", "id"),
    Index("asset_of_owner_in_state", "owner", "lifecycle", "id"),
)

asset_revision = Table(
    "asset_revision",
    metadata,
    *key(LONG, "asset", "revision"),
    *required(LONG, "made_ms"),
    *required(TEXT, "actor", "reason"),
    *optional(LONG, "import_run"),
    Index("asset_revision_of_import", "import_run"),
    **BY_KEY,
)

asset_change = Table(
    "asset_change",
    metadata,
    *key(LONG, "asset", "revision"),
    *key(TEXT, "field"),
    *optional(TEXT, "old", "new"),
    **BY_KEY,
)

purchase_order = Table(
    "purchase_order",
    metadata,
    row_id(),
    *required(TEXT, "number", "created_by"),
    *optional(TEXT, "supplier", "note"),
    *required(BOOLEAN, "closed"),  # by a person: the rest is not expected any longer
    *required(LONG, "revision", "created_ms", "changed_ms"),
    *required(LONG, "expected", "received"),  # units of its rows
    *optional(LONG, "import_run"),
    UniqueConstraint("number", name="purchase_order_number"),
)


def _row() -> list[Column[Any]]:
    return [
        *required(LONG, "purchase_order", "line", "quantity", "received", "added_ms"),
        *required(TEXT, "added_by"),
        *optional(TEXT, "lot", "manufacturer", "model", "firmware", "tac"),
        *optional(TEXT, "imei", "iccid", "eid", "imsi", "serial_number"),
        *optional(TEXT, "sim", "label", "label_template"),
        *optional(TEXT, "asset_tag", "site", "owner", "note"),
        *optional(LONG, "import_run"),
    ]


# A row with a number is one unit, which is received when it reports.
order_row = Table(
    "order_row",
    metadata,
    row_id(),
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
    row_id(),
    *_row(),
    *required(LONG, "removed_ms"),
    *required(TEXT, "removed_by"),
    *optional(LONG, "removed_import"),
    Index("order_row_past_of_import", "removed_import"),
)
