"""The first revision: all tables.

Alembic revision 0001. Frozen when it was released.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY_BLOCK = 1000


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "boot",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("gateway", sa.BigInteger(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("bound_ms", sa.BigInteger(), nullable=False),
        sa.Column("clusters", sa.LargeBinary(), nullable=False),
        sa.Column("up_ms", sa.BigInteger(), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("start_lo", sa.BigInteger(), nullable=False),
        sa.Column("start_hi", sa.BigInteger(), nullable=False),
        sa.Column("alien", sa.Boolean(), nullable=False),
        sa.Column("suspect", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway", "boot_id", name="boot_key"),
    )
    op.create_table(
        "boot_stream",
        sa.Column("boot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("first_uptime_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_wall_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_synchronized", sa.Boolean(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_uptime_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_wall_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_synchronized", sa.Boolean(), nullable=False),
        sa.Column("uptime_ms", sa.BigInteger(), nullable=False),
        sa.Column("reports", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("agent_version", sa.Text(), nullable=False),
        sa.Column("heartbeat_sequence", sa.BigInteger(), nullable=True),
        sa.Column("heartbeat_ms", sa.BigInteger(), nullable=True),
        sa.Column("health", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("boot", "stream"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "conflict",
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "sequence", "digest"),
    )
    op.create_table(
        "event",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("first_position", sa.BigInteger(), nullable=True),
        sa.Column("event_id", sa.LargeBinary(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("replaces", sa.LargeBinary(), nullable=True),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("lo_ms", sa.BigInteger(), nullable=False),
        sa.Column("hi_ms", sa.BigInteger(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.Column("old_place", sa.BigInteger(), nullable=True),
        sa.Column("old_modem", sa.BigInteger(), nullable=True),
        sa.Column("old_slot", sa.SmallInteger(), nullable=True),
        sa.Column("old_sim", sa.BigInteger(), nullable=True),
        sa.Column("old_imsi", sa.BigInteger(), nullable=True),
        sa.Column("old_eid", sa.BigInteger(), nullable=True),
        sa.Column("new_place", sa.BigInteger(), nullable=True),
        sa.Column("new_modem", sa.BigInteger(), nullable=True),
        sa.Column("new_slot", sa.SmallInteger(), nullable=True),
        sa.Column("new_sim", sa.BigInteger(), nullable=True),
        sa.Column("new_imsi", sa.BigInteger(), nullable=True),
        sa.Column("new_eid", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("position", name="event_position"),
    )
    op.create_index("event_of_unit", "event", ["unit"], unique=False)
    op.create_index(
        "event_held",
        "event",
        ["stream"],
        unique=False,
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )
    op.create_table(
        "event_about",
        sa.Column("unit", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("unit", "event"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("make", sa.BigInteger(), nullable=True),
        sa.Column("serial_number", sa.BigInteger(), nullable=True),
        sa.Column("imeisv", sa.BigInteger(), nullable=True),
        sa.Column("meid", sa.BigInteger(), nullable=True),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("lo_ms", sa.BigInteger(), nullable=False),
        sa.Column("hi_ms", sa.BigInteger(), nullable=False),
        sa.Column("recorded_from", sa.BigInteger(), nullable=False),
        sa.Column("recorded_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("fact_of_unit", "fact", ["unit"], unique=False)
    op.create_table(
        "finding",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("finding_id", sa.LargeBinary(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=True),
        sa.Column("unit", sa.BigInteger(), nullable=True),
        sa.Column("gateway", sa.BigInteger(), nullable=True),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("lo_ms", sa.BigInteger(), nullable=False),
        sa.Column("hi_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("recorded_from", sa.BigInteger(), nullable=False),
        sa.Column("recorded_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("finding_of_gateway", "finding", ["gateway"], unique=False)
    op.create_index("finding_of_severity", "finding", ["severity", "id"], unique=False)
    op.create_index("finding_of_unit", "finding", ["unit"], unique=False)
    op.create_table(
        "finding_alias",
        sa.Column("finding_id", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("finding", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("finding_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "finding_report",
        sa.Column("finding", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("individual", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("finding", "individual", "stream", "sequence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gateway",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("ref", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("heard_day", sa.SmallInteger(), nullable=False),
        sa.Column("first_boot", sa.BigInteger(), nullable=True),
        sa.Column("last_boot", sa.BigInteger(), nullable=True),
        sa.Column("simple", sa.Boolean(), nullable=False),
        sa.Column("least_bound_ms", sa.BigInteger(), nullable=False),
        sa.Column("forked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway_id", name="gateway_key"),
    )
    op.create_index("gateway_of_ref", "gateway", ["ref"], unique=False)
    op.create_table(
        "hole",
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "first"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "identifier",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "value", name="identifier_key"),
    )
    op.create_table(
        "identifier_of",
        sa.Column("identifier", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("identifier", "unit"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("job_due", "job", ["kind", "due_ms"], unique=False)
    op.create_table(
        "key_page",
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("page", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("used_day", sa.SmallInteger(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "page"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "make",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("manufacturer", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("firmware", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("manufacturer", "model", "firmware", name="make_key"),
    )
    op.create_table(
        "place",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("gateway", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("watch", sa.Boolean(), nullable=False),
        sa.Column("contested", sa.Boolean(), nullable=False),
        sa.Column("heard_day", sa.SmallInteger(), nullable=False),
        sa.Column("sighting", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.BigInteger(), nullable=True),
        sa.Column("seen", sa.SmallInteger(), nullable=False),
        sa.Column("identity", sa.BigInteger(), nullable=False),
        sa.Column("problems", sa.BigInteger(), nullable=False),
        sa.Column("mcc", sa.Text(), nullable=False),
        sa.Column("first_position", sa.BigInteger(), nullable=False),
        sa.Column("agreeing", sa.BigInteger(), nullable=False),
        sa.Column("last_stream", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.Column("last_boot", sa.BigInteger(), nullable=False),
        sa.Column("last_uptime_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_wall_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_received_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_synchronized", sa.Boolean(), nullable=False),
        sa.Column("last_digest", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway", "device_id", name="place_key"),
        postgresql_with={"fillfactor": 60},
    )
    op.create_index("place_of_unit", "place", ["unit"], unique=False)
    op.create_table(
        "place_sim",
        sa.Column("sim", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("sim", "place", "slot"),
        sqlite_with_rowid=False,
    )
    op.create_index("place_sim_at_place", "place_sim", ["place"], unique=False)
    op.create_table(
        "presence",
        sa.Column("gateway", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("modem", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sim", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mcc", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("days", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "modem", "sim", "mcc", "year"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "received",
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("boot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "boot", "first"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "report",
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "sequence", "received_ms"),
        postgresql_partition_by="RANGE (received_ms)",
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "sighting",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=False),
        sa.Column("uptime_ms", sa.BigInteger(), nullable=False),
        sa.Column("wall_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("synchronized", sa.Boolean(), nullable=False),
        sa.Column("seen", sa.SmallInteger(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("gap_before", sa.Boolean(), nullable=False),
        sa.Column("agreeing", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.BigInteger(), nullable=True),
        sa.Column("make", sa.BigInteger(), nullable=True),
        sa.Column("reader", sa.Text(), nullable=True),
        sa.Column("serial_number", sa.BigInteger(), nullable=True),
        sa.Column("imeisv", sa.BigInteger(), nullable=True),
        sa.Column("meid", sa.BigInteger(), nullable=True),
        sa.Column("slots", sa.LargeBinary(), nullable=False),
        sa.Column("identity", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("sighting_at_place", "sighting", ["place", "position"], unique=False)
    op.create_index("sighting_of_unit", "sighting", ["unit"], unique=False)
    op.create_table(
        "stay",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("individual", sa.SmallInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.BigInteger(), nullable=True),
        sa.Column("holder_individual", sa.SmallInteger(), nullable=True),
        sa.Column("slot", sa.SmallInteger(), nullable=True),
        sa.Column("imsi", sa.BigInteger(), nullable=True),
        sa.Column("eid", sa.BigInteger(), nullable=True),
        sa.Column("opened_stream", sa.BigInteger(), nullable=False),
        sa.Column("opened_sequence", sa.BigInteger(), nullable=False),
        sa.Column("from_lo", sa.BigInteger(), nullable=False),
        sa.Column("from_hi", sa.BigInteger(), nullable=False),
        sa.Column("last_stream", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_lo", sa.BigInteger(), nullable=False),
        sa.Column("last_hi", sa.BigInteger(), nullable=False),
        sa.Column("closed_stream", sa.BigInteger(), nullable=True),
        sa.Column("closed_sequence", sa.BigInteger(), nullable=True),
        sa.Column("to_lo", sa.BigInteger(), nullable=True),
        sa.Column("to_hi", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("order_known", sa.Boolean(), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.Column("recorded_from", sa.BigInteger(), nullable=False),
        sa.Column("recorded_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("stay_at_place", "stay", ["place"], unique=False)
    op.create_index(
        "stay_in_holder",
        "stay",
        ["holder"],
        unique=False,
        sqlite_where=sa.text("holder IS NOT NULL"),
        postgresql_where=sa.text("holder IS NOT NULL"),
    )
    op.create_index("stay_of_unit", "stay", ["unit"], unique=False)
    op.create_table(
        "stream",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("gateway", sa.BigInteger(), nullable=False),
        sa.Column("stream_id", sa.Text(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("top", sa.BigInteger(), nullable=False),
        sa.Column("pending", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway", "stream_id", name="stream_key"),
    )
    op.create_table(
        "surrogate_key",
        sa.Column("next", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("next"),
    )
    op.create_table(
        "tally",
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "token",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=True),
        sa.Column("full_ids", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("enrolment_blocked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("token_of_gateway", "token", ["gateway_id"], unique=False)
    op.create_table(
        "unit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("ref", sa.BigInteger(), nullable=False),
        sa.Column("heard_day", sa.SmallInteger(), nullable=False),
        sa.Column("relate_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "key", name="unit_key"),
    )
    op.create_index("unit_of_ref", "unit", ["ref"], unique=False)
    op.create_index(
        "unit_to_relate",
        "unit",
        ["relate_ms"],
        unique=False,
        sqlite_where=sa.text("relate_ms IS NOT NULL"),
        postgresql_where=sa.text("relate_ms IS NOT NULL"),
    )

    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO surrogate_key (next) VALUES (1)")
    else:
        op.execute(f"CREATE SEQUENCE surrogate_key_block INCREMENT {KEY_BLOCK} START 1")
        op.execute("CREATE TABLE report_other PARTITION OF report DEFAULT")
