"""Modems and SIMs by their numbers, as people type them and documents state them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, select

from modemagent.identity.checkdigits import luhn_fits
from modemagent.identity.cleaning import without_separators
from modemagent.identity.iccid import Iccid
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.database.refs import format_ref, parse_ref
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.tables import schema

_IMEI_DIGITS = 14
_NINETEEN = re.compile("[0-9A-F]{19}")


def digits_of(text: str) -> str:
    """Return a number as typed or printed, without separators and filler."""
    return without_separators(text).upper().rstrip("F")


def find_unit(view: View, kind: UnitKind, wanted: str) -> int | None:
    """Return the unit with a number or a reference."""
    c = schema.unit.c
    ref = parse_ref(wanted)
    if ref is not None:
        query = select(c.id).where(c.ref == ref, c.kind == kind)
        return view.connection.execute(query).scalar()
    return next(iter(units_with(view, kind, digits_of(wanted))), None)


def units_with(view: View, kind: UnitKind, digits: str) -> list[int]:
    """Return the units of a kind that have a number."""
    (rows,) = view.load(read_units(view, unit_keys(kind, digits)))
    return units_among(rows, kind, digits)


def unit_keys(kind: UnitKind, digits: str) -> list[tuple[int, str]]:
    """Return the keys under which a unit with a number may be stored."""
    if kind == UnitKind.MODEM:
        keys = [digits[:_IMEI_DIGITS]] if len(digits) in (14, 15, 16) else []
    else:
        keys = [digits, digits[:19]] if 18 <= len(digits) <= 20 else []
        if _NINETEEN.fullmatch(digits) and not luhn_fits(digits):  # a 20th digit is in the key
            keys += [f"{digits}{last:X}" for last in range(16)]
    return [(int(kind), key) for key in dict.fromkeys(keys)]


def refs_of(
    connection: Connection, numbers: Collection[tuple[UnitKind, str]], gateways: Collection[str]
) -> tuple[dict[tuple[UnitKind, str], str], dict[str, str]]:
    """Return the references of modems and SIMs by number, and of gateways by id.

    What was never reported is left out.
    """
    keys = {one: unit_keys(one[0], digits_of(one[1])) for one in numbers}
    view = View(connection)
    every = dict.fromkeys(key for some in keys.values() for key in some)
    units, names = view.load(
        read_units(view, every, "ref"),
        dialect.rows_of(
            connection,
            schema.gateway,
            ("gateway_id",),
            ("gateway_id", "ref"),
            [(one,) for one in gateways],
        ),
    )
    by_key = {(row[1], row[2]): row for row in units}
    refs = {}
    for (kind, number), some in keys.items():
        rows = [by_key[key][:4] for key in some if key in by_key]
        if found := units_among(rows, kind, digits_of(number)):
            ref = next(by_key[key][4] for key in some if by_key.get(key, (0,))[0] == found[0])
            refs[kind, number] = format_ref(ref)
    return refs, {name: format_ref(ref) for name, ref in names}


def read_units(view: View, keys: Iterable[tuple[int, str]], *more: str) -> Read | None:
    """Return the query for units by kind and key, with further columns."""
    columns = ("id", "kind", "key", "number", *more)
    return dialect.rows_of(view.connection, schema.unit, ("kind", "key"), columns, keys)


def units_among(rows: Rows, kind: UnitKind, digits: str) -> list[int]:
    """Return the units of a kind that have a number."""
    return [
        row
        for row, its_kind, key, number in sorted(rows)
        if its_kind == kind
        and (
            kind == UnitKind.MODEM or Iccid(number).same_sim(digits) or Iccid(key).same_sim(digits)
        )
    ]
