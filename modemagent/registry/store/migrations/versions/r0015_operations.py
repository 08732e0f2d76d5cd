"""Indexes of findings, assets and cases; cells of sightings; cases and links as events.

Alembic revision 0015_operations.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015_operations"
down_revision = "0014_views"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the indexes and add the columns."""
    op.create_index("finding_of_type", "finding", ["type", "id"])
    op.create_index("asset_at_site_of_owner", "asset", ["site", "owner", "id"])
    op.create_index("case_thing_of_asset", "case_thing", ["asset"])
    asks = sa.Boolean(create_constraint=False)
    op.add_column("device_case", sa.Column("cell", asks, nullable=False, server_default=sa.false()))
    op.add_column("notice", sa.Column("event_position", sa.BigInteger(), nullable=True))
    op.create_index("notice_in_events", "notice", ["event_position"], unique=True)
    op.add_column("case_sighting", sa.Column("cell", sa.Text(), nullable=True))
