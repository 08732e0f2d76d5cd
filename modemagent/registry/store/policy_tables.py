"""Tables of pairing policies, of the links that they lead to, and of announced work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from modemagent.registry.store.schema import metadata

# SQLite takes a column as the number of the row only if its type is INTEGER.
_ROW = BigInteger().with_variant(Integer, "sqlite")
_LONG, _TEXT, _BYTES, _SMALL = BigInteger(), Text(), LargeBinary(), SmallInteger()
_BOOLEAN = Boolean(create_constraint=False)
_BEGINS, _ENDS = text("valid_from_ms IS NOT NULL"), text("valid_to_ms IS NOT NULL")
_UNSORTED: dict[str, Any] = {"sqlite_with_rowid": False}

#: Number of the register beside those of the lists: a change locks its row.
POLICIES = -3


def _key(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, primary_key=True, autoincrement=False) for name in names]


def _required(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def _optional(kind: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=True) for name in names]


policy = Table(
    "policy",
    metadata,
    *_key(_ROW, "id"),
    *_required(_TEXT, "name", "mode"),
    *_required(_LONG, "revision", "changed_ms"),
    *_optional(_LONG, "valid_from_ms", "valid_to_ms"),
    UniqueConstraint("name", name="policy_name"),
    Index("policy_begins", "valid_from_ms", sqlite_where=_BEGINS, postgresql_where=_BEGINS),
    Index("policy_ends", "valid_to_ms", sqlite_where=_ENDS, postgresql_where=_ENDS),
)

# A modem is covered by its IMEI, order, site, TAC or model; no two policies have one cover.
policy_cover = Table(
    "policy_cover",
    metadata,
    *_key(_SMALL, "kind"),
    *_key(_TEXT, "value"),
    *_required(_LONG, "policy"),
    Index("policy_cover_of_policy", "policy"),
    **_UNSORTED,
)

policy_sim = Table(
    "policy_sim",
    metadata,
    *_key(_LONG, "policy"),
    *_key(_SMALL, "kind"),
    *_key(_TEXT, "value"),
    **_UNSORTED,
)

# SIMs that one modem may hold; an exception also lifts the findings about listed numbers.
policy_pair = Table(
    "policy_pair",
    metadata,
    *_key(_TEXT, "imei"),
    *_key(_LONG, "policy"),
    *_key(_SMALL, "kind"),
    *_key(_TEXT, "value"),
    *_required(_BOOLEAN, "is_exception"),
    Index("policy_pair_of_policy", "policy"),
    Index("policy_pair_of_sim", "value"),
    **_UNSORTED,
)

# What a policy stated in each revision; without content: it was deleted.
policy_version = Table(
    "policy_version",
    metadata,
    *_key(_LONG, "policy", "revision"),
    *_optional(_BYTES, "content"),
    *_required(_TEXT, "actor", "reason"),
    *_required(_LONG, "made_ms"),
)

# State of each slot of a modem that a policy covers; slot 0: none was read yet.
link = Table(
    "link",
    metadata,
    *_key(_LONG, "modem"),
    *_key(_SMALL, "slot"),
    *_required(_SMALL, "state"),
    *_required(_LONG, "policy", "since_ms"),
    *_optional(_LONG, "sim", "learned"),
    Index("link_of_policy", "policy", "state"),
    **_UNSORTED,
)

# Announced work.
work_window = Table(
    "work_window",
    metadata,
    *_key(_ROW, "id"),
    *_required(_TEXT, "name", "reason", "created_by"),
    *_required(_LONG, "from_ms", "to_ms", "created_ms", "revision"),
    Index("work_window_begins", "from_ms"),
    Index("work_window_ends", "to_ms"),
)

work_window_cover = Table(
    "work_window_cover",
    metadata,
    *_key(_SMALL, "kind"),
    *_key(_TEXT, "value"),
    *_key(_LONG, "work_window"),
    Index("work_window_cover_of_window", "work_window"),
    **_UNSORTED,
)
