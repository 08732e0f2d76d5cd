"""The evidence sheet of a modem or SIM: all that is known, and on which reports it rests.

One document in two forms: a page for paper, and JSON. The page states the digest of the JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection

from modemagent.privacy.masking import mask_text
from modemagent.registry.pages.event_rows import EventRow, event_row
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Download, Page
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.page_errors import not_found
from modemagent.registry.pages.past import TIMES, PastAnswer, past_answer, past_documents
from modemagent.registry.pages.viewer import Number
from modemagent.registry.pages.words import finding_word
from modemagent.registry.store.database.refs import parse_ref
from modemagent.registry.store.findings import finding_reader, triage
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.unit_numbers import find_unit
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.privacy import acts, audit
from modemagent.report.message import canonical_body

_MOST_REPORTS = 60
_REPORT_KEYS = ("opened_by", "closed_by", "last_report", "first_report", "report")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetReport:
    """A report that something rests on, with the digest of its body."""

    key: str
    received: ShownTime | None
    digest: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPage:
    """An evidence sheet.

    :param digest: SHA-256 of the JSON
    :param lines: what happened: time, when it was recorded, what, the report
    :param head: of the audit, when the sheet was made
    :param json: address of the JSON
    :param past: where it was at the times of the address
    """

    title: str
    url: str
    number: Number
    made: ShownTime | None
    actor: str
    places: list[tuple[ShownTime | None, ShownTime | None, str, str]]
    lines: list[tuple[ShownTime | None, ShownTime | None, str, str]]
    decisions: list[tuple[ShownTime | None, str, str, str]]
    reports: list[SheetReport]
    more: int
    digest: str
    head: str
    json: str
    past: PastAnswer | None


def modem(ask: Ask) -> Answer:
    """Return the sheet of a modem."""
    return _sheet(ask, UnitKind.MODEM)


def sim(ask: Ask) -> Answer:
    """Return the sheet of a SIM."""
    return _sheet(ask, UnitKind.SIM)


def _sheet(ask: Ask, kind: UnitKind) -> Answer:
    is_modem = kind is UnitKind.MODEM
    name = ask.path["name"]
    read: Callable[..., dict[str, Any] | None] = reader.modem if is_modem else reader.sim
    history = reader.modem_timeline if is_modem else reader.sim_timeline
    with ask.reading() as connection:
        found = read(connection, name) if parse_ref(name) else None
        if found is None:
            raise not_found("modem" if is_modem else "SIM")
        document = _document(connection, found, history(connection, name) or {}, kind)
        document["answers"] = past_documents(connection, ask, kind, name)
        head = audit.head_at(connection, ask.number("head")) or audit.head(connection)
        document["audit_head"] = str(head)
        events = document["timeline"].get("events", ())
        links = Links(connection, ask.who)
        past = past_answer(document["answers"], events, links, ask.now)
        links.load(list(events))
    if ask.who.full_ids:
        acts.show_in_full(document)
    content = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
    content = content if ask.who.full_ids else mask_text(content)
    if ask.query("form") == "json":
        return Download(f"evidence-{name}.json", [content], "application/json")
    given = {one: ask.query(one) for one in TIMES if ask.query(one)}
    query = urlencode({"form": "json", "head": head.position, **given})
    model = _page(document, found, content, links, ask, is_modem=is_modem)
    model = replace(model, past=past, json=f"{model.url}/sheet?{query}", head=str(head))
    return Page("sheet.html", model)


def _document(
    connection: Connection, found: dict[str, Any], history: dict[str, Any], kind: UnitKind
) -> dict[str, Any]:
    unit = find_unit(View(connection), kind, found["ref"])
    about = triage.about(connection, unit=unit)
    for one in about:
        row = finding_reader.finding_row(connection, one["id"])
        one["history"] = finding_reader.history(connection, row.id) if row else []
    keys = list(dict.fromkeys(_keys([found, history, about])))
    reports = [_report(connection, key) for key in keys[:_MOST_REPORTS]]
    return {
        "schema": 1,
        "state": found,
        "timeline": history,
        "findings": about,
        "reports": [one for one in reports if one],
        "reports_left_out": max(len(keys) - _MOST_REPORTS, 0),
    }


def _keys(value: object) -> Iterator[str]:
    """Yield the keys of the reports that a document names."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name in _REPORT_KEYS and isinstance(member, str):
                yield member
            else:
                yield from _keys(member)
    elif isinstance(value, list):
        for one in value:
            yield from _keys(one)


def _report(connection: Connection, key: str) -> dict[str, Any] | None:
    gateway, stream, sequence = key.rsplit("/", 2)
    found = reader.stored_report(connection, gateway, stream, int(sequence))
    if found is None:
        return None
    if isinstance(found, reader.Gone):
        return {"key": key, "kept": False, **found.dates}
    if not found["kept"]:
        return found
    digest = hashlib.sha256(canonical_body(found["report"])).hexdigest()
    return {**found, "sha256": digest}


def _what(row: EventRow) -> str:
    """Return what happened, with the values before and after it."""
    values = [one.text for one in (row.before, row.after) if one is not None]
    slot = [] if row.slot is None else [f"in slot {row.slot}"]
    return " ".join([row.word.short, " to ".join(values), *slot]).replace("  ", " ")


def _page(
    document: dict[str, Any],
    found: dict[str, Any],
    content: str,
    links: Links,
    ask: Ask,
    *,
    is_modem: bool,
) -> SheetPage:
    show, now = ask.who.text, ask.now
    number = ask.who.number(
        found["imei"] if is_modem else found["iccid"], "IMEI" if is_modem else "ICCID"
    )
    timeline = document["timeline"]
    stays: Iterable[dict[str, Any]] = timeline.get("places") or timeline.get("pairings") or ()
    return SheetPage(
        title="modem" if is_modem else "SIM",
        url=f"/{'modems' if is_modem else 'sims'}/{found['ref']}",
        number=number,
        made=moment(now.isoformat(timespec="milliseconds"), now),
        actor=ask.who.person.name,
        places=[
            (
                moment(one["first_seen"], now),
                moment(one["closed_at"], now),
                show(f"{one['gateway_id']} {one['port'] or ''}".strip()),
                show(one["opened_by"] or ""),
            )
            for one in stays
        ],
        lines=[
            (row.time, row.known, _what(row), show(one["data"]["report"] or ""))
            for one in timeline.get("events", ())
            for row in [event_row(one, links, now)]
        ],
        decisions=[
            (
                moment(each["time"], now),
                each["actor"].partition(":")[2] or each["actor"],
                f"{finding_word(one['type'], one['severity']).short}: {each['action']}",
                show(each["reason"] or ""),
            )
            for one in document["findings"]
            for each in one["history"]
        ],
        reports=[
            SheetReport(
                key=show(one["key"]),
                received=moment(one.get("received"), now),
                digest=one.get("sha256", ""),
                note="" if one.get("sha256") else "body not kept: it stated the same as before",
            )
            for one in document["reports"]
        ],
        more=document["reports_left_out"],
        digest=hashlib.sha256(content.encode()).hexdigest(),
        head="",
        json="",
        past=None,
    )
