"""Answers of an outside EIR, and SIMs by operators' APIs.

Alembic revision 0013_outside.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_outside"
down_revision = "0012_deadlines"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "eir_setting",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        *_text("url"),
        sa.Column("token_file", sa.Text(), nullable=True),
        *_long("per_minute", "every_days"),
        *_text("changed_by"),
        *_long("changed_ms", "failures", "wait_until_ms"),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "eir_answer",
        sa.Column("unit", sa.BigInteger(), autoincrement=False, nullable=False),
        *_long("due_ms"),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("previous", sa.Text(), nullable=True),
        sa.Column("since_ms", sa.BigInteger(), nullable=True),
        sa.Column("checked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("unit"),
    )
    op.create_index("eir_answer_due", "eir_answer", ["due_ms", "unit"])
    op.create_index("eir_answer_of_status", "eir_answer", ["status", "unit"])
    op.create_table(
        "operator_run",
        *_text("connector", "kind", "state"),
        *_long("started_ms", "finished_ms", "sims", "known", "contradictions"),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("connector"),
    )
    op.create_table(
        "operator_sim",
        *_text("connector"),
        sa.Column("sim", sa.BigInteger(), autoincrement=False, nullable=False),
        *_text("imei"),
        *_long("fetched_ms"),
        sa.Column("locked", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("connector", "sim"),
        sqlite_with_rowid=False,
    )
    op.create_index("operator_sim_of_sim", "operator_sim", ["sim"])


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _long(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]
