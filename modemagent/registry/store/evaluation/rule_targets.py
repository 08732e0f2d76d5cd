"""The units that a changed rule can concern, found by sets.

They are those with a finding of the rule, and those whose input can make one: events of some types,
several facts, a number that is not as it should be, an entry of a list, a type that contradicts its
TAC, a policy. Each table is read in slices, as :class:`.Target` with the key that was read last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from modemagent.registry.lists.entries import EntryKind, EntryValue, ListName
from modemagent.registry.rules.changes import KINDS
from modemagent.registry.rules.definitions import FOUND_BY
from modemagent.registry.rules.numbers import problems_of
from modemagent.registry.store.database import dialect
from modemagent.registry.store.evaluation import affected
from modemagent.registry.store.evaluation.affected import Target, targets_of
from modemagent.registry.store.evaluation.standing import suspect_tacs
from modemagent.registry.store.history.units import IdentifierKind, UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.policies import policies
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.recheck_tables import recheck_unit

_ROWS = 5000  # read by a query, of which each may be looked at in Python
_UNITS = 10_000  # whose rows are read by a query
_ROWS_AT_ONCE = 20_000  # rows read in a transaction
_LEAST = 20  # counted for a query without rows
_VALIDATED = 4  # rows that take as long to read as one number to validate
_SEVERITIES = ("error", "warning", "note")
_TYPES = {
    "altered": ("modem.swapped",),
    "changes": tuple(sorted(KINDS)),
    "churn": ("sim.profile_switched", "sim.swapped"),
}
_OTHERS = {
    "firmware": ("facts",),
    "listed": ("entry",),
    "numbers": ("numbers", "identifiers", "differing"),
    "pairing": ("policy", "link"),
    "tac_model": ("types",),
}
_LAST_OF = text(
    "SELECT max(id) FROM"
    " (SELECT id FROM unit WHERE id > :after ORDER BY id LIMIT :most) AS following"
)
_EVENTS = (
    "SELECT DISTINCT unit FROM event WHERE unit > :after AND unit <= :last"
    " AND type IN ({types}) AND NOT superseded AND NOT withdrawn"
)
_FACTS = (
    "SELECT unit FROM fact WHERE unit > :after AND unit <= :last AND recorded_to IS NULL"
    " GROUP BY unit HAVING count(*) > 1"
)
_DIFFERING = (
    "SELECT f.unit FROM fact f JOIN unit u ON u.id = f.unit JOIN identifier i ON i.id = f.{column}"
    " WHERE f.unit > :after AND f.unit <= :last AND f.recorded_to IS NULL"
    " AND u.number LIKE '{start}%' AND substr(i.value, 1, 14) <> substr(u.number, 1, 14)"
)
_FINDINGS = text(
    "SELECT id, unit FROM finding WHERE severity = :severity AND type = :type AND id > :after"
    " AND recorded_to IS NULL AND unit IS NOT NULL ORDER BY id LIMIT :most"
)
_NUMBERS = text(
    "SELECT id, kind, number FROM unit WHERE id > :after ORDER BY id LIMIT :most"
)  # fmt: skip
_IDENTIFIERS = text(
    "SELECT id, kind, value FROM identifier WHERE id > :after ORDER BY id LIMIT :most"
)
_ENTRIES = text(
    "SELECT id, list, kind, first, last FROM list_entry WHERE id > :after ORDER BY id LIMIT :most"
)
_LINKS = text(
    "SELECT DISTINCT modem FROM link WHERE modem > :after ORDER BY modem LIMIT :most"
)  # fmt: skip
_KINDS = {
    IdentifierKind.IMSI: "imsi",
    IdentifierKind.EID: "eid",
    IdentifierKind.IMEISV: "imeisv",
    IdentifierKind.MEID: "meid",
}


class _Slice(NamedTuple):
    """What was found in some rows.

    :param targets: other targets that were found
    :param after: key of the last row; None: no rows are left
    """

    units: Iterable[int] = ()
    targets: Sequence[Target] = ()
    after: int | None = None
    rows: int = 0


def targets_of_rules(rules: Iterable[str]) -> list[Target]:
    """Return where the units are found that changed rules can concern."""
    names = sorted(set(rules))
    found = [
        Target("finding", f"{severity} {type_}", "")
        for name in names
        for type_ in sorted(FOUND_BY[name])
        for severity in _SEVERITIES
    ]
    types = sorted({type_ for name in names for type_ in _TYPES.get(name, ())})
    found += [Target("event", " ".join(types), "")] if types else []
    return found + [Target(what, "", "") for name in names for what in _OTHERS.get(name, ())]


def add_units(batch: Batch, run: int, targets: Sequence[Target], most: int) -> list[Target]:
    """Note units of targets for a run; return the targets of which more may be left.

    :param most: units after which the rest is left
    """
    plain = [one for one in targets if one.what not in _SLICES]
    left = [one for one in targets if one.what in _SLICES]
    units: set[int] = set()
    if plain:
        found, plain = affected.next_units(batch.connection, plain, most)
        units.update(found)
    rows = 0
    while left and not plain and rows < _ROWS_AT_ONCE:
        one = _SLICES[left[0].what](batch.connection, left[0].low, int(left[0].high or 0))
        units.update(one.units)
        rows += max(one.rows, _LEAST)
        plain += one.targets
        left = left[1:] if one.after is None else [left[0]._replace(high=str(one.after)), *left[1:]]
    noted = [(run, unit) for unit in sorted(units)]
    dialect.insert_new(batch.connection, recheck_unit, ("run", "unit"), noted)
    return plain + left


# -- slices: each takes the text of a target and the key that was read last ----------------------


def _by_units(
    statement: Callable[[str], str],
) -> Callable[[Connection, str, int], _Slice]:
    """Return a slice of the units that a query finds among the next ones."""

    def read(connection: Connection, low: str, after: int) -> _Slice:
        values = {"after": after, "most": _UNITS}
        last = connection.execute(_LAST_OF, values).scalar()
        if last is None:
            return _Slice()
        found = connection.execute(text(statement(low)), {"after": after, "last": last})
        return _Slice(found.scalars().all(), (), last, _UNITS)

    return read


def _events(types: str) -> str:
    return _EVENTS.format(types=", ".join(f"'{one}'" for one in types.split()))


def _differing(_: str) -> str:
    """Return the query for modems whose numbers do not belong together."""
    of_imeisv = _DIFFERING.format(column="imeisv", start="")
    return f"{of_imeisv} UNION {_DIFFERING.format(column='meid', start='99')}"


def _findings(connection: Connection, low: str, after: int) -> _Slice:
    severity, _, type_ = low.partition(" ")
    rows = _rows(connection, _FINDINGS, after, severity=severity, type=type_)
    return _slice(rows, [row[1] for row in rows])


def _numbers(connection: Connection, _: str, after: int) -> _Slice:
    """Find the modems and SIMs whose number has a problem."""
    rows = _rows(connection, _NUMBERS, after)
    kinds = {int(UnitKind.MODEM): "imei", int(UnitKind.SIM): "iccid"}
    found = [unit for unit, kind, number in rows if problems_of(kinds[kind], number)]
    return _slice(rows, found)._replace(rows=_VALIDATED * len(rows))


def _identifiers(connection: Connection, _: str, after: int) -> _Slice:
    """Find the modems and SIMs that have read another number with a problem."""
    rows = _rows(connection, _IDENTIFIERS, after)
    keys = [
        (key,)
        for key, kind, value in rows
        if kind in _KINDS and problems_of(_KINDS[IdentifierKind(kind)], value)
    ]
    of_units: list[Any] = dialect.select_rows(
        connection, schema.identifier_of, ("identifier",), ("unit",), keys
    )
    found = [unit for (unit,) in of_units]
    return _slice(rows, found)._replace(rows=_VALIDATED * len(rows))


def _entries(connection: Connection, _: str, after: int) -> _Slice:
    """Find what the entries of the lists cover."""
    rows = _rows(connection, _ENTRIES, after)
    targets = [
        target
        for _, name, kind, first, last in rows
        if name != ListName.PERMITTED
        for target in targets_of(EntryValue(EntryKind(kind), first, last))
    ]
    return _slice(rows)._replace(targets=targets)


def _policies(connection: Connection, _: str, after: int) -> _Slice:
    """Find what the policies cover."""
    some = policies.page(connection, limit=0, after=after)
    targets = [
        target
        for one in some
        if one.content is not None
        for target in policies.targets_of_policy(one.content)
    ]
    return _Slice((), targets, some[-1].policy if some else None)


def _links(connection: Connection, _: str, after: int) -> _Slice:
    rows = _rows(connection, _LINKS, after)
    return _slice(rows, [row[0] for row in rows])


def _types(connection: Connection, _low: str, _after: int) -> _Slice:
    """Find the TACs of modems that contradict them."""
    return _Slice((), [Target("modem", tac, f"{tac}:") for tac in suspect_tacs(connection)])


def _rows(connection: Connection, query: Any, after: int, **values: str) -> Sequence[Any]:
    return connection.execute(query, {"after": after, "most": _ROWS, **values}).all()


def _slice(rows: Sequence[Any], units: Iterable[int] = ()) -> _Slice:
    """Return what was found in rows that begin with their key."""
    return _Slice(units, (), rows[-1][0] if len(rows) == _ROWS else None, len(rows))


_SLICES: dict[str, Callable[[Connection, str, int], _Slice]] = {
    "differing": _by_units(_differing),
    "entry": _entries,
    "event": _by_units(_events),
    "facts": _by_units(lambda _: _FACTS),
    "finding": _findings,
    "identifiers": _identifiers,
    "link": _links,
    "numbers": _numbers,
    "policy": _policies,
    "types": _types,
}
