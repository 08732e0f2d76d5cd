"""Indexes of findings by rule and severity, and of those about which was decided.

Alembic revision 0019_open_findings.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019_open_findings"
down_revision = "0018_benches"
branch_labels = None
depends_on = None

_OPEN = sa.text("recorded_to IS NULL AND state <> 'resolved'")
_DECIDED = sa.text("recorded_to IS NULL AND until_ms IS NOT NULL")


def upgrade() -> None:
    """Create the indexes."""
    op.drop_index("finding_of_type", "finding")
    op.create_index("finding_of_type", "finding", ["severity", "type", "id"])
    for name, columns, condition in (
        ("finding_open_of_type", ["severity", "type", "id"], _OPEN),
        ("finding_decided", ["state", "severity", "id"], _DECIDED),
    ):
        op.create_index(
            name, "finding", columns, sqlite_where=condition, postgresql_where=condition
        )
