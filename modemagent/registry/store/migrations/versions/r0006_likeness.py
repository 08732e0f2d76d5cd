"""Digest of the bytes of the newest report of a place.

Alembic revision 0006_likeness.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_likeness"
down_revision = "0005_assets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "place", sa.Column("likeness", sa.BigInteger(), nullable=False, server_default="0")
    )
