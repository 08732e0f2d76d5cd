"""Presence in the order in which it is looked up, so that one index is enough.

Days stay as they are stored: masks of one bit a day, which become runs when a day is added.

Alembic revision 0023_presence.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0023_presence"
down_revision = "0022_second_zone"
branch_labels = None
depends_on = None

_LONG, _SMALL, _TEXT, _BYTES = sa.BigInteger(), sa.SmallInteger(), sa.Text(), sa.LargeBinary()
_KEY: dict[str, TypeEngine[Any]] = {
    "mcc": _TEXT, "year": _SMALL, "modem": _LONG, "gateway": _LONG, "sim": _LONG,
}  # fmt: skip


def upgrade() -> None:
    """Rewrite the table."""
    op.drop_index("presence_in_country", "presence")
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("presence_pkey", "presence")
    op.rename_table("presence", "old_presence")
    op.create_table(
        "presence",
        *(
            sa.Column(name, kind, autoincrement=False, nullable=False)
            for name, kind in _KEY.items()
        ),
        sa.Column("days", _BYTES, nullable=False),
        sa.PrimaryKeyConstraint(*_KEY),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 70},
    )
    names = ", ".join((*_KEY, "days"))
    op.execute(
        f"INSERT INTO presence ({names}) SELECT {names} FROM old_presence"  # noqa: S608
        " ORDER BY mcc, year, modem"
    )
    op.drop_table("old_presence")
