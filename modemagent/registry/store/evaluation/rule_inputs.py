"""What rules get, read from the database for many units at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.rules.inputs import (
    ModemFacts,
    PairChange,
    PairState,
    ReportMoment,
    StayNumbers,
    UnitHistory,
)
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation.standing import StandingUnit
from modemagent.registry.store.history.event_log import NO_SIDE
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.tables import schema

_EVENTS = (
    "SELECT unit, type, stream, sequence, lo_ms, hi_ms,"
    " old_place, old_modem, old_slot, old_sim, old_imsi, old_eid,"
    " new_place, new_modem, new_slot, new_sim, new_imsi, new_eid"
    " FROM event WHERE unit IN {keys} AND NOT superseded AND NOT withdrawn"
)
_FACTS = (
    "SELECT f.unit, f.stream, f.sequence, f.lo_ms, f.hi_ms, m.manufacturer, m.model, m.firmware,"
    " f.serial_number, f.imeisv, f.meid FROM fact f LEFT JOIN make m ON m.id = f.make"
    " WHERE f.unit IN {keys} AND f.recorded_to IS NULL"
)
_STAYS = (
    "SELECT unit, opened_stream, opened_sequence, from_lo, from_hi, imsi, eid, holder, cause"
    " FROM stay WHERE unit IN {keys} AND recorded_to IS NULL"
)
_SHARED = (
    "SELECT identifier, count(*) FROM identifier_of WHERE identifier IN {keys} GROUP BY identifier"
)
_WITH_EID = "SELECT identifier, unit FROM identifier_of WHERE identifier IN {keys}"
_NO_STATE = PairState()
_COMMON = 3  # IMEIs of an EID that belongs to something that travels


class RuleInputs:
    """The histories of some units, each kind of row read once."""

    def __init__(self, connection: Connection, units: Mapping[int, StandingUnit]) -> None:
        self._connection = connection
        self._units = units
        modems = [row for row, one in units.items() if one.kind == UnitKind.MODEM]
        sims = [row for row, one in units.items() if one.kind == UnitKind.SIM]
        self._changes = _changes(connection, units)
        swaps = [
            one for some in self._changes.values() for one in some if one.kind == "modem.swapped"
        ]
        before = {one.old.modem for one in swaps if one.old.modem is not None}
        self._serial_rows: dict[str, int] = {}
        self._facts = self._read_facts({*modems, *before})
        self._numbers = self._read_numbers(sims)
        self._imeis: dict[str, int] | None = None if swaps else {}
        self._travelling = self._read_travelling(
            {one.new.eid for one in swaps if one.new.eid and one.new.eid == one.old.eid}
        )

    def history(self, unit: int, *, is_shared: bool) -> UnitHistory | None:
        """Return the history of a unit; None if it was erased."""
        if unit not in self._units:
            return None
        one = self._units[unit]
        return UnitHistory(
            "imei" if one.kind == UnitKind.MODEM else "iccid",
            one.number,
            is_shared,
            tuple(self._changes.get(unit, ())),
            self.facts_of(unit),
            tuple(self._numbers.get(unit, ())),
        )

    def facts_of(self, modem: int) -> tuple[ModemFacts, ...]:
        return tuple(self._facts.get(modem, ()))

    def imeis_of(self, serial_number: str) -> int:
        """Return how many modems have reported a serial number."""
        if self._imeis is None:
            counts: dict[int, int] = dict(
                dialect.query_keys(self._connection, _SHARED, self._serial_rows.values())
            )
            self._imeis = {text: counts.get(row, 0) for text, row in self._serial_rows.items()}
        return self._imeis.get(serial_number, 0)

    def eid_travels(self, eid: int) -> bool:
        """Return True if an eUICC was in three modems or more, or its slot was read as empty."""
        return eid in self._travelling

    def _read_facts(self, modems: Iterable[int]) -> dict[int, list[ModemFacts]]:
        rows: list[Any] = dialect.query_keys(self._connection, _FACTS, modems)
        texts = _texts(self._connection, {key for row in rows for key in row[8:] if key})
        self._serial_rows = {texts[row[8]]: row[8] for row in rows if row[8] in texts}
        found: dict[int, list[ModemFacts]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: (row[4], row[3], row[1], row[2])):
            numbers = [texts.get(key or 0) for key in row[8:]]
            found[row[0]].append(
                ModemFacts(
                    ReportMoment(*row[1:5]), row[5] or "", row[6] or "", row[7] or "", *numbers
                )
            )  # fmt: skip
        return found

    def _read_numbers(self, sims: Sequence[int]) -> dict[int, list[StayNumbers]]:
        rows: list[Any] = dialect.query_keys(self._connection, _STAYS, sims)
        texts = _texts(self._connection, {key for row in rows for key in row[5:7] if key})
        found: dict[int, list[StayNumbers]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: (row[4], row[3], row[1], row[2])):
            numbers = StayNumbers(
                ReportMoment(*row[1:5]), texts.get(row[5] or 0), texts.get(row[6] or 0)
            )  # fmt: skip
            found[row[0]].append(numbers)
        return found

    def _read_travelling(self, eids: set[int]) -> set[int]:
        pairs: list[Any] = dialect.query_keys(self._connection, _WITH_EID, eids)
        stays: list[Any] = dialect.query_keys(self._connection, _STAYS, {sim for _, sim in pairs})
        holders: dict[int, set[int]] = defaultdict(set)
        found = set()
        for row in stays:
            eid = row[6]
            holders[eid].add(row[7])
            if row[8] == "removed" or len(holders[eid]) >= _COMMON:
                found.add(eid)
        return found & eids


def _changes(connection: Connection, units: Iterable[int]) -> dict[int, list[PairChange]]:
    found: dict[int, list[PairChange]] = defaultdict(list)
    rows: list[Any] = dialect.query_keys(connection, _EVENTS, units)
    for row in sorted(rows, key=lambda row: (row[5], row[4], row[2], row[3], row[1])):
        change = PairChange(
            row[1], ReportMoment(*row[2:6]), _state(row[6:12]), _state(row[12:])
        )  # fmt: skip
        found[row[0]].append(change)
    return found


def _state(side: tuple[Any, ...]) -> PairState:
    return _NO_STATE if side == NO_SIDE else PairState(*side)


def _texts(connection: Connection, keys: Iterable[int]) -> Mapping[int, str]:
    wanted = [(key,) for key in sorted(keys)]
    return dict(
        dialect.select_rows(connection, schema.identifier, ("id",), ("id", "value"), wanted)
    )
