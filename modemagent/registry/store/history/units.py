"""Units and identifiers: the only rows in which numbers stand."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Table

from modemagent.registry.history.readings import PlaceReading, Seen, read_place
from modemagent.registry.pseudonyms import OF_IDENTIFIERS
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.database.refs import MODEM, SIM, ref_of
from modemagent.registry.store.history.erased import read_any, rows_of_erased
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.places import Content
from modemagent.registry.store.intake.slots import NOT_READ, StoredSlot, pack
from modemagent.registry.store.tables import schema
from modemagent.registry.validation import ValidReport


class UnitKind(IntEnum):
    """Kind of a unit, as stored."""

    MODEM = MODEM
    SIM = SIM


class IdentifierKind(IntEnum):
    """Kind of a number that is not the key of a unit, as stored."""

    IMSI = 1
    EID = 2
    SERIAL_NUMBER = 3
    IMEISV = 4
    MEID = 5


_UNIT = ("id", "kind", "key", "number", "heard_day", "relate_ms")
_IDENTIFIER = ("kind", "value")
_MAKE = ("manufacturer", "model", "firmware")
_FACTS = tuple(
    (kind, kind.name.lower())
    for kind in (IdentifierKind.SERIAL_NUMBER, IdentifierKind.IMEISV, IdentifierKind.MEID)
)


class Units:
    """Rows of units, identifiers and makes for the readings of one batch.

    :param reports: validated reports about places, with the digest of their identity
    """

    def __init__(self, batch: Batch, reports: Sequence[tuple[int, ValidReport]]) -> None:
        self._batch = batch
        self._day = batch.now_ms // 86_400_000
        readings = {identity: (report, read_place(report)) for identity, report in reports}
        units: dict[tuple[int, str], str] = {}
        identifiers: set[tuple[int, str]] = set()
        makes: set[tuple[str, str, str]] = set()
        for report, reading in readings.values():
            if reading is None or reading.seen == Seen.GONE:
                continue
            makes.add(_make(report))
            identifiers.update(_facts(report))
            if reading.unit is not None:
                _name(units, (UnitKind.MODEM, reading.unit), report.imei or "")
            for slot in reading.slots:
                if slot.sim is not None:
                    _name(units, (UnitKind.SIM, slot.sim), slot.sim + slot.extra)
                if slot.imsi:
                    identifiers.add((IdentifierKind.IMSI, slot.imsi))
                if slot.eid:
                    identifiers.add((IdentifierKind.EID, slot.eid))
        names, named, made = sorted(units), sorted(identifiers), sorted(makes)
        connection = batch.connection
        found = dialect.read_together(
            connection,
            [
                dialect.rows_of(connection, schema.unit, ("kind", "key"), _UNIT, names),
                _read(batch, schema.identifier, _IDENTIFIER, named),
                _read(batch, schema.make, _MAKE, made),
                read_any(batch) if units or identifiers else None,
            ],
        )
        if batch.has_erased is None and (units or identifiers):
            batch.has_erased = bool(found[3])
        parts = [
            self._with_new_units(units, found[0]),
            _with_new(batch, schema.identifier, _IDENTIFIER, named, found[1]),
            _with_new(batch, schema.make, _MAKE, made, found[2]),
        ]
        self._units, self._identifiers, self._makes = _inserted(batch, parts)
        batch.new_units.update({row[0] for row in parts[0].new} & set(self._units.values()))
        batch.unit_keys.update({row: key for (_, key), row in self._units.items()})
        links: set[tuple[int, int]] = set()
        self.contents = {
            identity: self._content(identity, report, reading, links)
            for identity, (report, reading) in readings.items()
        }
        dialect.insert_new(
            batch.connection, schema.identifier_of, ("identifier", "unit"), sorted(links)
        )

    def _content(
        self,
        identity: int,
        report: ValidReport,
        reading: PlaceReading | None,
        links: set[tuple[int, int]],
    ) -> Content:
        if reading is None or reading.seen == Seen.GONE:
            return Content(Seen.GONE, None, None, None, None, None, None, pack([]), identity)
        unit = self._units.get((UnitKind.MODEM, reading.unit))
        facts = {kind: self._identifiers[kind, value] for kind, value in _facts(report)}
        if unit is not None:
            links.update((row, unit) for row in facts.values())
        slots = []
        read = {slot.slot for slot in reading.slots}
        states = {sim.slot: sim.state for sim in report.sims}
        for one in report.sims:
            if one.slot not in read:
                slots.append(StoredSlot(one.slot, one.state, NOT_READ))
        for slot in reading.slots:
            sim = self._units[UnitKind.SIM, slot.sim] if slot.sim is not None else 0
            imsi = self._identifiers[IdentifierKind.IMSI, slot.imsi] if slot.imsi else 0
            eid = self._identifiers[IdentifierKind.EID, slot.eid] if slot.eid else 0
            links.update((row, sim) for row in (imsi, eid) if row and sim)
            slots.append(StoredSlot(slot.slot, states[slot.slot], sim, imsi, eid, slot.extra))
        return Content(
            int(reading.seen),
            unit,
            self._makes[_make(report)],
            reading.reader,
            facts.get(IdentifierKind.SERIAL_NUMBER),
            facts.get(IdentifierKind.IMEISV),
            facts.get(IdentifierKind.MEID),
            pack(sorted(slots)),
            identity,
        )

    def _with_new_units(self, wanted: dict[tuple[int, str], str], found: Rows) -> _Rows:
        """Return units by kind and key, and rows of those that are missing.

        :param wanted: their numbers in full
        :param found: the rows of those that are stored
        """
        batch, table = self._batch, schema.unit
        known: dict[Any, int] = {(kind, key): row for row, kind, key, *_ in found}
        batch.usual.update(row[0] for row in found if row[-1] is None)
        new = [one for one in wanted if one not in known]
        if new:
            known |= rows_of_erased(batch, new)
            new = [one for one in new if one not in known]
        # keys by kind in the order of the reports, so that indexes are appended to; inserted in
        # the order in which others insert too
        new.sort(key=itemgetter(0))
        rows: Rows = [
            (batch.key(), kind, key, wanted[kind, key], ref_of(batch.secret, kind, key), self._day)
            for kind, key in new
        ]
        rows.sort(key=lambda row: row[1:3])
        changed = [
            (longer, self._day, row)
            for row, kind, key, number, day, _ in found
            if (longer := max(number, wanted[kind, key], key=len)) != number or day != self._day
        ]
        dialect.update_rows(batch.connection, table, ("id",), ("number", "heard_day"), changed)
        columns = ("id", "kind", "key", "number", "ref", "heard_day")
        return _Rows(table, ("kind", "key"), columns, known, rows)


class _Rows(NamedTuple):
    """Rows of one table in a batch.

    :param known: keys of those that are stored
    :param new: those that are missing; their keys, and then the columns ``key``, come first
    """

    table: Table
    key: tuple[str, ...]
    columns: tuple[str, ...]
    known: dict[Any, int]
    new: Rows


def _inserted(batch: Batch, parts: Sequence[_Rows]) -> list[dict[Any, int]]:
    """Insert the rows that are missing; return all by key. Another worker may have been first."""
    connection = batch.connection
    for one in parts:
        dialect.insert_new(connection, one.table, one.columns, one.new)
    found: Sequence[Rows] = [one.new for one in parts]
    if not dialect.is_sqlite(connection):
        found = dialect.read_together(
            connection,
            [
                _read(batch, one.table, one.key, [row[1 : len(one.key) + 1] for row in one.new])
                for one in parts
            ],
        )
    return [
        one.known | {row[1 : len(one.key) + 1]: row[0] for row in rows}
        for one, rows in zip(parts, found, strict=True)
    ]


def _read(
    batch: Batch, table: Table, key: tuple[str, ...], wanted: Sequence[tuple[Any, ...]]
) -> Read | None:
    return dialect.rows_of(batch.connection, table, key, ("id", *key), wanted)


def _with_new(
    batch: Batch,
    table: Table,
    key: tuple[str, ...],
    wanted: Sequence[tuple[Any, ...]],
    found: Rows,
) -> _Rows:
    """Return the rows with these keys, and those that are missing.

    :param found: those that are stored
    """
    known: dict[Any, int] = {row[1:]: row[0] for row in found}
    new = [one for one in wanted if one not in known]
    if new and table is schema.identifier:
        given = {(OF_IDENTIFIERS + kind, value): (kind, value) for kind, value in new}
        known |= {given[one]: row for one, row in rows_of_erased(batch, given).items()}
        new = [one for one in new if one not in known]
    rows: Rows = [(batch.key(), *one) for one in new]
    return _Rows(table, key, ("id", *key), known, rows)


def _name(units: dict[tuple[int, str], str], key: tuple[int, str], number: str) -> None:
    """Note the number of a unit in full; the longest one read is shown."""
    units[key] = max(units.get(key, ""), number, key=len)


def _make(report: ValidReport) -> tuple[str, str, str]:
    facts = report.facts
    return (
        facts.get("manufacturer", ""),
        facts.get("model", ""),
        facts.get("firmware", ""),
    )


def _facts(report: ValidReport) -> list[tuple[int, str]]:
    return [(kind, value) for kind, name in _FACTS if (value := report.facts.get(name)) is not None]
