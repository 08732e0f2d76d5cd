"""Tables of pairing policies, of the links that they lead to, and of announced work."""

from __future__ import annotations

from sqlalchemy import (
    Index,
    Table,
    UniqueConstraint,
    text,
)

from modemagent.registry.store.tables.columns import (
    BOOLEAN,
    BY_KEY,
    BYTES,
    LONG,
    ROW,
    SMALL,
    TEXT,
    key,
    optional,
    required,
)
from modemagent.registry.store.tables.schema import metadata

_BEGINS, _ENDS = text("valid_from_ms IS NOT NULL"), text("valid_to_ms IS NOT NULL")
_ONCE = text("once AND ended_ms IS NULL")

#: Number of the register beside those of the lists: a change locks its row.
POLICIES = -3


policy = Table(
    "policy",
    metadata,
    *key(ROW, "id"),
    *required(TEXT, "name", "mode"),
    *required(LONG, "revision", "changed_ms"),
    *optional(LONG, "valid_from_ms", "valid_to_ms"),
    UniqueConstraint("name", name="policy_name"),
    Index("policy_begins", "valid_from_ms", sqlite_where=_BEGINS, postgresql_where=_BEGINS),
    Index("policy_ends", "valid_to_ms", sqlite_where=_ENDS, postgresql_where=_ENDS),
)

# A modem is covered by its IMEI, order, site, TAC or model; no two policies have one cover.
policy_cover = Table(
    "policy_cover",
    metadata,
    *key(SMALL, "kind"),
    *key(TEXT, "value"),
    *required(LONG, "policy"),
    Index("policy_cover_of_policy", "policy"),
    **BY_KEY,
)

policy_sim = Table(
    "policy_sim",
    metadata,
    *key(LONG, "policy"),
    *key(SMALL, "kind"),
    *key(TEXT, "value"),
    **BY_KEY,
)

# SIMs that one modem may hold; an exception also lifts the findings about listed numbers.
policy_pair = Table(
    "policy_pair",
    metadata,
    *key(TEXT, "imei"),
    *key(LONG, "policy"),
    *key(SMALL, "kind"),
    *key(TEXT, "value"),
    *required(BOOLEAN, "is_exception"),
    Index("policy_pair_of_policy", "policy"),
    Index("policy_pair_of_sim", "value"),
    **BY_KEY,
)

# What a policy stated in each revision; without content: it was deleted.
policy_version = Table(
    "policy_version",
    metadata,
    *key(LONG, "policy", "revision"),
    *optional(BYTES, "content"),
    *required(TEXT, "actor", "reason"),
    *required(LONG, "made_ms"),
)

# State of each slot of a modem that a policy covers; slot 0: none was read yet.
link = Table(
    "link",
    metadata,
    *key(LONG, "modem"),
    *key(SMALL, "slot"),
    *required(SMALL, "state"),
    *required(LONG, "policy", "since_ms"),
    *optional(LONG, "sim", "learned"),
    Index("link_of_policy", "policy", "state"),
    **BY_KEY,
)

# What the authorisation of a finding has allowed: once, until another SIM is read in the slot, or
# by a change of the policy, with what it had learned before.
authorisation = Table(
    "authorisation",
    metadata,
    *key(LONG, "finding", "revision"),  # as in the table of decisions
    *required(LONG, "modem", "sim"),
    *required(SMALL, "slot"),
    *required(BOOLEAN, "once"),
    *optional(LONG, "policy", "learned", "ended_ms"),
    Index("authorisation_open", "modem", sqlite_where=_ONCE, postgresql_where=_ONCE),
    **BY_KEY,
)

# Announced work.
work_window = Table(
    "work_window",
    metadata,
    *key(ROW, "id"),
    *required(TEXT, "name", "reason", "created_by"),
    *required(LONG, "from_ms", "to_ms", "created_ms", "revision"),
    Index("work_window_begins", "from_ms"),
    Index("work_window_ends", "to_ms"),
)

work_window_cover = Table(
    "work_window_cover",
    metadata,
    *key(SMALL, "kind"),
    *key(TEXT, "value"),
    *key(LONG, "work_window"),
    Index("work_window_cover_of_window", "work_window"),
    **BY_KEY,
)
