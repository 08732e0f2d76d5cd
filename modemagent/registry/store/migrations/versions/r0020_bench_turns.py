"""Turns of units at production benches.

Alembic revision 0020_bench_turns.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020_bench_turns"
down_revision = "0019_open_findings"
branch_labels = None
depends_on = None

_NUMBERS = ("stream", "sequence", "position", "lo_ms", "hi_ms")
_TEXTS = ("order_name", "lot", "verdict", "failed")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "bench_turn",
        sa.Column("gateway", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _NUMBERS),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "attempt"),
        sqlite_with_rowid=False,
    )
    op.create_index("bench_turn_of_unit", "bench_turn", ["unit"])
    op.create_index("bench_turn_of_lot", "bench_turn", ["order_name", "lot"])
