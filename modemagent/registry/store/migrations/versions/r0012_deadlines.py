"""Regulations, registrations with authorities, and deadlines of modems.

Alembic revision 0012_deadlines.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012_deadlines"
down_revision = "0011_outbound"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and the index by which modems in a country are found."""
    op.create_table(
        "regulation",
        *_text("id", "country", "kind", "sim"),
        *_long("limit_days"),
        *_text("use_window"),
        *_long("window_days"),
        sa.Column("registered", sa.Boolean(), nullable=False),
        *_text("text", "source", "as_of", "confidence"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        *_text("changed_by"),
        *_long("changed_ms"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "registration",
        *_text("imei", "country"),
        sa.Column("import_run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("registered_on", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("imei", "country", "import_run"),
        sqlite_with_rowid=False,
    )
    op.create_index("registration_of_import", "registration", ["import_run"])
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "deadline",
        sa.Column("id", kind, autoincrement=False, nullable=False),
        *_long("unit"),
        *_text("regulation", "country"),
        *_long("days", "limit_days", "ratio", "first_day", "last_day", "due_day", "gateway"),
        *_long("stream", "sequence"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("deadline_of_unit", "deadline", ["unit"])
    op.create_index("deadline_due", "deadline", ["due_day", "id"])
    op.create_index("deadline_in_country", "deadline", ["country", "due_day", "id"])
    op.create_index("presence_in_country", "presence", ["mcc", "modem"])
    register = sa.table("list", *(sa.column(one) for one in ("list", "entries", "revision")))
    op.bulk_insert(register, [{"list": -12, "entries": 0, "revision": 0}])


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _long(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]
