"""Views with a name, and sets of findings that were chosen.

Alembic revision 0014_views.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014_views"
down_revision = "0013_outside"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    row = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "saved_view",
        sa.Column("id", row, autoincrement=True, nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=False),
        *(sa.Column(one, sa.Text(), nullable=False) for one in ("section", "name", "query")),
        sa.Column("shared", sa.Boolean(create_constraint=False), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("saved_view_of_section", "saved_view", ["section", "person"])
    op.create_table(
        "finding_set",
        sa.Column("id", row, autoincrement=True, nullable=False),
        *(sa.Column(one, sa.BigInteger(), nullable=False) for one in ("person", "made_ms", "acts")),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("items", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("finding_set_made", "finding_set", ["made_ms"])
