"""Assets and orders.

Alembic revision 0005_assets.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005_assets"
down_revision = "0003_rules"
branch_labels = None
depends_on = None

_OPEN = sa.text("received < quantity")


def upgrade() -> None:
    """Create the tables; assets (-1) and orders (-2) are registers beside the lists."""
    registers = sa.table("list", sa.column("list"), sa.column("entries"), sa.column("revision"))
    op.bulk_insert(registers, [{"list": one, "entries": 0, "revision": 0} for one in (-1, -2)])
    op.create_table(
        "asset",
        _id(),
        *_long("revision", "added_ms", "changed_ms"),
        sa.Column("lifecycle", sa.Text(), nullable=False),
        *_optional(
            "tag", "serial_number", "category", "manufacturer", "model", "imei", "label_imei",
            "owner", "site", "supplier", "order_number", "purchased", "warranty_end", "repair",
            "note",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tag", name="asset_tag"),
    )  # fmt: skip
    for name, columns in {
        "asset_of_serial_number": ["serial_number"],
        "asset_of_imei": ["imei"],
        "asset_of_label_imei": ["label_imei"],
        "asset_at_site": ["site", "id"],
        "asset_of_owner": ["owner", "id"],
        "asset_in_state": ["lifecycle", "id"],
        "asset_at_site_in_state": ["site", "lifecycle", "id"],
        "asset_of_owner_in_state": ["owner", "lifecycle", "id"],
    }.items():
        op.create_index(name, "asset", columns, unique=False)
    op.create_table(
        "asset_revision",
        *_key("asset", "revision"),
        *_long("made_ms"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("import_run", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("asset", "revision"),
        sqlite_with_rowid=False,
    )
    op.create_index("asset_revision_of_import", "asset_revision", ["import_run"], unique=False)
    op.create_table(
        "asset_change",
        *_key("asset", "revision"),
        sa.Column("field", sa.Text(), autoincrement=False, nullable=False),
        *_optional("old", "new"),
        sa.PrimaryKeyConstraint("asset", "revision", "field"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "purchase_order",
        _id(),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        *_optional("supplier", "note"),
        sa.Column("closed", sa.Boolean(), nullable=False),
        *_long("revision", "created_ms", "changed_ms", "expected", "received"),
        sa.Column("import_run", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number", name="purchase_order_number"),
    )
    op.create_table("order_row", _id(), *_row(), sa.PrimaryKeyConstraint("id"))
    for name, columns in {
        "order_row_of_order": ["purchase_order", "id"],
        "order_row_of_imei": ["imei"],
        "order_row_of_iccid": ["iccid"],
        "order_row_of_import": ["import_run"],
    }.items():
        op.create_index(name, "order_row", columns, unique=False)
    op.create_index(
        "order_row_open", "order_row", ["id"], unique=False, sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )  # fmt: skip
    op.create_table(
        "order_row_past",
        _id(),
        *_row(),
        *_long("removed_ms"),
        sa.Column("removed_by", sa.Text(), nullable=False),
        sa.Column("removed_import", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("order_row_past_of_import", "order_row_past", ["removed_import"], unique=False)


def _id() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, autoincrement=False, nullable=False)


def _key(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in names]


def _long(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _optional(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=True) for name in names]


def _row() -> list[sa.Column[Any]]:
    return [
        *_long("purchase_order", "line", "quantity", "received", "added_ms"),
        sa.Column("added_by", sa.Text(), nullable=False),
        *_optional(
            "lot", "manufacturer", "model", "firmware", "tac", "imei", "iccid", "eid", "imsi",
            "serial_number", "sim", "label", "label_template", "asset_tag", "site", "owner",
            "note",
        ),
        sa.Column("import_run", sa.BigInteger(), nullable=True),
    ]  # fmt: skip
