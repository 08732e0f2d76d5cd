"""Re-checks of the fleet; types of modems; policies, links and announced work.

Alembic revision 0009_policies.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009_policies"
down_revision = "0008_people"
branch_labels = None
depends_on = None

_BEGINS = sa.text("valid_from_ms IS NOT NULL")
_ENDS = sa.text("valid_to_ms IS NOT NULL")
_AT_SITE = sa.text("site IS NOT NULL")
#: The fact that was read last, of each modem.
_TYPES = """
INSERT INTO modem_type (unit, tac, make, read_at)
SELECT u.id, CAST(substr(u.key, 1, 8) AS bigint), coalesce(f.make, 0), {is_read}
FROM unit u LEFT JOIN fact f ON f.unit = u.id AND f.recorded_to IS NULL AND f.make IS NOT NULL
AND NOT EXISTS (
    SELECT 1 FROM fact g WHERE g.unit = u.id AND g.recorded_to IS NULL AND g.make IS NOT NULL
    AND (g.hi_ms > f.hi_ms OR (g.hi_ms = f.hi_ms AND g.id > f.id))
)
WHERE u.kind = 1
"""
_READ = """
EXISTS (SELECT 1 FROM sighting s WHERE s.unit = u.id AND s.make = f.make
    AND coalesce(s.reader, 'at') = 'at')
"""


def upgrade() -> None:
    """Create the tables and fill the types of the known modems."""
    op.create_table(
        "modem_type",
        sa.Column("unit", _row(), autoincrement=False, nullable=False),
        *_long("tac", "make"),
        sa.Column("read_at", sa.Boolean(), nullable=False),
        sa.Column("link_state", sa.SmallInteger(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("unit"),
    )
    op.create_index("modem_type_of_tac", "modem_type", ["tac", "read_at", "make"])
    op.create_index("modem_type_of_make", "modem_type", ["make", "unit"])
    op.create_index("modem_type_in_state", "modem_type", ["link_state", "unit"])
    op.create_table(
        "recheck_run",
        sa.Column("id", _row(), autoincrement=False, nullable=False),
        *(sa.Column(one, sa.Text(), nullable=False)
          for one in ("scope", "subject", "requested_by", "state")),
        sa.Column("dry", sa.Boolean(), nullable=False),
        *_long("most_ppm", "fewest", "modems", "sims", "affected", "done", "after", "created_ms"),
        sa.Column("confirmed_ms", sa.BigInteger(), nullable=True),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )  # fmt: skip
    op.create_index("recheck_run_of_state", "recheck_run", ["state"])
    op.create_table(
        "recheck_rule",
        *_keys("run"),
        sa.Column("rule", sa.Text(), nullable=False),
        *_long("found", "resolved", "modems", "sims"),
        sa.PrimaryKeyConstraint("run", "rule"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recheck_part",
        *_keys("run", "part"),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run", "part"),
    )
    op.create_table(
        "recheck_unit",
        *_keys("run", "unit"),
        sa.PrimaryKeyConstraint("run", "unit"),
        sqlite_with_rowid=False,
    )
    op.create_index("recheck_unit_of_unit", "recheck_unit", ["unit"])
    op.create_index(
        "list_entry_begins", "list_entry", ["valid_from_ms"],
        sqlite_where=_BEGINS, postgresql_where=_BEGINS,
    )  # fmt: skip
    op.create_index(
        "list_entry_ends", "list_entry", ["valid_to_ms"],
        sqlite_where=_ENDS, postgresql_where=_ENDS,
    )  # fmt: skip
    op.create_index(
        "gateway_at_site", "gateway", ["site"], sqlite_where=_AT_SITE, postgresql_where=_AT_SITE
    )
    op.execute(_TYPES.format(is_read=_READ))
    _create_policies()
    registers = sa.table("list", sa.column("list"), sa.column("entries"), sa.column("revision"))
    op.bulk_insert(registers, [{"list": -3, "entries": 0, "revision": 0}])


def _create_policies() -> None:
    op.create_table(
        "policy",
        sa.Column("id", _row(), autoincrement=False, nullable=False),
        *_text("name", "mode"),
        *_long("revision", "changed_ms"),
        sa.Column("valid_from_ms", sa.BigInteger(), nullable=True),
        sa.Column("valid_to_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="policy_name"),
    )
    op.create_index(
        "policy_begins", "policy", ["valid_from_ms"],
        sqlite_where=_BEGINS, postgresql_where=_BEGINS,
    )  # fmt: skip
    op.create_index(
        "policy_ends", "policy", ["valid_to_ms"], sqlite_where=_ENDS, postgresql_where=_ENDS
    )
    op.create_table(
        "policy_cover",
        *_small("kind"),
        *_text("value"),
        *_long("policy"),
        sa.PrimaryKeyConstraint("kind", "value"),
        sqlite_with_rowid=False,
    )
    op.create_index("policy_cover_of_policy", "policy_cover", ["policy"])
    op.create_table(
        "policy_sim",
        *_keys("policy"),
        *_small("kind"),
        *_text("value"),
        sa.PrimaryKeyConstraint("policy", "kind", "value"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "policy_pair",
        *_text("imei"),
        *_keys("policy"),
        *_small("kind"),
        *_text("value"),
        sa.Column("is_exception", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("imei", "policy", "kind", "value"),
        sqlite_with_rowid=False,
    )
    op.create_index("policy_pair_of_policy", "policy_pair", ["policy"])
    op.create_index("policy_pair_of_sim", "policy_pair", ["value"])
    op.create_table(
        "policy_version",
        *_keys("policy", "revision"),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        *_text("actor", "reason"),
        *_long("made_ms"),
        sa.PrimaryKeyConstraint("policy", "revision"),
    )
    op.create_table(
        "link",
        *_keys("modem"),
        *_small("slot", "state"),
        *_long("policy", "since_ms"),
        sa.Column("sim", sa.BigInteger(), nullable=True),
        sa.Column("learned", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("modem", "slot"),
        sqlite_with_rowid=False,
    )
    op.create_index("link_of_policy", "link", ["policy", "state"])
    op.create_table(
        "work_window",
        sa.Column("id", _row(), autoincrement=False, nullable=False),
        *_text("name", "reason", "created_by"),
        *_long("from_ms", "to_ms", "created_ms", "revision"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("work_window_begins", "work_window", ["from_ms"])
    op.create_index("work_window_ends", "work_window", ["to_ms"])
    op.create_table(
        "work_window_cover",
        *_small("kind"),
        *_text("value"),
        *_keys("work_window"),
        sa.PrimaryKeyConstraint("kind", "value", "work_window"),
        sqlite_with_rowid=False,
    )
    op.create_index("work_window_cover_of_window", "work_window_cover", ["work_window"])


def _small(*names: str) -> list[Any]:
    return [
        sa.Column(name, sa.SmallInteger(), autoincrement=False, nullable=False) for name in names
    ]


def _text(*names: str) -> list[Any]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _row() -> Any:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _long(*names: str) -> list[Any]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _keys(*names: str) -> list[Any]:
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in names]
