"""The newest maker, model and firmware of each modem, with indexes by TAC and by model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from modemagent.registry.rules.tac_model import PeerModel
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.tables.recheck_tables import modem_type

_RARE = 2
_COLUMNS = ("unit", "tac", "make", "read_at")
_UNREAD = 0
_TYPES = (
    "SELECT tac, make, count(*) FROM modem_type WHERE read_at = TRUE AND make <> 0"
    " GROUP BY tac, make"
)
_FACTS = (
    "SELECT unit, hi_ms, lo_ms, stream, sequence, make FROM fact"
    " WHERE unit IN {keys} AND recorded_to IS NULL AND make IS NOT NULL"
)
_READERS = (
    "SELECT unit, make FROM sighting"
    " WHERE unit IN {keys} AND make IS NOT NULL AND coalesce(reader, 'at') = 'at'"
)
_STORED = "SELECT unit, tac, make, read_at FROM modem_type WHERE unit IN {keys}"
#: The makes of a TAC, each found by one look-up, with one modem more than the rule needs.
_MAKES = (
    "WITH RECURSIVE step(tac, make) AS ("
    " SELECT t.tac, (SELECT min(o.make) FROM modem_type o WHERE o.tac = t.tac AND o.read_at = TRUE)"
    " FROM (SELECT DISTINCT tac FROM modem_type WHERE unit IN {keys}) AS t"
    " UNION ALL"
    " SELECT s.tac, (SELECT min(o.make) FROM modem_type o"
    " WHERE o.tac = s.tac AND o.read_at = TRUE AND o.make > s.make)"
    " FROM step s WHERE s.make IS NOT NULL)"
    " SELECT s.tac, s.make, m.manufacturer, m.model,"
    " (SELECT count(*) FROM (SELECT 1 FROM modem_type o WHERE o.tac = s.tac AND o.read_at = TRUE"
    " AND o.make = s.make LIMIT 21) AS enough)"
    " FROM step s JOIN make m ON m.id = s.make"
)


class TypeCount(NamedTuple):
    """Number of the modems with a TAC and a make that was read over AT commands."""

    tac: int
    make: int
    modems: int


def update(batch: Batch, modems: Mapping[int, str]) -> list[int]:
    """Write what some modems have stated last; return those that state something else now.

    :param modems: keys of the units, 14 digits, by row
    """
    connection = batch.connection
    newest: dict[int, tuple[Any, ...]] = {}
    for row in dialect.query_keys(connection, _FACTS, modems):
        newest[row[0]] = max(row[1:], newest.get(row[0], ()))
    for unit in modems:
        newest.setdefault(unit, (_UNREAD,))
    read_at = set(dialect.query_keys(connection, _READERS, newest))
    stored = {row[0]: row for row in dialect.query_keys(connection, _STORED, newest)}
    rows = []
    for unit, fact in newest.items():
        row = (unit, int(modems[unit][:8]), fact[-1], (unit, fact[-1]) in read_at)
        if stored.get(unit) != row:
            rows.append(row)
    dialect.upsert_rows(connection, modem_type, ("unit",), _COLUMNS[1:], rows)
    return [row[0] for row in rows]


def types_of(connection: Connection, modems: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return TAC and make of the modems that were read over AT commands."""
    rows: list[Any] = dialect.query_keys(connection, _STORED, modems)
    return {unit: (tac, make) for unit, tac, make, read_at in rows if read_at and make}


def all_types(connection: Connection) -> list[TypeCount]:
    """Return the types of all modems; the index has all that is read."""
    return [TypeCount(*row) for row in dialect.query(connection, _TYPES)]


def peers_of(connection: Connection, modems: Iterable[int]) -> dict[int, list[PeerModel]]:
    """Return the models of all modems with the TAC of one of these, by TAC."""
    found: dict[int, list[PeerModel]] = {}
    rows: list[Any] = dialect.query_keys(connection, _MAKES, modems)
    for tac, _, manufacturer, model, modems_of_it in rows:
        found.setdefault(tac, []).append(PeerModel(manufacturer, model, modems_of_it))
    return found


def rare_modems(connection: Connection, modems: Iterable[int]) -> list[int]:
    """Return the modems whose type at most two have, with the TAC of one of these.

    Another modem of the TAC can change what follows for them.
    """
    rows: list[Any] = dialect.query_keys(connection, _MAKES, modems)
    keys = [(tac, True, make) for tac, make, _, _, count in rows if count <= _RARE]
    found = dialect.select_rows(connection, modem_type, ("tac", "read_at", "make"), ("unit",), keys)
    return [unit for (unit,) in found]
