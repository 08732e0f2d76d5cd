"""What stands beside a finding: its case, what its report changed, what happened since."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from modemagent.registry.pages.finding_rows import is_waiting
from modemagent.registry.pages.links import Link
from modemagent.registry.pages.registers import open_case
from modemagent.registry.store.findings import triage
from modemagent.registry.store.fleet.event_reader import events_about
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind

_MOST_NEWER = 5


def case_of(connection: Connection, found: dict[str, Any]) -> Link | None:
    """Return the case that the finding is about, or an open one about its modem or SIM."""
    part = found["part"] or ""
    if part.startswith("case:"):
        name = part.replace("case:", "K")
        return Link(name, f"/cases/{name}")
    number = found["imei"] or found["iccid"]
    return open_case(connection, _kind(found), number) if number else None


def unit_of(connection: Connection, found: dict[str, Any]) -> int | None:
    """Return the modem or SIM that a finding is about; None: it is about neither."""
    if found["ref"] is None:
        return None
    return find_unit(View(connection), _kind(found), found["ref"])


def _kind(found: dict[str, Any]) -> UnitKind:
    return UnitKind.MODEM if found["imei"] else UnitKind.SIM


def later(connection: Connection, unit: int | None, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the newest events about the modem or SIM after the finding."""
    first = found["first_seen"]
    if unit is None or not first:
        return []
    newest = events_about(View(connection), [unit], newest=_MOST_NEWER)
    return [one for one in newest if one["time"] > first][::-1]


def same_report(
    connection: Connection, unit: int | None, found: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what the report of a finding about a slot has changed in this slot."""
    report = found["first_report"]
    if unit is None or not report or not (found["part"] or "").isdecimal():
        return None
    sequence = int(report.rpartition("/")[2])
    candidates = [
        one
        for one in events_about(View(connection), [unit], sequence=sequence)
        if one["type"].startswith("sim.")
        and one["data"]["report"] == report
        and str((one["data"]["new"] or one["data"]["previous"] or {}).get("slot")) == found["part"]
    ]
    return min(candidates, key=lambda one: one["data"]["previous"] is None, default=None)


def others(connection: Connection, unit: int | None, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the other findings about the same modem or SIM that wait for a decision."""
    every = [] if unit is None else triage.about(connection, unit=unit)
    return [one for one in every if is_waiting(one) and one["id"] != found["id"]][:_MOST_NEWER]
