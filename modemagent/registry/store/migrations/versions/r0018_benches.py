"""Newest reports of production benches.

Alembic revision 0018_benches.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018_benches"
down_revision = "0017_authorisations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "bench_place",
        sa.Column("gateway", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "place"),
        sqlite_with_rowid=False,
    )
