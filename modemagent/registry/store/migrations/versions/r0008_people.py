"""People, sessions and one-time links; an index of the findings that hold and are not resolved.

Alembic revision 0008_people.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_people"
down_revision = "0007_cases"
branch_labels = None
depends_on = None

_OPEN = sa.text("recorded_to IS NULL AND state <> 'resolved'")


def upgrade() -> None:
    """Create the tables and the index."""
    row = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "person",
        sa.Column("number", row, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("full_ids", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.Column(
            "keys", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.true()
        ),
        sa.Column("theme", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("name", name="person_name"),
    )
    op.create_table(
        "session",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("session_of_person", "session", ["person"])
    op.create_table(
        "invitation",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=True),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index(
        "finding_open",
        "finding",
        ["severity", "id"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
