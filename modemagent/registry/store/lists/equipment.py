"""What is stored about a modem and a SIM whose status is queried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from modemagent.identity.imei import Imei
from modemagent.registry.equipment.verdict import Reasons
from modemagent.registry.lists.matching import match
from modemagent.registry.policies.policy_content import SimKind
from modemagent.registry.rules.inputs import ReportMoment
from modemagent.registry.rules.pairing import HeldSim, PairPolicy, is_allowed
from modemagent.registry.store.database import dialect
from modemagent.registry.store.history.units import IdentifierKind, UnitKind
from modemagent.registry.store.lists.list_hits import entries_about
from modemagent.registry.store.policies import coverage
from modemagent.registry.store.policies.links import authorised_once, stored_links
from modemagent.registry.store.tables import policy_tables, schema

_SIMS = (
    "SELECT u.id, u.key FROM identifier_of o JOIN unit u ON u.id = o.unit"
    " WHERE o.identifier IN {keys} AND u.kind = 2"
)
_WITH_IMSI = (
    "SELECT DISTINCT unit FROM stay WHERE unit IN {keys} AND imsi IS NOT NULL"
    " AND recorded_to IS NULL"
)
_NOWHERE = ReportMoment(0, 0, 0, 0)
_MOST_ALLOWED = 1000


def reasons_about(connection: Connection, imei: Imei, imsi: str | None, at_ms: int) -> Reasons:
    """Return what is known about a modem.

    :param imsi: of the SIM that is queried with it
    """
    hits = match(imei, entries_about(connection, [imei])[imei], at_ms).hits
    if imsi is None or not coverage.any_policies(connection):
        return Reasons(hits)
    key = str(imei)[:14]
    sims = _sims_of(connection, imsi)
    excepted = _excepted(connection, key)
    if not excepted.isdisjoint([imsi, *(iccid for _, iccid in sims)]):
        return Reasons(hits, is_excepted=True)
    return Reasons(hits, is_allowed=_allowed(connection, key, imsi, sims, at_ms))


def _sims_of(connection: Connection, imsi: str) -> list[tuple[int, str]]:
    """Return unit and key of the SIMs that have reported an IMSI."""
    rows = dialect.select_rows(
        connection, schema.identifier, ("kind", "value"), ("id",), [(IdentifierKind.IMSI, imsi)]
    )
    found: list[Any] = dialect.query_keys(connection, _SIMS, [row for (row,) in rows])
    return [(unit, key) for unit, key in found]


def _excepted(connection: Connection, imei: str) -> set[str]:
    return coverage.excepted_sims(connection, [imei]).get(imei, set())


def _allowed(
    connection: Connection, imei: str, imsi: str, sims: Sequence[tuple[int, str]], at_ms: int
) -> bool | None:
    """Return True if the policy that covers a modem allows a SIM; None: it cannot be decided."""
    rows = dialect.select_rows(
        connection, schema.unit, ("kind", "key"), ("id",), [(int(UnitKind.MODEM), imei)]
    )
    modem = rows[0][0] if rows else 0
    modems = {modem: imei}
    covers = coverage.covers_of(connection, modems)
    of_modem = coverage.covering(connection, covers)
    only = _values(imsi, sims)
    policy = coverage.load_policies(connection, of_modem, modems, at_ms, only=only).get(modem)
    if policy is None or not policy.is_enforced:
        return None
    if modem in coverage.announced(connection, covers, at_ms):
        return None
    learned = {row.learned for row in stored_links(connection, [modem]).values()} - {None}
    for unit, iccid in sims or [(0, "")]:
        reading = HeldSim(0, unit, iccid, imsi, _NOWHERE)
        if any(is_allowed(policy, reading, one) for one in learned or {None}):
            return True
    once = {sim for _, _, sim in authorised_once(connection, [modem])}
    if not once.isdisjoint(unit for unit, _ in sims):
        return True
    return False if sims else _allows_unknown(connection, policy, learned)


def _values(imsi: str, sims: Sequence[tuple[int, str]]) -> list[coverage.SimValue]:
    """Return the kinds and numbers by which a policy can allow a SIM."""
    found = [(int(SimKind.IMSI), imsi)]
    for _, iccid in sims:
        found.append((int(SimKind.ICCID), iccid))
        found += [(int(SimKind.ICCID_PREFIX), iccid[:at]) for at in range(1, len(iccid) + 1)]
    return found


def _allows_unknown(
    connection: Connection, policy: PairPolicy, learned: set[int | None]
) -> bool | None:
    """Return False if a SIM whose IMSI no modem has reported cannot be an allowed one.

    It may be one of the allowed SIMs that has not reported its IMSI yet.
    """
    if policy.learns:
        return False if learned else None
    c = policy_tables.policy_sim.c
    query = select(c.kind, c.value).where(c.policy == policy.key).limit(_MOST_ALLOWED + 1)
    listed = connection.execute(query).all()
    if len(listed) > _MOST_ALLOWED or any(row.kind == SimKind.ICCID_PREFIX for row in listed):
        return None
    wanted = {row.value for row in listed if row.kind == SimKind.ICCID} | policy.own
    keys = [(int(UnitKind.SIM), one) for one in sorted(wanted)]
    rows = dialect.select_rows(connection, schema.unit, ("kind", "key"), ("id",), keys)
    with_imsi = {
        unit for (unit,) in dialect.query_keys(connection, _WITH_IMSI, [r[0] for r in rows])
    }
    return False if len(with_imsi) == len(wanted) else None
