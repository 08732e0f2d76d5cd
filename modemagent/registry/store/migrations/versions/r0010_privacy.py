"""The audit, erasures, and the marks of redacted bodies.

Alembic revision 0010_privacy.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010_privacy"
down_revision = "0009_policies"
branch_labels = None
depends_on = None

_WAITS = sa.text("position IS NULL")


def upgrade() -> None:
    """Create the tables and the columns."""
    row = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audit",
        sa.Column("id", row, autoincrement=True, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("position", name="audit_position"),
    )
    op.create_index("audit_waiting", "audit", ["id"], sqlite_where=_WAITS, postgresql_where=_WAITS)
    op.create_index("audit_of_actor", "audit", ["actor", "position"])
    op.create_index("audit_of_kind", "audit", ["kind", "position"])
    op.create_index("audit_about", "audit", ["object", "position"])
    op.create_index("audit_made", "audit", ["made_ms", "position"])
    op.create_table(
        "erased_ref",
        sa.Column("ref", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("erased_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ref"),
    )
    op.create_table(
        "erased_number",
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("erased_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("erased_number_since", "erased_number", ["erased_ms"])
    op.create_table(
        "erasure",
        sa.Column("id", row, autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("ref", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_ms", sa.BigInteger(), nullable=False),
        sa.Column("bodies", sa.BigInteger(), nullable=False),
        sa.Column("redacted", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        sa.Column("numbers", sa.LargeBinary(), nullable=True),
        sa.Column("after", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for table in ("report", "conflict"):
        op.add_column(table, sa.Column("old_digest", sa.BigInteger(), nullable=True))
