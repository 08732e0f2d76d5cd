"""Lookup of what people type: numbers, serial numbers, gateway ids, places, references."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, Table

from modemagent.registry.assets.asset_fields import shown_imei
from modemagent.registry.history.readings import Seen
from modemagent.registry.store.assets.assets import AssetRow, assets_of, read_assets
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read
from modemagent.registry.store.database.refs import parse_ref
from modemagent.registry.store.fleet import documents
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.fleet import gateway_documents
from modemagent.registry.store.fleet.kept_readings import sims_at
from modemagent.registry.store.fleet.modems import FACTS, current_facts
from modemagent.registry.store.fleet.sims import sim_documents
from modemagent.registry.store.fleet.stays import (
    StayRow,
    latest,
    read_stays,
    stays_of,
    with_newest_readings,
)
from modemagent.registry.store.fleet.unit_numbers import (
    digits_of,
    read_units,
    unit_keys,
    units_among,
    units_with,
)
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import IdentifierKind, UnitKind
from modemagent.registry.store.intake.places import load_places
from modemagent.registry.store.tables import schema

_IMEI_DIGITS = 14
_UNITS_WITH = (
    "SELECT o.identifier, u.id, u.kind FROM identifier_of AS o JOIN unit AS u ON u.id = o.unit"
    " WHERE o.identifier IN {keys}"
)


class ManyMatches(Exception):
    """More modems and SIMs have a number than the caller wants."""


def lookup(connection: Connection, wanted: str, most: int = sys.maxsize) -> Document:
    """Return all matches of an identifier, serial number, gateway id, place or reference.

    :raises ManyMatches: more than ``most`` modems and SIMs have it
    """
    view = View(connection)
    typed, digits = wanted.strip(), digits_of(wanted)
    ref = parse_ref(typed)
    parts = _parts(typed)
    values = sorted({typed, digits, digits[-14:] if len(digits) == 16 else digits})
    imeis = [digits[:_IMEI_DIGITS]] if digits.isdecimal() and len(digits) in (14, 15, 16) else []
    units, with_ref, identifiers, gateways, assets = view.load(
        read_units(view, [key for kind in UnitKind for key in unit_keys(kind, digits)]),
        _read(view, schema.unit, "ref", ("id", "kind"), [] if ref is None else [ref]),
        dialect.rows_of(
            connection, schema.identifier, ("kind", "value"), ("id", "kind"),
            [(int(kind), value) for kind in IdentifierKind for value in values],
        ),
        _read(
            view, schema.gateway, "gateway_id", ("gateway_id", "id"), {typed, *dict(parts)}
        ),
        read_assets(connection, typed, imeis),
    )  # fmt: skip
    modems: dict[int, str] = {}
    sims: dict[int, str] = {}
    for unit in units_among(units, UnitKind.MODEM, digits):
        modems[unit] = "imeisv" if len(digits) == 16 else "imei"
    for unit in units_among(units, UnitKind.SIM, digits):
        sims[unit] = "iccid"
    for unit, kind in with_ref:
        (modems if kind == UnitKind.MODEM else sims)[unit] = "ref"
    for unit, kind, by in _identified(view, dict(identifiers)):
        (modems if kind == UnitKind.MODEM else sims).setdefault(unit, by)
    if len(modems) + len(sims) > most:
        raise ManyMatches
    matches = _modem_matches(view, modems) + _sim_matches(view, sims)
    rows: dict[str, int] = dict(gateways)
    matches += _gateway_matches(view, [rows[typed]] if typed in rows else [])
    matches += _place_matches(view, parts, rows)
    named = assets_of(assets)
    return {"matches": _with_assets(matches, named) + _asset_matches(view, typed, named, modems)}


def _read(
    view: View, table: Table, column: str, names: Sequence[str], keys: Iterable[object]
) -> Read | None:
    return dialect.rows_of(view.connection, table, (column,), names, [(key,) for key in keys])


def _identified(view: View, kinds: dict[int, int]) -> Iterable[tuple[int, int, str]]:
    """Yield unit, kind of unit and kind of number for the units that have identifiers.

    :param kinds: of the identifiers, by row
    """
    for identifier, unit, kind in sorted(dialect.query_keys(view.connection, _UNITS_WITH, kinds)):
        yield unit, kind, IdentifierKind(kinds[identifier]).name.lower()


def _modem_matches(view: View, modems: dict[int, str]) -> list[Document]:
    if not modems:
        return []
    own, held = view.load(read_stays(view, "unit", modems), read_stays(view, "holder", modems))
    holding = [one for one in stays_of(held) if one.is_open]
    stays = stays_of(own)
    stays = with_newest_readings(
        view, stays,
        places=[one.place for one in stays],
        streams=[one.last_stream for one in stays],
        units=[*modems, *(one.unit for one in holding)],
        links=modems,
    )  # fmt: skip
    of_unit, of_holder = _by(stays, "unit"), _by(holding, "holder")
    latest_of = {unit: now for unit in modems if (now := latest(of_unit.get(unit, ()))) is not None}
    told = [unit for unit in latest_of if modems[unit] in FACTS]
    facts = current_facts(view, told) if told else {}
    found = []
    for unit, now in latest_of.items():
        name, by = view.units([unit])[unit], modems[unit]
        place = view.places([now.place])[now.place] if now.is_open else None
        sim = _first_sim(of_holder.get(unit, ()), now)
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
    """Return the SIM in the first slot that has one, of the individual that was seen last.

    :param held: SIMs that are in the modem now
    """
    slots = {
        one.slot: one.unit
        for one in held
        if one.holder_individual == now.individual and one.slot is not None
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
        units = units_with(view, UnitKind.MODEM, row["imei"]) if row["imei"] else []
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


def _gateway_matches(view: View, gateways: Sequence[int]) -> list[Document]:
    found = []
    for one in gateway_documents(view, gateways) if gateways else ():
        name, seen = one["gateway_id"], one["last_seen"]
        more = {"ref": one["ref"], "last_report": one["last_report"]}
        found.append(documents.match("gateway", name, None, None, name, seen, **more))
    return found


def _parts(typed: str) -> list[tuple[str, str]]:
    """Return the gateways and device ids that ``GATEWAY/DEVICE_ID`` may stand for.

    Both may contain a slash.
    """
    splits = [(typed[:at], typed[at + 1 :]) for at, sign in enumerate(typed) if sign == "/"]
    return splits + [(gateway_id, f"/{device_id}") for gateway_id, device_id in splits]


def _place_matches(
    view: View, parts: Iterable[tuple[str, str]], gateways: Mapping[str, int]
) -> list[Document]:
    keys = {(gateways[one], device_id) for one, device_id in parts if one in gateways}
    found = []
    places = load_places(view.connection, ("gateway", "device_id"), sorted(keys))
    sims_of = sims_at(view.connection, [place.id for place in places])
    for place in places:
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
        sims = sims_of.get(place.id)
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
