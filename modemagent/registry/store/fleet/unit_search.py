"""Modems and SIMs that match filters, in the order of their rows, without reading all of them.

A filter that few units match is answered by its index. If each is matched by many, units are read
in their order, at most some thousand for a page, so a page may have fewer entries than its limit
and still a next page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text

from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.fleet import gateway_row, modems_in, sims_in
from modemagent.registry.store.fleet.kept_readings import sims_at
from modemagent.registry.store.fleet.link_filter import few_modems, sims_of_modems
from modemagent.registry.store.fleet.sims import sim_documents
from modemagent.registry.store.fleet.unit_filters import (
    UnitFilter,
    UnitTerm,
    makes_of,
    terms_of,
    values_of,
)
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind

_FEW = 4000  # units of a filter that are read at once
_FEW_MAKES = 64
_PARTS = (200, 1000, 4000, 8000)  # units that are read in turn for one page
_SIM_PARTS = (100, 500, 1000, 1000)  # if the state of each is needed, which takes more queries
#: By their rows: the index of keys has another order. A range is estimated better on PostgreSQL.
_UNITS = (
    "SELECT id FROM unit{2} WHERE kind BETWEEN :kind AND :kind AND id {0} :start"
    " ORDER BY id {1} LIMIT :size"
)
#: One value of an indexed column. Only after an equation does SQLite begin to read at a unit; after
#: it, PostgreSQL may take the order from another index.
_VALUE = {True: "{0} = {1:d}", False: "{0} BETWEEN {1:d} AND {1:d}"}
_OF_VALUE = (
    "SELECT * FROM (SELECT unit AS id FROM modem_type WHERE {2} AND unit {0} :start"
    " ORDER BY {3} {1}, unit {1} LIMIT :size) AS m{4:d}"
)
_OF_KIND = "SELECT id FROM unit WHERE kind = :kind LIMIT :most"
_LAST = 2**62


class FoundUnits(NamedTuple):
    """A page of units.

    :param units: in their order
    :param following: the unit after which the next page begins; None: there is none
    """

    units: list[int]
    following: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSearch:
    """A search for units of one kind.

    :param is_up: the oldest units come first
    """

    view: View
    kind: UnitKind
    wanted: UnitFilter
    is_up: bool = True

    def find(self, limit: int, start: int | None) -> FoundUnits:
        """Return the next units that match.

        :param start: the unit after which the page begins; None: with the first
        """
        makes = self._makes()
        in_order = {"model", "firmware"} if makes else {"link_state"}
        is_ordered = self._terms.keys() <= in_order and not self.wanted.gateway
        is_ordered = is_ordered and self.kind == UnitKind.MODEM
        read = self._part_of(None if is_ordered else self._candidates(), makes)
        state = self.wanted.link_state if self.kind == UnitKind.SIM else None
        found: list[int] = []
        position = start if start is not None else 0 if self.is_up else _LAST
        for size in _SIM_PARTS if state else _PARTS:
            rows = read(position, max(size, limit + 1))
            matching = [unit for unit, matches in rows if matches]
            found += self._in_state(matching, state) if state else matching
            if len(found) > limit:
                return FoundUnits(found[:limit], found[limit - 1])
            if len(rows) < max(size, limit + 1):
                return FoundUnits(found, None)
            position = rows[-1][0]
        return FoundUnits(found, position)

    def _candidates(self) -> list[int] | None:
        """Return all units that match one of the filters; None: many match each."""
        wanted, view = self.wanted, self.view
        if wanted.gateway:
            members = modems_in if self.kind == UnitKind.MODEM else sims_in
            return members(view, gateway_row(view.connection, wanted.gateway))
        for name, term in self._terms.items():
            query = f"SELECT id FROM ({term.units}) AS t LIMIT :most"  # noqa: S608
            values = {**self._values, "most": _FEW + 1}
            found: list[int] = list(view.connection.execute(text(query), values).scalars())
            if len(found) <= _FEW:
                if name == "site" and self.kind == UnitKind.SIM:
                    held = sims_at(view.connection, found)
                    found = [sim for sims in held.values() for sim in sims]
                return found
        is_held = wanted.link_state not in (None, LinkState.UNLINKED.shown)
        if self.kind == UnitKind.SIM and is_held:  # SIMs in no modem are unlinked
            modems = few_modems(view.connection, str(wanted.link_state))
            return None if modems is None else sims_of_modems(view, modems, str(wanted.link_state))
        if self.kind == UnitKind.SIM:  # a fleet may have few of them among many modems
            values = {"kind": int(self.kind), "most": _FEW + 1}
            few = list(view.connection.execute(text(_OF_KIND), values).scalars())
            return few if len(few) <= _FEW else None
        return None

    def _part_of(
        self, candidates: list[int] | None, makes: Sequence[int]
    ) -> Callable[[int, int], list[Any]]:
        """Return what reads a number of units after one, each with whether it matches."""
        if candidates is not None:
            ordered = sorted(set(candidates), reverse=not self.is_up)
            return lambda start, size: self._of_keys(
                [one for one in ordered if (one > start if self.is_up else one < start)][:size]
            )
        signs = (">", "ASC") if self.is_up else ("<", "DESC")
        is_sqlite = dialect.is_sqlite(self.view.connection)
        column, values = "make", makes
        if not makes and self.kind == UnitKind.MODEM and self.wanted.link_state:
            column, values = "link_state", [int(LinkState[self.wanted.link_state.upper()])]
        parts = []
        for one in values:
            where = _VALUE[is_sqlite].format(column, one)
            parts.append(_OF_VALUE.format(*signs, where, column, one))
        source = f"{' UNION ALL '.join(parts)} ORDER BY id {signs[1]} LIMIT :size"
        if not parts:
            source = _UNITS.format(*signs, " NOT INDEXED" if is_sqlite else "")
        return lambda start, size: self._matched(source, {"start": start, "size": size})

    def _makes(self) -> list[int]:
        query = makes_of(self.wanted) if self.kind == UnitKind.MODEM else None
        if query is None:
            return []
        values = {**self._values, "most": _FEW_MAKES + 1}
        found = list(self.view.connection.execute(text(query), values).scalars())
        return found if len(found) <= _FEW_MAKES else []

    def _of_keys(self, units: Sequence[int]) -> list[Any]:
        if dialect.is_sqlite(self.view.connection):
            source, keys = "SELECT value AS id FROM json_each(:keys)", msgspec.json.encode(units)
            return self._matched(source, {"keys": keys.decode()})
        return self._matched("SELECT unnest(CAST(:keys AS bigint[])) AS id", {"keys": list(units)})

    def _matched(self, source: str, values: dict[str, object]) -> list[Any]:
        where = (
            " AND ".join(one.where.format(unit="s.id") for one in self._terms.values()) or "1 = 1"
        )
        query = f"SELECT s.id, CASE WHEN {where} THEN 1 ELSE 0 END FROM ({source}) AS s"  # noqa: S608
        rows = self.view.connection.execute(text(query), {**self._values, **values})
        return sorted((tuple(row) for row in rows), reverse=not self.is_up)

    def _in_state(self, sims: Iterable[int], state: str) -> list[int]:
        if state not in {one.shown for one in LinkState}:
            return []
        documents = {one["ref"]: one for one in sim_documents(self.view, list(sims))}
        names = self.view.units(sims)
        return [
            sim
            for sim in sims
            if (one := documents.get(names[sim].ref)) and one["link_state"] == state
        ]

    @property
    def _terms(self) -> dict[str, UnitTerm]:
        return terms_of(self.kind, self.wanted)

    @property
    def _values(self) -> dict[str, object]:
        return values_of(self.kind, self.wanted)
