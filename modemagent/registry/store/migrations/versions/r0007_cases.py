"""Cases, their sightings, and recall and warranty notices.

Alembic revision 0007_cases.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_cases"
down_revision = "0006_likeness"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "device_case",
        _id(),
        *_text("kind", "state", "opened_by"),
        *_optional(
            "outcome", "place", "proof", "police_reference", "operator", "assignee", "note",
            "happened_on",
        ),
        *_long("revision", "opened_ms", "changed_ms"),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )  # fmt: skip
    op.create_index("device_case_state", "device_case", ["state", "id"], unique=False)
    op.create_table(
        "case_thing",
        *_key("device_case", "position"),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        *_text("number"),
        sa.Column("asset", sa.BigInteger(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("device_case", "position"),
        sqlite_with_rowid=False,
    )
    op.create_index("case_thing_of_number", "case_thing", ["kind", "number"], unique=False)
    op.create_table(
        "case_task",
        *_key("device_case", "position"),
        *_text("text"),
        sa.Column("done_ms", sa.BigInteger(), nullable=True),
        *_optional("done_by", "reference"),
        sa.PrimaryKeyConstraint("device_case", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "case_entry",
        *_key("device_case", "revision"),
        *_long("made_ms"),
        *_text("actor", "action", "text"),
        sa.PrimaryKeyConstraint("device_case", "revision"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "case_place",
        *_key("device_case", "place"),
        sa.PrimaryKeyConstraint("device_case", "place"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "case_sighting",
        *_key("device_case", "unit", "place"),
        *_long("first_stream", "first_sequence", "first_lo", "first_hi"),
        *_long("last_stream", "last_sequence", "last_lo", "last_hi"),
        *_text("mcc"),
        sa.PrimaryKeyConstraint("device_case", "unit", "place"),
        sqlite_with_rowid=False,
    )
    op.create_index("case_sighting_of_unit", "case_sighting", ["unit"], unique=False)
    op.create_table(
        "recall",
        _id(),
        *_text(
            "kind", "title", "added_by", "tac", "manufacturer", "model", "firmware",
            "serial_first", "serial_last",
        ),
        *_optional("source", "reference"),
        *_long("added_ms"),
        sa.PrimaryKeyConstraint("id"),
    )  # fmt: skip


def _id() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, autoincrement=False, nullable=False)


def _key(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in names]


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _long(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _optional(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=True) for name in names]
