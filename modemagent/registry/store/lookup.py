"""Lookup of what people type: numbers, serial numbers, gateway ids, places, references."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from modemagent.identity.cleaning import without_separators
from modemagent.identity.iccid import Iccid
from modemagent.registry.assets.asset_fields import shown_imei
from modemagent.registry.history.readings import Seen
from modemagent.registry.store import dialect, documents, schema
from modemagent.registry.store.assets import AssetRow, assets_named
from modemagent.registry.store.documents import Document
from modemagent.registry.store.fleet import gateway_documents
from modemagent.registry.store.modems import FACTS, current_facts
from modemagent.registry.store.places import load_places
from modemagent.registry.store.refs import parse_ref
from modemagent.registry.store.sims import sim_documents
from modemagent.registry.store.stays import StayRow, latest, load_stays
from modemagent.registry.store.units import IdentifierKind, UnitKind
from modemagent.registry.store.view import View

_IMEI_DIGITS = 14


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
    return next(iter(_units_with(view, kind, digits_of(wanted))), None)


def _units_with(view: View, kind: UnitKind, digits: str) -> list[int]:
    if kind == UnitKind.MODEM:
        keys = [digits[:_IMEI_DIGITS]] if len(digits) in (14, 15, 16) else []
    else:
        keys = [digits, digits[:19]] if 18 <= len(digits) <= 20 else []
        if len(digits) == 19:  # the 20th digit is in the key if 19 have no check digit
            keys += [f"{digits}{last:X}" for last in range(16)]
    rows = dialect.select_rows(
        view.connection,
        schema.unit,
        ("kind", "key"),
        ("id", "key", "number"),
        [(int(kind), key) for key in dict.fromkeys(keys)],
    )
    return [
        row
        for row, key, number in sorted(rows)
        if kind == UnitKind.MODEM or Iccid(number).same_sim(digits) or Iccid(key).same_sim(digits)
    ]


class ManyMatches(Exception):
    """More modems and SIMs have a number than the caller wants."""


def lookup(connection: Connection, wanted: str, most: int = sys.maxsize) -> Document:
    """Return all matches of an identifier, serial number, gateway id, place or reference.

    :raises ManyMatches: more than ``most`` modems and SIMs have it
    """
    view = View(connection)
    typed, digits = wanted.strip(), digits_of(wanted)
    modems: dict[int, str] = {}
    sims: dict[int, str] = {}
    for unit in _units_with(view, UnitKind.MODEM, digits):
        modems[unit] = "imeisv" if len(digits) == 16 else "imei"
    for unit in _units_with(view, UnitKind.SIM, digits):
        sims[unit] = "iccid"
    ref = parse_ref(typed)
    if ref is not None:
        c = schema.unit.c
        for row in connection.execute(select(c.id, c.kind).where(c.ref == ref)):
            (modems if row.kind == UnitKind.MODEM else sims)[row.id] = "ref"
    values = {typed, digits, digits[-14:] if len(digits) == 16 else digits}
    for unit, kind, by in _identified(view, values):
        (modems if kind == UnitKind.MODEM else sims).setdefault(unit, by)
    if len(modems) + len(sims) > most:
        raise ManyMatches
    matches = _modem_matches(view, modems) + _sim_matches(view, sims)
    matches += _gateway_matches(view, typed) + _place_matches(view, typed)
    imeis = [digits[:_IMEI_DIGITS]] if digits.isdecimal() and len(digits) in (14, 15, 16) else []
    rows = assets_named(connection, typed, imeis)
    return {"matches": _with_assets(matches, rows) + _asset_matches(view, typed, rows, modems)}


def _identified(view: View, values: set[str]) -> Iterable[tuple[int, int, str]]:
    """Yield unit, kind of unit and kind of number for identifiers with these values."""
    keys = [(int(kind), value) for kind in IdentifierKind for value in sorted(values)]
    found: list[Any] = dialect.select_rows(
        view.connection, schema.identifier, ("kind", "value"), ("id", "kind"), keys
    )
    kinds: dict[int, int] = dict(found)
    links: list[Any] = dialect.select_rows(
        view.connection,
        schema.identifier_of,
        ("identifier",),
        ("identifier", "unit"),
        [(row,) for row in kinds],
    )
    units = view.units(unit for _, unit in links)
    for identifier, unit in sorted(links):
        kind = IdentifierKind(kinds[identifier])
        yield unit, units[unit].kind, kind.name.lower()


def _modem_matches(view: View, modems: dict[int, str]) -> list[Document]:
    stays = _by(load_stays(view, "unit", modems), "unit")
    held = _by(load_stays(view, "holder", modems), "holder")
    latest_of = {unit: now for unit in modems if (now := latest(stays.get(unit, ()))) is not None}
    first_sims = {unit: _first_sim(held.get(unit, ()), now) for unit, now in latest_of.items()}
    view.units([*latest_of, *first_sims.values()])
    view.places(now.place for now in latest_of.values())
    view.links(latest_of)
    view.streams(now.last_stream for now in latest_of.values())
    told = [unit for unit in latest_of if modems[unit] in FACTS]
    facts = current_facts(view, told) if told else {}
    found = []
    for unit, now in latest_of.items():
        name, by = view.units([unit])[unit], modems[unit]
        place = view.places([now.place])[now.place] if now.is_open else None
        sim = first_sims[unit]
        found.append(
            documents.match(
                by,
                facts.get(unit, {}).get(by) or name.number,
                name.number,
                view.units([sim])[sim].number if sim else None,
                place.gateway_id if place else None,
                documents.to_rfc3339(now.last_hi),
                port=place.device_id if place else None,
                ref=name.ref,
                last_report=view.report(now.last_stream, now.last_sequence),
                link_state=view.link_state(unit),
            )
        )
    return found


def _by(stays: Iterable[StayRow], column: str) -> dict[int, list[StayRow]]:
    found: dict[int, list[StayRow]] = {}
    for one in stays:
        found.setdefault(getattr(one, column), []).append(one)
    return found


def _first_sim(held: Iterable[StayRow], now: StayRow) -> int | None:
    """Return the SIM in the first slot that has one, of the individual that was seen last."""
    slots = {
        one.slot: one.unit
        for one in held
        if one.is_open and one.holder_individual == now.individual and one.slot is not None
    }
    return slots[min(slots)] if slots else None


def _sim_matches(view: View, sims: dict[int, str]) -> list[Document]:
    found = []
    for unit, by in sims.items():
        for one in sim_documents(view, [unit]):
            at = one["present"]
            found.append(
                documents.match(
                    by,
                    one.get(by) or one["iccid"],
                    one["imei"] if at else None,
                    one["iccid"],
                    one["gateway_id"] if at else None,
                    one["last_seen"],
                    port=one["port"] if at else None,
                    ref=one["ref"],
                    last_report=one["last_report"],
                    link_state=one["link_state"],
                )
            )
    return found


def _asset_matches(
    view: View, typed: str, rows: Iterable[AssetRow], modems: dict[int, str]
) -> list[Document]:
    """Return the assets whose modems are not matches themselves: most have no modem, or a new one.

    :param modems: the modems that match
    """
    found = []
    for row in rows:
        units = _units_with(view, UnitKind.MODEM, row["imei"]) if row["imei"] else []
        if row["imei"] and any(unit in modems for unit in units):
            continue
        by, name = _name_of(row, typed)
        known = _modem_matches(view, dict.fromkeys(units[:1], by))
        match = known[0] if known else documents.match(by, name, None, None, None, None)
        modem = match["modem"] or shown_imei(row["imei"])
        found.append({**match, "id": name, "modem": modem, "asset": str(row["id"])})
    return found


def _name_of(row: AssetRow, typed: str) -> tuple[str, str]:
    """Return by what an asset was found, and its value."""
    if row["tag"] == typed:
        return "asset_tag", typed
    if row["serial_number"] == typed:
        return "serial_number", typed
    is_label = digits_of(typed)[:_IMEI_DIGITS] == row["label_imei"] != row["imei"]
    return ("label_imei" if is_label else "imei"), digits_of(typed)


def _with_assets(matches: list[Document], rows: Iterable[AssetRow]) -> list[Document]:
    """Return matches with the assets that have their modems."""
    assets = {row["imei"]: str(row["id"]) for row in rows if row["imei"]}
    return [
        {**one, "asset": assets.get((one["modem"] or "")[:_IMEI_DIGITS], one["asset"])}
        for one in matches
    ]


def _gateway_matches(view: View, typed: str) -> list[Document]:
    rows: list[Any] = dialect.select_rows(
        view.connection, schema.gateway, ("gateway_id",), ("id",), [(typed,)]
    )
    return [
        documents.match(
            "gateway",
            one["gateway_id"],
            None,
            None,
            one["gateway_id"],
            one["last_seen"],
            ref=one["ref"],
            last_report=one["last_report"],
        )
        for one in gateway_documents(view, [row for (row,) in rows])
    ]


def _place_matches(view: View, typed: str) -> list[Document]:
    """Return the place ``GATEWAY/DEVICE_ID``; both parts may contain a slash."""
    splits = [(typed[:at], typed[at + 1 :]) for at, sign in enumerate(typed) if sign == "/"]
    splits += [(gateway_id, f"/{device_id}") for gateway_id, device_id in splits]
    ids: list[Any] = dialect.select_rows(
        view.connection,
        schema.gateway,
        ("gateway_id",),
        ("gateway_id", "id"),
        [(one,) for one, _ in splits],
    )
    gateways: dict[str, int] = dict(ids)
    keys = {(gateways[one], device_id) for one, device_id in splits if one in gateways}
    found = []
    for place in load_places(view.connection, ("gateway", "device_id"), sorted(keys)):
        name = view.places([place.id])[place.id]
        last = place.last
        modem = sim = seen = None
        if place.sighting:
            _, hi = view.boots([last.boot])[last.boot].date(
                last.uptime_ms, last.wall_ms, last.synchronized
            )
            seen = documents.to_rfc3339(hi)
        if place.unit is not None and place.seen == Seen.HERE:
            modem = view.units([place.unit])[place.unit].number
        sims = _sims_at(view, place.id)
        if sims:
            sim = view.units(sims)[sims[0]].number
        found.append(
            documents.match(
                "place",
                f"{name.gateway_id}/{name.device_id}",
                modem,
                sim,
                name.gateway_id,
                seen,
                port=name.device_id,
                last_report=view.report(last.stream or None, last.sequence),
            )
        )
    return found


def _sims_at(view: View, place: int) -> list[int]:
    c = schema.place_sim.c
    query = select(c.sim).where(c.place == place).order_by(c.slot)
    return list(view.connection.execute(query).scalars())
