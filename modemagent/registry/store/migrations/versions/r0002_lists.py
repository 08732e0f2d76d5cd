"""Lists, imports, the TAC table, and checks.

Alembic revision 0002_lists.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002_lists"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; the three lists and the TAC table (0) have no rows."""
    listing = op.create_table(
        "list",
        sa.Column("list", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("list"),
    )
    op.bulk_insert(listing, [{"list": one, "entries": 0, "revision": 0} for one in range(4)])
    op.create_table(
        "list_entry",
        _id(),
        *_entry(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "first", "last", "list", name="list_entry_key"),
    )
    op.create_index("list_entry_of_list", "list_entry", ["list", "id"], unique=False)
    op.create_index("list_entry_of_import", "list_entry", ["import_run"], unique=False)
    op.create_table(
        "list_past",
        _id(),
        *_entry(),
        sa.Column("removed_ms", sa.BigInteger(), nullable=False),
        sa.Column("removed_by", sa.Text(), nullable=False),
        sa.Column("removed_import", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("list_past_of_import", "list_past", ["removed_import"], unique=False)
    op.create_table(
        "list_block",
        sa.Column("prefix", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("prefix", "entry"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "import_run",
        _id(),
        *_text("target", "mode", "source", "imported_by"),
        *_long("imported_ms", "rows", "added", "changed", "removed", "unchanged", "skipped"),
        sa.Column("undone_ms", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tac",
        sa.Column("tac", sa.BigInteger(), autoincrement=False, nullable=False),
        *_text("manufacturer", "model"),
        *_long("import_run"),
        sa.PrimaryKeyConstraint("tac"),
    )
    op.create_index("tac_of_import", "tac", ["import_run"], unique=False)
    op.create_table(
        "tac_past",
        sa.Column("removed_import", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tac", sa.BigInteger(), autoincrement=False, nullable=False),
        *_text("manufacturer", "model"),
        *_long("import_run"),
        sa.PrimaryKeyConstraint("removed_import", "tac"),
    )
    op.create_table(
        "check_run",
        _id(),
        *_text("kind", "checked_by"),
        *_long("total", "done", "created_ms", "finished_ms"),
        sa.Column("previous", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "check_part",
        sa.Column("check_run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("part", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.Column("results", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("check_run", "part"),
    )


def _id() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, autoincrement=False, nullable=False)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _long(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _entry() -> list[Any]:
    optional = ("valid_from_ms", "valid_to_ms", "import_run")
    return [
        sa.Column("list", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        *_text("first", "last", "source", "reason", "added_by"),
        *_long("added_ms"),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in optional),
    ]
