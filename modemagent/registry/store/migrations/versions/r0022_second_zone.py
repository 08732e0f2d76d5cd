"""A second time zone of each person, shown beside UTC.

Alembic revision 0022_second_zone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022_second_zone"
down_revision = "0021_narrow_rows"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which is empty for those who have no second zone."""
    op.add_column("person", sa.Column("zone", sa.Text(), nullable=False, server_default=""))
