"""Findings of rules: part, place, revision and decisions; networks that refuse a modem.

Alembic revision 0003_rules.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_rules"
down_revision = "0002_lists"
branch_labels = None
depends_on = None

_AT_PLACE = sa.text("place IS NOT NULL")


def upgrade() -> None:
    """Add the columns and tables."""
    for column in (
        sa.Column("place", sa.BigInteger(), nullable=True),
        sa.Column("part", sa.Text(), nullable=False, server_default=""),
        sa.Column("late", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("again", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("revision", sa.BigInteger(), nullable=False, server_default="1"),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
    ):
        op.add_column("finding", column)
    op.create_index("finding_of_id", "finding", ["finding_id"])
    op.create_index(
        "finding_of_place", "finding", ["place"], sqlite_where=_AT_PLACE, postgresql_where=_AT_PLACE
    )
    op.create_table(
        "decision",
        sa.Column("finding", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("finding", "revision"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "denial",
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("since_lo", sa.BigInteger(), nullable=False),
        sa.Column("since_hi", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
        sqlite_with_rowid=False,
    )
    op.create_index("denial_since", "denial", ["found", "since_hi"])
