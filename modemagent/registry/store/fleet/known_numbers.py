"""Numbers that were reported: the modem or SIM of each, and where it was last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.identifier import Identifier
from modemagent.identity.imei import Imei
from modemagent.identity.imsi import Imsi
from modemagent.registry.lists.entries import candidates
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.modems import modem_documents
from modemagent.registry.store.fleet.sims import sim_documents
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import IdentifierKind, UnitKind
from modemagent.registry.store.tables import schema

_IMEI_DIGITS = 14


def known_numbers(connection: Connection, numbers: Iterable[Identifier]) -> dict[str, Document]:
    """Return the modem or SIM with each IMEI, ICCID, IMSI or EID that was reported."""
    view = View(connection)
    wanted = list(dict.fromkeys(numbers))
    units = _units(view, wanted)
    rows = sorted({unit for found in units.values() for unit in found})
    kinds = {row: name.kind for row, name in view.units(rows).items()}
    modems = [row for row in rows if kinds[row] == UnitKind.MODEM]
    sims = [row for row in rows if kinds[row] == UnitKind.SIM]
    documents = {one["ref"]: one for one in modem_documents(view, modems)}
    documents |= {one["ref"]: one for one in sim_documents(view, sims)}
    refs = {row: name.ref for row, name in view.units(rows).items()}
    return {
        number: document
        for number, found in units.items()
        for unit in found[:1]
        if (document := documents.get(refs[unit])) is not None
    }


def known_modems(connection: Connection, imeis: Iterable[str]) -> dict[str, Document]:
    """Return the modem with each IMEI that was reported."""
    return known_numbers(connection, map(Imei, imeis))


def _units(view: View, numbers: list[Identifier]) -> dict[str, list[int]]:
    keys: dict[tuple[int, str], list[str]] = defaultdict(list)
    others: dict[tuple[int, str], str] = {}
    for number in numbers:
        text = str(number)
        if isinstance(number, Imei):
            keys[int(UnitKind.MODEM), number[:_IMEI_DIGITS]].append(text)
        elif isinstance(number, Iccid):
            for _, key in candidates(number):
                keys[int(UnitKind.SIM), key].append(text)
        elif isinstance(number, Imsi):
            others[int(IdentifierKind.IMSI), text] = text
        elif isinstance(number, Eid):
            others[int(IdentifierKind.EID), text] = text
    found: dict[str, list[int]] = defaultdict(list)
    rows = dialect.select_rows(
        view.connection,
        schema.unit,
        ("kind", "key"),
        ("id", "kind", "key", "number"),
        sorted(keys),
    )
    for row, kind, key, full in sorted(rows):
        for text in keys[kind, key]:
            is_same = kind == UnitKind.MODEM or Iccid(full).same_sim(text)
            if is_same or Iccid(key).same_sim(text):
                found[text].append(row)
    for text, unit in _identified(view, others):
        found[text].append(unit)
    return found


def _identified(view: View, wanted: dict[tuple[int, str], str]) -> Iterable[tuple[str, int]]:
    rows: list[Any] = dialect.select_rows(
        view.connection,
        schema.identifier,
        ("kind", "value"),
        ("id", "kind", "value"),
        sorted(wanted),
    )
    numbers = {row: wanted[kind, value] for row, kind, value in rows}
    links: list[Any] = dialect.select_rows(
        view.connection,
        schema.identifier_of,
        ("identifier",),
        ("identifier", "unit"),
        [(row,) for row in sorted(numbers)],
    )
    for identifier, unit in sorted(links, key=lambda one: -one[1]):  # the newest SIM first
        yield numbers[identifier], unit
