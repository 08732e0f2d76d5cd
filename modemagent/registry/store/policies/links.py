"""Links of modems and SIMs: the state of each slot that a policy covers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.rules.pairing import (
    HeldSim,
    LinkState,
    PairPolicy,
    link_state,
    pairing,
)
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.outbound import notices
from modemagent.registry.store.policies import coverage
from modemagent.registry.store.tables.policy_tables import authorisation, link
from modemagent.registry.store.tables.recheck_tables import modem_type

_HELD = (
    "SELECT s.holder, s.holder_individual, s.slot, s.unit, u.key, i.value,"
    " s.opened_stream, s.opened_sequence, s.from_lo, s.from_hi FROM stay s"
    " JOIN unit u ON u.id = s.unit LEFT JOIN identifier i ON i.id = s.imsi"
    " WHERE s.holder IN {keys} AND s.recorded_to IS NULL"
)
# a partial index has those that are open
_ONCE = (
    "SELECT modem, slot, sim, finding, revision FROM authorisation"
    " WHERE modem IN {keys} AND once AND ended_ms IS NULL"
)
_KEY = ("modem", "slot")
_VALUES = ("state", "policy", "since_ms", "sim", "learned")
_NO_SLOT = 0


class LinkRow(NamedTuple):
    """State of a slot as stored; see :data:`.policy_tables.link`."""

    modem: int
    slot: int
    state: int
    policy: int
    since_ms: int
    sim: int | None
    learned: int | None


class ModemLinks(NamedTuple):
    """What policies mean for some modems.

    :param rows: states of the slots of covered modems
    :param findings: by modem
    :param ended: finding and revision of what was authorised for SIMs that are no longer in a slot
    """

    modems: tuple[int, ...]
    rows: dict[tuple[int, int], LinkRow]
    stored: dict[tuple[int, int], LinkRow]
    policies: dict[int, PairPolicy]
    findings: dict[int, list[RuleFinding]]
    ended: tuple[tuple[int, int], ...] = ()


def links_of(connection: Connection, modems: Mapping[int, str], at_ms: int) -> ModemLinks:
    """Return the links of modems at a time.

    :param modems: 14 digits of the IMEI by unit
    """
    stored = stored_links(connection, modems)
    if not (stored or coverage.any_policies(connection)):
        return ModemLinks(tuple(modems), {}, {}, {}, {})
    covers = coverage.covers_of(connection, modems)
    of_modem = coverage.covering(connection, covers)
    policies = coverage.load_policies(connection, of_modem, modems, at_ms)
    announced = coverage.announced(connection, covers, at_ms) if policies else set()
    readings = slot_readings(connection, policies)
    once = authorised_once(connection, policies)
    rows: dict[tuple[int, int], LinkRow] = {}
    findings: dict[int, list[RuleFinding]] = {}
    for unit, policy in policies.items():
        judged = []
        for reading in readings.get(unit, ()):
            key = unit, reading.slot
            before = stored.get(key)
            learned = before.learned if before and before.policy == policy.key else None
            is_once = (unit, reading.slot, reading.sim) in once
            state = LinkState.LINKED if is_once else link_state(policy, reading, learned)
            judged.append((reading, state))
            if policy.learns and learned is None and not is_once:
                learned = reading.sim
            rows[key] = _row(before, unit, reading.slot, state, policy.key, at_ms,
                             reading.sim, learned)  # fmt: skip
        if not judged:
            key = unit, _NO_SLOT
            state = link_state(policy, None, None)
            rows[key] = _row(stored.get(key), unit, _NO_SLOT, state, policy.key, at_ms, None, None)
        found = [*pairing(policy, judged, is_announced=unit in announced)]
        if found:
            findings[unit] = found
    held = {(unit, one.slot, one.sim) for unit, some in readings.items() for one in some}
    ended = tuple(key for pair, keys in once.items() if pair not in held for key in keys)
    return ModemLinks(tuple(modems), rows, stored, policies, findings, ended)


def authorised_once(
    connection: Connection, modems: Iterable[int]
) -> dict[tuple[int, int, int], list[tuple[int, int]]]:
    """Return modem, slot and SIM of the pairs that are authorised as long as the SIM stays.

    Each has the keys of its authorisations.
    """
    found: dict[tuple[int, int, int], list[tuple[int, int]]] = defaultdict(list)
    for modem, slot, sim, *made in dialect.query_keys(connection, _ONCE, modems):
        found[modem, slot, sim].append((made[0], made[1]))
    return found


def _row(
    before: LinkRow | None, modem: int, slot: int, state: LinkState, policy: int, at_ms: int,
    sim: int | None, learned: int | None,
) -> LinkRow:  # fmt: skip
    same = before is not None and (before.state, before.policy, before.sim) == (state, policy, sim)
    since_ms = before.since_ms if before is not None and same else at_ms
    return LinkRow(modem, slot, int(state), policy, since_ms, sim, learned)


def slot_readings(connection: Connection, modems: Iterable[int]) -> dict[int, list[HeldSim]]:
    """Return the last SIM of each slot of modems; of clones, that of each individual."""
    latest: dict[tuple[int, int, int], tuple[Any, ...]] = {}
    for row in dialect.query_keys(connection, _HELD, modems):
        if row[2] is not None:
            key = row[0], row[1] or 0, row[2]
            latest[key] = max(row, latest.get(key, row), key=lambda one: (one[9], one[8], one[3]))
    found: dict[int, list[HeldSim]] = defaultdict(list)
    for (modem, _, slot), row in sorted(latest.items()):
        stream, sequence, lo_ms, hi_ms = row[6:]
        at = ReportMoment(stream, sequence, lo_ms, hi_ms)
        found[modem].append(HeldSim(slot, row[3], row[4], row[5], at))
    return dict(found)


def stored_links(connection: Connection, modems: Iterable[int]) -> dict[tuple[int, int], LinkRow]:
    """Return the links as stored, by modem and slot."""
    keys = [(one,) for one in sorted(set(modems))]
    rows = dialect.select_rows(connection, link, ("modem",), (*_KEY, *_VALUES), keys)
    return {(row[0], row[1]): LinkRow(*row) for row in rows}


def write_links(batch: Batch, found: ModemLinks) -> None:
    """Write the links of modems that have changed, and the state of each modem."""
    connection = batch.connection
    changed = [row for key, row in found.rows.items() if found.stored.get(key) != row]
    gone = [key for key in found.stored if key not in found.rows]
    dialect.upsert_rows(connection, link, _KEY, _VALUES, changed)
    dialect.delete_rows(connection, link, _KEY, gone)
    ended = [(batch.now_ms, *one) for one in found.ended]
    dialect.update_rows(connection, authorisation, ("finding", "revision"), ("ended_ms",), ended)
    linked = [
        (row.modem, row.slot, row.sim, row.policy)
        for row in changed
        if row.state == LinkState.LINKED
        and ((old := found.stored.get((row.modem, row.slot))) is None or old.state != row.state)
    ]
    notices.note_links(batch, linked)
    touched = {modem for modem, _ in [*found.rows, *gone]}
    states = worst_states(found.rows.values())
    rows = [(int(states.get(modem, LinkState.UNLINKED)), modem) for modem in sorted(touched)]
    dialect.update_rows(connection, modem_type, ("unit",), ("link_state",), rows)


def worst_states(rows: Iterable[LinkRow]) -> dict[int, LinkState]:
    """Return the state of each modem: the largest of its slots."""
    found: dict[int, LinkState] = {}
    for row in rows:
        found[row.modem] = max(LinkState(row.state), found.get(row.modem, LinkState.LINKED))
    return found
