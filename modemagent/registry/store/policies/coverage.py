"""Which policy, and which announced work, covers a modem: the narrowest cover decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from modemagent.registry.policies.policy_content import CoverKind, PolicyContent, SimKind, bare
from modemagent.registry.rules.pairing import PairPolicy
from modemagent.registry.store.database import dialect
from modemagent.registry.store.tables import policy_tables
from modemagent.registry.store.tables.asset_tables import asset, order_row, purchase_order

Cover = tuple[int, str]
SimValue = tuple[int, str]

_SITES = (
    "SELECT p.unit, g.gateway_id, g.site FROM place p JOIN gateway g ON g.id = p.gateway"
    " WHERE p.unit IN {keys}"
)
_MODELS = (
    "SELECT t.unit, m.model FROM modem_type t JOIN make m ON m.id = t.make WHERE t.unit IN {keys}"
)
_ANNOUNCED = (
    "SELECT c.kind, c.value FROM work_window w JOIN work_window_cover c ON c.work_window = w.id"
    " WHERE w.to_ms > {at_ms:d} AND w.from_ms <= {at_ms:d}"
)
_IMEI, _TAC, _GATEWAY = map(int, (CoverKind.IMEI, CoverKind.TAC, CoverKind.GATEWAY))
_POLICY = ("id", "name", "mode", "valid_from_ms", "valid_to_ms")


def any_policies(connection: Connection) -> bool:
    """Return True if there are policies; without one, the rest need not be read."""
    return bool(dialect.query(connection, "SELECT 1 FROM policy LIMIT 1"))


def covers_of(connection: Connection, modems: Mapping[int, str]) -> dict[int, list[Cover]]:
    """Return the covers that each modem can have, the narrowest first.

    :param modems: 14 digits of the IMEI by unit
    """
    found: dict[int, list[Cover]] = {
        unit: [(_IMEI, key), (_TAC, key[:8])] for unit, key in modems.items()
    }
    units = defaultdict(list)
    for unit, key in modems.items():
        units[key].append(unit)
    rows: list[Any] = dialect.select_rows(
        connection, asset, ("imei",), ("imei", "site", "order_number"), [(key,) for key in units]
    )
    for imei, site, order in rows:
        for unit in units[imei]:
            found[unit] += [(int(CoverKind.SITE), site)] if site else []
            found[unit] += [(int(CoverKind.ORDER), order)] if order else []
    ordered: list[Any] = dialect.select_rows(
        connection, order_row, ("imei",), ("imei", "purchase_order"), [(key,) for key in units]
    )
    numbers: dict[int, str] = dict(
        dialect.select_rows(
            connection,
            purchase_order,
            ("id",),
            ("id", "number"),
            sorted({(order,) for _, order in ordered}),
        )
    )
    for imei, order in ordered:
        for unit in units[imei]:
            found[unit].append((int(CoverKind.ORDER), numbers[order]))
    for unit, gateway_id, site in dialect.query_keys(connection, _SITES, modems):
        found[unit].append((_GATEWAY, gateway_id))
        found[unit] += [(int(CoverKind.SITE), site)] if site else []
    models = {}  # few models, many modems
    for unit, model in dialect.query_keys(connection, _MODELS, modems):
        if model not in models:
            models[model] = (int(CoverKind.MODEL), bare(model))
        found[unit].append(models[model])
    return {unit: sorted(set(some)) for unit, some in found.items()}


def covering(connection: Connection, covers: Mapping[int, Iterable[Cover]]) -> dict[int, int]:
    """Return the policy with the narrowest cover of each modem, of any mode and validity."""
    wanted = {one for some in covers.values() for one in some}
    rows: list[Any] = dialect.select_rows(
        connection,
        policy_tables.policy_cover,
        ("kind", "value"),
        ("kind", "value", "policy"),
        sorted(wanted),
    )
    policies = {(kind, value): policy for kind, value, policy in rows}
    found = {}
    for unit, some in covers.items():
        for one in some:
            if one in policies:
                found[unit] = policies[one]
                break
    return found


def load_policies(
    connection: Connection,
    of_modem: Mapping[int, int],
    modems: Mapping[int, str],
    at_ms: int,
    *,
    only: Sequence[SimValue] | None = None,
) -> dict[int, PairPolicy]:
    """Return the policies of modems that learn or enforce at a time.

    :param of_modem: key of the policy by unit
    :param modems: 14 digits of the IMEI by unit
    :param only: kinds and numbers of allowed SIMs that matter; None: all
    """
    keys = [(one,) for one in sorted(set(of_modem.values()))]
    rows: list[Any] = dialect.select_rows(connection, policy_tables.policy, ("id",), _POLICY, keys)
    active = {
        key: (name, mode)
        for key, name, mode, begin, end in rows
        if mode != "observe" and (begin is None or begin <= at_ms) and (end is None or at_ms < end)
    }
    listed: dict[int, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    columns = ("policy", "kind", "value")
    values: list[tuple[Any, ...]] = (
        [(one,) for one in active]
        if only is None
        else [(one, *sim) for one in active for sim in only]
    )
    by: Sequence[str] = columns[:1] if only is None else columns
    sims: list[Any] = dialect.select_rows(connection, policy_tables.policy_sim, by, columns, values)
    for key, kind, value in sims:
        listed[key][kind].add(value)
    listing = set(listed) if only is None else _listing(connection, active)
    own: dict[tuple[str, int], list[tuple[int, str, bool]]] = defaultdict(list)
    imeis = {modems[unit] for unit, key in of_modem.items() if key in active}
    pairs: list[Any] = dialect.select_rows(
        connection,
        policy_tables.policy_pair,
        ("imei",),
        ("imei", "policy", "kind", "value", "is_exception"),
        [(one,) for one in sorted(imeis)],
    )
    for imei, key, kind, value, is_exception in pairs:
        own[imei, key].append((kind, value, bool(is_exception)))
    shared = {
        key: PairPolicy(
            key,
            name,
            mode == "enforce",
            frozenset(listed[key][SimKind.ICCID]),
            tuple(sorted(listed[key][SimKind.ICCID_PREFIX])),
            frozenset(listed[key][SimKind.IMSI]),
            has_pairs=key in listing,
        )
        for key, (name, mode) in active.items()
    }
    return {
        unit: _with_own(shared[key], own.get((modems[unit], key), ()))
        for unit, key in of_modem.items()
        if key in active
    }


def _with_own(policy: PairPolicy, pairs: Sequence[tuple[int, str, bool]]) -> PairPolicy:
    """Return the policy of a modem with kinds, SIMs and exceptions of its own."""
    if not pairs:
        return policy
    return policy._replace(
        own=frozenset(value for kind, value, _ in pairs if kind == SimKind.ICCID),
        own_imsis=frozenset(value for kind, value, _ in pairs if kind == SimKind.IMSI),
        has_pairs=policy.has_pairs or any(not is_exception for _, _, is_exception in pairs),
    )


def _listing(connection: Connection, policies: Iterable[int]) -> set[int]:
    """Return the policies that list SIMs."""
    c = policy_tables.policy_sim.c
    queries = [select(c.policy).where(c.policy == one).limit(1) for one in policies]
    return {row.policy for query in queries for row in connection.execute(query)}


def as_pair_policy(content: PolicyContent, imei: str) -> PairPolicy:
    """Return a policy that is not stored, as if enforced, for a modem."""
    own = [sim for modem, sim in content.pairs if modem == imei]
    exceptions = [(kind, value) for modem, kind, value in content.exceptions if modem == imei]
    return PairPolicy(
        0,
        content.name,
        True,
        frozenset(content.iccids),
        content.iccid_prefixes,
        frozenset(content.imsis),
        frozenset(own + [value for kind, value in exceptions if kind == SimKind.ICCID]),
        frozenset(value for kind, value in exceptions if kind == SimKind.IMSI),
        bool(own),
    )


def announced(
    connection: Connection, covers: Mapping[int, Iterable[Cover]], at_ms: int
) -> set[int]:
    """Return the modems with announced work at a time."""
    open_now = set(dialect.query(connection, _ANNOUNCED.format(at_ms=at_ms)))
    if not open_now:
        return set()
    return {unit for unit, some in covers.items() if not open_now.isdisjoint(some)}


def excepted_sims(connection: Connection, imeis: Iterable[str]) -> dict[str, set[str]]:
    """Return the numbers of the SIMs that each IMEI may hold in spite of the lists."""
    rows: list[Any] = dialect.select_rows(
        connection,
        policy_tables.policy_pair,
        ("imei",),
        ("imei", "value", "is_exception"),
        [(one,) for one in sorted(set(imeis))],
    )
    found: dict[str, set[str]] = defaultdict(set)
    for imei, value, is_exception in rows:
        if is_exception:
            found[imei].add(value)
    return found
