"""The page of a modem: where it is, with which SIM, since when, and on which evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.pages import lanes, timeline
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.finding_rows import FindingRow, waiting_rows
from modemagent.registry.pages.frame import Ask
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.past import PastAnswer, past_answer
from modemagent.registry.pages.presence_strip import strip_of
from modemagent.registry.pages.registers import Registers, registers_about
from modemagent.registry.pages.unit_page import UnitPage
from modemagent.registry.pages.viewer import Number, Viewer
from modemagent.registry.pages.words import LINK_STATES, Word, sim_state
from modemagent.registry.store.findings import triage
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.fleet import gateway_row
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.presence import days_heard


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRow:
    """A SIM slot of the modem."""

    slot: int
    state: Word
    link: Link | None
    number: Number | None
    imsi: str
    eid: str
    since: ShownTime | None
    link_state: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemPage:
    """A modem with its history.

    :param findings: those that wait for a decision
    :param individuals: how many machines report the number
    :param facts: what it says about itself
    """

    url: str
    title: str
    number: Number
    is_present: bool
    gateway: Link | None
    port: str
    seen: ShownTime | None
    link_state: Word
    individuals: int
    findings: list[FindingRow]
    slots: list[SlotRow]
    lanes: lanes.Lanes
    timeline: timeline.TimelinePart
    facts: list[tuple[str, str]]
    evidence: Link | None
    past: PastAnswer | None
    may_operate: bool
    registers: Registers
    presence: str


def _model(connection: Connection, ask: Ask, found: dict[str, Any]) -> ModemPage:
    viewer, now = ask.who, ask.now
    before = timeline.Cursor.of(ask.query("before"))
    wanted = {} if found["past"] else timeline.wanted_events(before)
    history = reader.modem_timeline(connection, found["ref"], **wanted)
    history = timeline.with_notes(connection, history, f"modem:{found['ref']}")
    links = Links(connection, viewer, [found, history])
    unit = find_unit(View(connection), UnitKind.MODEM, found["ref"])
    about = triage.about(connection, unit=unit)
    part = timeline.entries(
        connection,
        links,
        now,
        history=history,
        findings=about,
        chosen=timeline.chosen_kind(ask),
        before=before,
    )
    days = _days(connection, unit, history)
    names = [links.text(found[name]) for name in ("manufacturer", "model") if found[name]]
    return ModemPage(
        url=f"/modems/{found['ref']}",
        title=" ".join(names) or "Modem",
        number=viewer.number(found["imei"], "IMEI"),
        is_present=found["present"],
        gateway=links.gateway(found["gateway_id"]),
        port=links.text(found["port"] or ""),
        seen=moment(found["last_seen"], now),
        link_state=LINK_STATES[found["link_state"]],
        individuals=found["individuals"],
        findings=waiting_rows(about, links, now),
        slots=[_slot(one, viewer, links, now) for one in found["sims"]],
        lanes=_lanes(history, links, now, days),
        timeline=part,
        facts=_facts(found, viewer),
        evidence=links.report(found["last_report"]),
        may_operate=viewer.may_operate,
        past=past_answer(found["past"], history.get("events", ()), links, now),
        presence=strip_of(days, now).text,
        registers=registers_about(
            connection, UnitKind.MODEM, found["imei"], found["ref"], viewer, unit
        ),
    )


def _days(connection: Connection, unit: int | None, history: dict[str, Any]) -> set[int]:
    """Return the days on which the modem was read in the gateways of its history."""
    if unit is None:
        return set()
    names = {one["gateway_id"] for one in history.get("places", ())}
    gateways = [gateway_row(connection, name) for name in sorted(filter(None, names))]
    return days_heard(connection, [unit], gateways)


def _slot(one: dict[str, Any], viewer: Viewer, links: Links, now: datetime) -> SlotRow:
    iccid = one["iccid"]
    return SlotRow(
        slot=one["slot"],
        state=sim_state(one["state"]),
        link=links.sim(iccid),
        number=viewer.number(iccid, "ICCID") if iccid else None,
        imsi=viewer.digits(one["imsi"]) if one["imsi"] else "",
        eid=viewer.digits(one["eid"]) if one["eid"] else "",
        since=moment(one["since"], now),
        link_state=LINK_STATES[one["link_state"]],
    )


def _lanes(history: dict[str, Any], links: Links, now: datetime, days: set[int]) -> lanes.Lanes:
    places, pairings = history.get("places", ()), history.get("pairings", ())
    several = len({one["individual"] for one in places}) > 1

    def place(one: dict[str, Any]) -> Link:
        found = links.gateway(one["gateway_id"]) or Link("-")
        return found._replace(text=f"{found.text} {links.text(one['port'] or '')}")

    def name(one: dict[str, Any]) -> str:
        return f"machine {one['individual'] + 1}" if several else "gateway"

    spans = lanes.spans_of(places, name, place, links)

    def slot(one: dict[str, Any]) -> str:
        begun = f" from {links.text(one['gateway_id'] or '')}" if several else ""
        return f"slot {one['slot']}{begun}"

    spans += lanes.spans_of(
        sorted(pairings, key=lambda one: one["slot"] or 0),
        slot,
        lambda one: links.sim(one["iccid"]) or Link("-"),
        links,
    )
    return lanes.draw(spans, now, days, history.get("earlier", 0))


def _facts(found: dict[str, Any], viewer: Viewer) -> list[tuple[str, str]]:
    rows = [
        ("maker", found["manufacturer"] and viewer.text(found["manufacturer"])),
        ("model", found["model"] and viewer.text(found["model"])),
        ("firmware", found["firmware"] and viewer.text(found["firmware"])),
        ("TAC", found["tac"]),
        ("IMEISV", found["imeisv"] and viewer.digits(found["imeisv"])),
        ("MEID", found["meid"] and viewer.digits(found["meid"])),
        ("serial number", found["serial_number"] and viewer.digits(found["serial_number"])),
    ]
    return [(name, value or "not read, or not offered by the modem") for name, value in rows]


show = UnitPage(UnitKind.MODEM, "modem", "modems", "modem.html", reader.modem, _model)
