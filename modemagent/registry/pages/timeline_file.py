"""The timeline of a modem or SIM as a file: all entries of a choice, masked as on the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from modemagent.registry.pages.csv_files import csv_lines
from modemagent.registry.pages.frame import Answer, Ask, Download
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.timeline import (
    MOST_FINDINGS,
    Entry,
    chosen_kind,
    every_entry,
    with_notes,
)
from modemagent.registry.store.database.refs import parse_ref
from modemagent.registry.store.findings import triage
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind

_COLUMNS = (
    "time", "known", "late", "kind", "what", "before", "after", "where", "who", "note", "report",
    "finding",
)  # fmt: skip


def modem(ask: Ask) -> Answer:
    """Return the timeline of a modem."""
    return _file(ask, UnitKind.MODEM, "modem", reader.modem_timeline)


def sim(ask: Ask) -> Answer:
    """Return the timeline of a SIM."""
    return _file(ask, UnitKind.SIM, "SIM", reader.sim_timeline)


def _file(
    ask: Ask, kind: UnitKind, what: str, read: Callable[..., dict[str, Any] | None]
) -> Answer:
    name = ask.path["name"]
    chosen = chosen_kind(ask)
    with ask.reading() as connection:
        history = read(connection, name) if parse_ref(name) else None
        if history is None:
            raise not_found(what)
        history = with_notes(connection, history, f"{what.lower()}:{name}")
        unit = find_unit(View(connection), kind, name)
        findings = triage.about(connection, unit=unit, limit=MOST_FINDINGS)
        links = Links(connection, ask.who)
        found = every_entry(
            connection, links, ask.now, history=history, findings=findings, chosen=chosen
        )
    rows = [_row(one) for one in found]
    if ask.query("form") == "json":
        content = json.dumps({"schema": 1, "entries": rows}, indent=2, ensure_ascii=False)
        return Download(f"timeline-{name}.json", [content], "application/json")
    cells = ([one[column] or "" for column in _COLUMNS] for one in rows)
    lines = csv_lines(_COLUMNS, cells, as_text=ask.query("numbers") == "text")
    return Download(f"timeline-{name}.csv", lines)


def _row(one: Entry) -> dict[str, str | None]:
    kind = next(name for name in ("person", "change", "finding") if name in one.kinds)
    return {
        "time": one.time.iso,
        "known": one.known.iso if one.known else None,
        "late": "late" if one.is_late else None,
        "kind": kind,
        "what": one.title,
        "before": one.before.text if one.before else None,
        "after": one.after.text if one.after else None,
        "where": one.where or None,
        "who": one.actor or None,
        "note": one.note or None,
        "report": one.evidence.text if one.evidence else None,
        "finding": one.url.rpartition("/")[2] or None,
    }
