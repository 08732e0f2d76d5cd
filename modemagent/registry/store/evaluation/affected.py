"""The units that a change is about, found by index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, text

from modemagent.identity.iccid import Iccid
from modemagent.registry.lists.entries import EntryKind, EntryValue, candidates
from modemagent.registry.lists.entries import ListedNumber as Number
from modemagent.registry.policies.policy_content import bare
from modemagent.registry.store.database import dialect
from modemagent.registry.store.history.units import IdentifierKind, UnitKind
from modemagent.registry.store.tables import recheck_tables, schema

_LAST = ":"  # follows the digits
_KINDS = {"modem": UnitKind.MODEM, "sim": UnitKind.SIM}
_GROUPS = frozenset({"gateway", "site", "order", "model", "mcc"})
#: Modems of a group: by their gateway, by the number of the asset or of the row of an order, or by
#: the networks that they were in.
_IN_GROUP = {
    "gateway": [
        "SELECT DISTINCT u.id FROM gateway g JOIN place p ON p.gateway = g.id"
        " JOIN unit u ON u.id = p.unit WHERE g.gateway_id = :name",
    ],
    "site": [
        "SELECT DISTINCT u.id FROM gateway g JOIN place p ON p.gateway = g.id"
        " JOIN unit u ON u.id = p.unit WHERE g.site = :name",
        "SELECT u.id FROM asset a JOIN unit u ON u.kind = 1 AND u.key = a.imei"
        " WHERE a.site = :name",
    ],
    "order": [
        "SELECT u.id FROM asset a JOIN unit u ON u.kind = 1 AND u.key = a.imei"
        " WHERE a.order_number = :name",
        "SELECT u.id FROM purchase_order o JOIN order_row a ON a.purchase_order = o.id"
        " JOIN unit u ON u.kind = 1 AND u.key = a.imei WHERE o.number = :name",
    ],
    "mcc": [
        "SELECT DISTINCT u.id FROM presence p JOIN unit u ON u.id = p.modem WHERE p.mcc = :name",
    ],
}
_MODEMS = text(
    "SELECT id, key FROM unit WHERE kind = :kind AND key >= :low AND key <= :high"
    " ORDER BY key LIMIT :most"
)
_IMSIS = text(
    "SELECT id, value FROM identifier WHERE kind = :kind AND value >= :low AND value <= :high"
    " ORDER BY value LIMIT :most"
)


class Target(NamedTuple):
    """Units by a number or a range of numbers, both ends included.

    :param what: ``modem`` by key, ``sim`` by key, ``imsi``, or a group of modems by its name:
        ``site``, ``model``, ``order``, ``gateway``, ``mcc``; of a group, ``high`` is the last unit
        found; or what a changed rule can concern, as :mod:`.rule_targets` finds it
    """

    what: str
    low: str
    high: str


def targets_of(value: EntryValue) -> list[Target]:
    """Return the units that an entry of a list covers.

    >>> targets_of(EntryValue(EntryKind.TAC, "86769804"))
    [Target(what='modem', low='86769804', high='86769804:')]
    """
    if value.kind == EntryKind.ICCID:
        number: Number = Iccid(value.first)
        keys = [first for _, first in candidates(number)]
        return [Target("sim", key, key) for key in keys]
    if value.kind == EntryKind.IMSI_PREFIX:
        return [Target("imsi", value.first, value.first + _LAST)]
    if value.kind == EntryKind.TAC:
        return [Target("modem", value.first, value.first + _LAST)]
    return [Target("modem", value.first, value.last or value.first)]


def next_units(
    connection: Connection, targets: Sequence[Target], most: int
) -> tuple[list[int], list[Target]]:
    """Return some units of targets, and the targets of which more may be left.

    :param most: about as many units are returned
    """
    is_point = [one.what in _KINDS and one.low == one.high for one in targets]
    points = [
        (int(_KINDS[one.what]), one.low)
        for one, point in zip(targets, is_point, strict=True)
        if point
    ]
    rows = dialect.select_rows(connection, schema.unit, ("kind", "key"), ("id",), points)
    found = [unit for (unit,) in rows]
    left = [one for one, point in zip(targets, is_point, strict=True) if not point]
    while left and len(found) < most:
        if left[0].what in _GROUPS:
            units, following = _of_group(connection, left[0], most)
        else:
            units, following = _page(connection, left[0], most)
        found += units
        left = left[1:] if following is None else [following, *left[1:]]
    return found, left


def _of_group(connection: Connection, target: Target, most: int) -> tuple[list[int], Target | None]:
    """Return some modems of a group by their numbers, and the rest of it."""
    after = int(target.high or 0)
    found: set[int] = set()
    if target.what == "model":
        names = connection.execute(select(schema.make.c.id, schema.make.c.model))
        makes = [make for make, model in names if bare(model) == target.low]
        c = recheck_tables.modem_type.c
        for make in makes:
            query = select(c.unit).where(c.make == make, c.unit > after)
            found |= set(connection.execute(query.order_by(c.unit).limit(most)).scalars())
    else:
        values = {"name": target.low, "after": after, "most": most}
        for query_text in _IN_GROUP[target.what]:
            statement = text(f"{query_text} AND u.id > :after ORDER BY u.id LIMIT :most")
            found |= set(connection.execute(statement, values).scalars())
    units = sorted(found)[:most]
    if len(units) < most:
        return units, None
    return units, target._replace(high=str(units[-1]))


def _page(connection: Connection, target: Target, most: int) -> tuple[list[int], Target | None]:
    """Return some units of a target, and the rest of it."""
    statement, kind = _MODEMS, int(UnitKind.MODEM)
    if target.what == "imsi":
        statement, kind = _IMSIS, int(IdentifierKind.IMSI)
    values = {"kind": kind, "low": target.low, "high": target.high, "most": most}
    rows = connection.execute(statement, values).all()
    units = [row[0] for row in rows]
    if target.what == "imsi":
        found: list[Any] = dialect.select_rows(
            connection, schema.identifier_of, ("identifier",), ("unit",), [(one,) for one in units]
        )
        units = [unit for (unit,) in found]
    if len(rows) < most:
        return units, None
    return units, target._replace(low=f"{rows[-1][1]}\x20")
