"""Findings about what a modem or SIM is, not what happened to it: by the lists and the TAC table.

Rows are read for many units at a time. A unit that is on no list, and whose model belongs to its
TAC, costs some look-ups in an index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imsi import Imsi
from modemagent.registry.lists.entries import EntryKind, ListedNumber, ListEntry
from modemagent.registry.lists.matching import valid_entries
from modemagent.registry.rules.catalogue import OF_LISTS, OF_TACS
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.rules.listed import listed
from modemagent.registry.rules.tac_model import PeerModel, ReadModel, tac_model
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation import modem_types
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.lists.list_hits import entries_about
from modemagent.registry.store.lists.tac_table import models_of
from modemagent.registry.store.policies import coverage

STANDING = OF_LISTS | OF_TACS
_FIRST = (
    "SELECT unit, stream, sequence, lo_ms, hi_ms FROM event"
    " WHERE unit IN {keys} AND NOT superseded AND NOT withdrawn"
    " AND type IN ('modem.first_seen', 'sim.first_seen')"
)
_IMSIS = (
    "SELECT s.unit, i.value FROM stay s JOIN identifier i ON i.id = s.imsi"
    " WHERE s.unit IN {keys} AND s.recorded_to IS NULL"
)
_PAIRS = (
    "SELECT s.unit, m.key, m.id, c.key, i.value FROM stay s JOIN unit m ON m.id = s.holder"
    " JOIN unit c ON c.id = s.unit LEFT JOIN identifier i ON i.id = s.imsi"
    " WHERE s.{column} IN {{keys}} AND s.recorded_to IS NULL AND s.cause IS NULL"
)
_MAKES = "SELECT id, manufacturer, model FROM make WHERE id IN {keys}"
_STATED = (
    "SELECT unit, make, hi_ms, lo_ms, stream, sequence FROM fact"
    " WHERE unit IN {keys} AND recorded_to IS NULL AND make IS NOT NULL"
)
_NOWHERE = ReportMoment(0, 0, 0, 0)
_UNITS = "SELECT id, kind, key, number FROM unit WHERE id IN {keys}"
_LISTED_KINDS = " UNION ALL ".join(
    f"SELECT {kind:d} WHERE EXISTS (SELECT 1 FROM list_entry WHERE kind = {kind:d})"  # noqa: S608
    for kind in EntryKind
)


class StandingUnit(NamedTuple):
    """A modem or SIM with its numbers."""

    kind: int
    key: str
    number: str


def units_of(connection: Connection, units: Iterable[int]) -> dict[int, StandingUnit]:
    """Return the numbers of units; those that were erased are left out."""
    rows: list[Any] = dialect.query_keys(connection, _UNITS, units)
    return {row[0]: StandingUnit(*row[1:]) for row in rows}


def standing(
    connection: Connection,
    units: Mapping[int, StandingUnit],
    at_ms: int,
    rules: Collection[str] = STANDING,
) -> dict[int, list[RuleFinding]]:
    """Return the findings of some rules about units, those with none left out."""
    found: dict[int, list[RuleFinding]] = defaultdict(list)
    if OF_LISTS & set(rules):
        _add_listed(connection, units, at_ms, found)
    if OF_TACS & set(rules):
        _add_models(connection, units, found)
    return found


def suspect_tacs(connection: Connection) -> list[str]:
    """Return the TACs of which a modem has a type that does not belong there."""
    types = modem_types.all_types(connection)
    makes = {
        row[0]: row[1:]
        for row in dialect.query_keys(connection, _MAKES, {one.make for one in types})
    }
    peers: dict[str, list[PeerModel]] = defaultdict(list)
    for one in types:
        manufacturer, model = makes[one.make]
        peers[f"{one.tac:08d}"].append(PeerModel(manufacturer, model, one.modems))
    known = models_of(connection, peers)
    return [
        tac
        for tac, some in sorted(peers.items())
        if any(
            any(tac_model(ReadModel(_NOWHERE, one.manufacturer, one.model), known.get(tac), some))
            for one in some
        )
    ]


def _add_listed(
    connection: Connection,
    units: Mapping[int, StandingUnit],
    at_ms: int,
    found: dict[int, list[RuleFinding]],
) -> None:
    hits = hits_of(connection, units, at_ms)
    excepted = _excepted(connection, units, hits)
    for unit, *first in dialect.query_keys(connection, _FIRST, hits):
        kind = "imei" if units[unit].kind == UnitKind.MODEM else "iccid"
        found[unit] += listed(kind, hits[unit], ReportMoment(*first), is_excepted=unit in excepted)


def _excepted(
    connection: Connection, units: Mapping[int, StandingUnit], hits: Iterable[int]
) -> set[int]:
    """Return the modems and SIMs that are in a pair that a policy excepts."""
    rows: list[Any] = []
    if list(hits) and coverage.any_policies(connection):
        rows = dialect.query_keys(connection, _PAIRS.format(column="holder"), hits)
        rows += dialect.query_keys(connection, _PAIRS.format(column="unit"), hits)
    allowed = coverage.excepted_sims(connection, {row[1] for row in rows})
    return {
        one
        for sim, imei, modem, iccid, imsi in rows
        if {iccid, imsi} & allowed.get(imei, set())
        for one in (sim, modem)
    }


def hits_of(
    connection: Connection, units: Mapping[int, StandingUnit], at_ms: int
) -> dict[int, list[ListEntry]]:
    """Return the valid entries that cover the numbers of units, the narrowest first."""
    kinds = _listed_kinds(connection) if units else set()
    if not kinds:
        return {}
    numbers: dict[int, list[ListedNumber]] = {}
    for unit, one in units.items():
        is_modem = one.kind == UnitKind.MODEM
        numbers[unit] = [Imei(one.number) if is_modem else Iccid(one.number)]
    if EntryKind.IMSI_PREFIX in kinds:
        sims = [unit for unit, one in units.items() if one.kind == UnitKind.SIM]
        for unit, imsi in dialect.query_keys(connection, _IMSIS, sims):
            numbers[unit].append(Imsi(imsi))
    entries = entries_about(connection, [one for some in numbers.values() for one in some])
    found = {}
    for unit, some in numbers.items():
        hits = [hit for one in some if entries[one] for hit in valid_entries(entries[one], at_ms)]
        if hits:
            found[unit] = hits
    return found


def _listed_kinds(connection: Connection) -> set[int]:
    """Return the kinds of which there are entries."""
    return {kind for (kind,) in dialect.query(connection, _LISTED_KINDS)}


def _add_models(
    connection: Connection,
    units: Mapping[int, StandingUnit],
    found: dict[int, list[RuleFinding]],
) -> None:
    modems = [unit for unit, one in units.items() if one.kind == UnitKind.MODEM]
    types = modem_types.types_of(connection, modems)
    makes = {
        row[0]: row[1:]
        for row in dialect.query_keys(connection, _MAKES, {make for _, make in types.values()})
    }
    known = models_of(connection, {f"{tac:08d}" for tac, _ in types.values()})
    peers = modem_types.peers_of(connection, types)
    verdicts: dict[tuple[int, int], list[RuleFinding]] = {}  # few types, many modems
    suspects: dict[int, tuple[RuleFinding, int]] = {}
    for unit, (tac, make) in types.items():
        if (tac, make) not in verdicts:
            read = ReadModel(_NOWHERE, *makes[make])
            record = known.get(f"{tac:08d}")
            verdicts[tac, make] = [*tac_model(read, record, peers.get(tac, ()))]
        for one in verdicts[tac, make]:
            suspects[unit] = one, make
    stated: dict[int, tuple[Any, ...]] = {}
    for unit, make, *date in dialect.query_keys(connection, _STATED, suspects):
        if make == suspects[unit][1]:
            stated[unit] = min(tuple(date), stated.get(unit, tuple(date)))
    for unit, (hi_ms, lo_ms, stream, sequence) in stated.items():
        at = ReportMoment(stream, sequence, lo_ms, hi_ms)
        found[unit].append(suspects[unit][0]._replace(at=at))
