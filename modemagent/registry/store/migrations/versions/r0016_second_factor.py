"""The second factor of people, and what their sessions have proved.

Alembic revision 0016_second_factor.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016_second_factor"
down_revision = "0015_operations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and create the table of recovery codes."""
    flag = sa.Boolean(create_constraint=False)
    for table, column in (
        ("person", sa.Column("totp", sa.Text(), nullable=True)),
        ("person", sa.Column("totp_step", sa.BigInteger(), nullable=False, server_default="0")),
        ("session", sa.Column("proved_ms", sa.BigInteger(), nullable=False, server_default="0")),
        ("session", sa.Column("awaits_code", flag, nullable=False, server_default=sa.false())),
        ("session", sa.Column("browser", sa.Text(), nullable=False, server_default="")),
    ):
        op.add_column(table, column)
    op.create_table(
        "recovery_code",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("recovery_code_of_person", "recovery_code", ["person"])
