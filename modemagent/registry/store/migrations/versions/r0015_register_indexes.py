"""Indexes of assets by site and owner, and of cases by asset.

Alembic revision 0015_register_indexes.
"""

from __future__ import annotations

from alembic import op

revision = "0015_register_indexes"
down_revision = "0014_views"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the indexes."""
    op.create_index("asset_at_site_of_owner", "asset", ["site", "owner", "id"])
    op.create_index("case_thing_of_asset", "case_thing", ["asset"])
