"""The page of a SIM: in which modem it is and was, since when, and on which evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.pages import lanes, timeline
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.finding_rows import FindingRow, waiting_rows
from modemagent.registry.pages.frame import Ask
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.past import PastAnswer, past_answer
from modemagent.registry.pages.registers import Registers, registers_about
from modemagent.registry.pages.unit_page import UnitPage
from modemagent.registry.pages.viewer import Number
from modemagent.registry.pages.words import LINK_STATES, Word
from modemagent.registry.store.findings import triage
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SimPage:
    """A SIM with its history.

    :param individuals: how many SIMs report the number
    """

    url: str
    number: Number
    is_present: bool
    modem: Link | None
    slot: int | None
    gateway: Link | None
    port: str
    seen: ShownTime | None
    link_state: Word
    individuals: int
    imsi: Number | None
    eid: Number | None
    findings: list[FindingRow]
    lanes: lanes.Lanes
    timeline: timeline.TimelinePart
    evidence: Link | None
    past: PastAnswer | None
    may_operate: bool
    registers: Registers


def _model(connection: Connection, ask: Ask, found: dict[str, Any]) -> SimPage:
    viewer, now = ask.who, ask.now
    before = timeline.Cursor.of(ask.query("before"))
    wanted = {} if found["past"] else timeline.wanted_events(before)
    history = reader.sim_timeline(connection, found["ref"], **wanted)
    history = timeline.with_notes(connection, history, f"sim:{found['ref']}")
    links = Links(connection, viewer, [found, history])
    about = triage.about(connection, unit=find_unit(View(connection), UnitKind.SIM, found["ref"]))
    part = timeline.entries(
        connection,
        links,
        now,
        history=history,
        findings=about,
        chosen=timeline.chosen_kind(ask),
        before=before,
    )
    spans = lanes.spans_of(
        history.get("pairings", ()),
        lambda one: "modem" if found["individuals"] == 1 else f"SIM {one['individual'] + 1}",
        lambda one: links.modem(one["imei"]) or Link("-"),
        links,
    )
    imsi, eid = found["imsi"], found["eid"]
    return SimPage(
        url=f"/sims/{found['ref']}",
        number=viewer.number(found["iccid"], "ICCID"),
        is_present=found["present"],
        modem=links.modem(found["imei"]),
        slot=found["slot"],
        gateway=links.gateway(found["gateway_id"]),
        port=links.text(found["port"] or ""),
        seen=moment(found["last_seen"], now),
        link_state=LINK_STATES[found["link_state"]],
        individuals=found["individuals"],
        imsi=viewer.number(imsi, "IMSI") if imsi else None,
        eid=viewer.number(eid, "EID") if eid else None,
        findings=waiting_rows(about, links, now),
        lanes=lanes.draw(spans, now, earlier=history.get("earlier", 0)),
        timeline=part,
        evidence=links.report(found["last_report"]),
        may_operate=viewer.may_operate,
        past=past_answer(found["past"], history.get("events", ()), links, now),
        registers=registers_about(
            connection, UnitKind.SIM, found["iccid"], found["ref"], viewer, None
        ),
    )


show = UnitPage(UnitKind.SIM, "SIM", "sims", "sim.html", reader.sim, _model)
