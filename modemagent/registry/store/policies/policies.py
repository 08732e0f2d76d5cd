"""Pairing policies in the database: their revisions, and what a change of one is about.

A change locks the register of policies, so two changes follow each other, and a cover stays unique.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from modemagent.registry.policies.policy_content import CoverKind, PolicyContent, SimKind
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation.affected import Target
from modemagent.registry.store.evaluation.recheck_runs import RecheckOptions, create
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.lists.registers import count, lock
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import policy_tables, schema
from modemagent.registry.store.tables.policy_tables import POLICIES

_ROW = ("id", "name", "mode", "revision", "changed_ms", "valid_from_ms", "valid_to_ms")
_VERSION = ("policy", "revision", "content", "actor", "reason", "made_ms")
_WHAT = {
    CoverKind.SITE: "site", CoverKind.MODEL: "model", CoverKind.ORDER: "order",
    CoverKind.GATEWAY: "gateway",
}  # fmt: skip


class PolicyConflict(Exception):
    """Another policy has the name or a cover of a policy.

    :param name: of the other one
    :param cover: kind of the cover; None: the name
    """

    def __init__(self, name: str, cover: str | None) -> None:
        super().__init__(name)
        self.name = name
        self.cover = cover


class StalePolicy(Exception):
    """A policy has changed since it was read; carries its revision."""

    def __init__(self, revision: int) -> None:
        super().__init__("stale revision")
        self.revision = revision


class PolicyVersion(NamedTuple):
    """What a policy states in a revision; content None: it was deleted."""

    policy: int
    revision: int
    content: PolicyContent | None
    actor: str
    reason: str
    made_ms: int


# -- reading ----------------------------------------------------------------------------------


def version(connection: Connection, key: int, revision: int | None = None) -> PolicyVersion | None:
    """Return a revision of a policy, the present one by default."""
    if revision is None:
        c = policy_tables.policy.c
        revision = connection.execute(select(c.revision).where(c.id == key)).scalar()
    found = [] if revision is None else versions(connection, key, revision=revision)
    return found[0] if found else None


def versions(
    connection: Connection, key: int, *, revision: int | None = None
) -> list[PolicyVersion]:
    """Return the revisions of a policy, oldest first."""
    c = policy_tables.policy_version.c
    query = select(*(c[one] for one in _VERSION)).where(c.policy == key).order_by(c.revision)
    query = query if revision is None else query.where(c.revision == revision)
    return [
        PolicyVersion(row[0], row[1], _decoded(row[2]), *row[3:])
        for row in connection.execute(query)
    ]


def _decoded(content: Any) -> PolicyContent | None:
    return None if content is None else msgspec.json.decode(bytes(content), type=PolicyContent)


def page(connection: Connection, *, limit: int, after: int = 0) -> list[PolicyVersion]:
    """Return the policies in the order in which they were added, one more than the limit."""
    c, v = policy_tables.policy.c, policy_tables.policy_version.c
    query = (
        select(*(v[one] for one in _VERSION))
        .join(policy_tables.policy, (v.policy == c.id) & (v.revision == c.revision))
        .where(c.id > after)
        .order_by(c.id)
        .limit(limit + 1)
    )
    return [
        PolicyVersion(row[0], row[1], _decoded(row[2]), *row[3:])
        for row in connection.execute(query)
    ]


def policy_with_cover(connection: Connection, kind: CoverKind, value: str) -> int | None:
    """Return the key of the policy with a cover."""
    rows = dialect.select_rows(
        connection, policy_tables.policy_cover, ("kind", "value"), ("policy",), [(int(kind), value)]
    )
    return rows[0][0] if rows else None


def names_of(connection: Connection, keys: Iterable[int]) -> dict[int, str]:
    """Return the names of policies."""
    wanted = [(one,) for one in sorted(set(keys))]
    return dict(
        dialect.select_rows(connection, policy_tables.policy, ("id",), ("id", "name"), wanted)
    )


# -- changes ----------------------------------------------------------------------------------


def add_policy(batch: Batch, content: PolicyContent, actor: str, reason: str) -> int:
    """Add a policy and return its key.

    :raises PolicyConflict: another policy has its name or a cover
    """
    lock(batch, POLICIES)
    key = batch.key()
    _check_unique(batch.connection, key, content)
    row = (
        key, content.name, content.mode, 1, batch.now_ms, content.valid_from_ms,
        content.valid_to_ms,
    )  # fmt: skip
    dialect.insert_rows(batch.connection, policy_tables.policy, _ROW, [row])
    _write(batch, key, 1, None, content, actor, reason)
    count(batch, POLICIES, 1)
    acts.note(batch.connection, "policy.add", f"policy:{key}", mode=content.mode)
    return key


def change_policy(
    batch: Batch,
    key: int,
    revision: int,
    content: PolicyContent | None,
    actor: str,
    reason: str,
    options: RecheckOptions | None = None,
) -> PolicyVersion | None:
    """Change or delete a policy; return what it stated before, or None if there is none.

    :param content: None: delete it
    :raises StalePolicy: it has another revision
    :raises PolicyConflict: another policy has its name or a cover
    """
    lock(batch, POLICIES)
    connection = batch.connection
    before = version(connection, key)
    if before is None or before.content is None:
        return None
    if before.revision != revision:
        raise StalePolicy(before.revision)
    if content is None:
        dialect.delete_rows(connection, policy_tables.policy, ("id",), [(key,)])
        count(batch, POLICIES, -1)
    else:
        _check_unique(connection, key, content)
        values = (
            content.name, content.mode, revision + 1, batch.now_ms, content.valid_from_ms,
            content.valid_to_ms, key,
        )  # fmt: skip
        dialect.update_rows(connection, policy_tables.policy, ("id",), _ROW[1:], [values])
        count(batch, POLICIES, 0)
    _write(batch, key, revision + 1, before.content, content, actor, reason, options)
    kind = "policy.delete" if content is None else "policy.change"
    acts.note(connection, kind, f"policy:{key}", revision=revision + 1)
    return before


def _check_unique(connection: Connection, key: int, content: PolicyContent) -> None:
    c = policy_tables.policy.c
    same_name = select(c.name).where(c.name == content.name, c.id != key)
    if connection.execute(same_name).first() is not None:
        raise PolicyConflict(content.name, None)
    rows: list[Any] = dialect.select_rows(
        connection,
        policy_tables.policy_cover,
        ("kind", "value"),
        ("kind", "policy"),
        content.covers,
    )
    others = sorted((kind, policy) for kind, policy in rows if policy != key)
    if others:
        kind, policy = others[0]
        names = names_of(connection, [policy])
        raise PolicyConflict(names[policy], CoverKind(kind).name.lower())


def _write(
    batch: Batch,
    key: int,
    revision: int,
    old: PolicyContent | None,
    new: PolicyContent | None,
    actor: str,
    reason: str,
    options: RecheckOptions | None = None,
) -> None:
    """Write the rows of a policy and of its revision, and re-check what it covers."""
    connection = batch.connection
    for table in ("policy_cover", "policy_sim", "policy_pair"):
        named = schema.metadata.tables[table]
        dialect.delete_rows(connection, named, ("policy",), [(key,)])
    if new is not None:
        covers = [(*one, key) for one in new.covers]
        dialect.insert_rows(
            connection, policy_tables.policy_cover, ("kind", "value", "policy"), covers
        )
        sims = [(key, *one) for one in new.sims]
        dialect.insert_rows(connection, policy_tables.policy_sim, ("policy", "kind", "value"), sims)
        exceptions = {(imei, key, kind, value): True for imei, kind, value in new.exceptions}
        pairs = {(imei, key, int(SimKind.ICCID), iccid): False for imei, iccid in new.pairs}
        names = ("imei", "policy", "kind", "value", "is_exception")
        rows = [(*one, flag) for one, flag in {**pairs, **exceptions}.items()]
        dialect.insert_rows(connection, policy_tables.policy_pair, names, rows)
    content = None if new is None else msgspec.json.encode(new)
    made = (key, revision, content, actor, reason, batch.now_ms)
    dialect.insert_rows(connection, policy_tables.policy_version, _VERSION, [made])
    targets = dict.fromkeys(
        target for one in (old, new) if one is not None for target in targets_of_policy(one)
    )
    name = (new or old or PolicyContent("", "")).name
    create(batch, "policy", name, actor, list(targets), options or RecheckOptions())


def recheck_changed(batch: Batch, after_ms: int, actor: str) -> None:
    """Re-check the modems of policies whose validity has begun or ended since a time."""
    c = policy_tables.policy.c
    for column in (c.valid_from_ms, c.valid_to_ms):
        query = select(c.id).where(column > after_ms, column <= batch.now_ms)
        for key in batch.connection.execute(query).scalars().all():
            found = version(batch.connection, key)
            if found is not None and found.content is not None:
                targets = list(dict.fromkeys(targets_of_policy(found.content)))
                create(batch, "policy", found.content.name, actor, targets)


def targets_of_policy(content: PolicyContent) -> list[Target]:
    """Return the modems that a policy covers, and those of its exceptions."""
    imeis = dict.fromkeys(imei for imei, _, _ in content.exceptions)
    return [*map(target_of, content.covers), *(Target("modem", one, one) for one in imeis)]


def target_of(cover: tuple[int, str]) -> Target:
    """Return the modems with a cover."""
    kind, value = cover
    if kind == CoverKind.IMEI:
        return Target("modem", value, value)
    if kind == CoverKind.TAC:
        return Target("modem", value, f"{value}:")
    return Target(_WHAT[CoverKind(kind)], value, "")
