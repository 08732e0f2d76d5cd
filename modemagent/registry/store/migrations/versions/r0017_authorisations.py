"""What authorisations have allowed, which re-check replaces another, last digits of numbers.

Alembic revision 0017_authorisations.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017_authorisations"
down_revision = "0016_second_factor"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and add the column."""
    long, still_open = sa.BigInteger(), sa.text("once AND ended_ms IS NULL")
    op.create_table(
        "authorisation",
        *(sa.Column(one, long, nullable=False) for one in ("finding", "revision", "modem", "sim")),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("once", sa.Boolean(create_constraint=False), nullable=False),
        *(sa.Column(one, long, nullable=True) for one in ("policy", "learned", "ended_ms")),
        sa.PrimaryKeyConstraint("finding", "revision"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "authorisation_open",
        "authorisation",
        ["modem"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    # an expression, which tables in Python cannot state for both engines
    op.execute("CREATE INDEX unit_of_last_digits ON unit (substr(number, length(number) - 3))")
    is_over = sa.text("superseded_by IS NOT NULL")
    op.add_column("recheck_run", sa.Column("superseded_by", long, nullable=True))
    op.create_index(
        "recheck_run_superseded",
        "recheck_run",
        ["superseded_by"],
        sqlite_where=is_over,
        postgresql_where=is_over,
    )
