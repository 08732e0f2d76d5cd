"""The timeline of a modem or SIM: events, facts, findings and decisions, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection

from modemagent.registry.pages.act_words import ACTIONS
from modemagent.registry.pages.event_rows import event_row
from modemagent.registry.pages.evidence import AtAnswer, ReportAnswers
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.finding_rows import part_text
from modemagent.registry.pages.frame import Ask
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.words import Word, finding_word, word
from modemagent.registry.store.findings import finding_reader
from modemagent.registry.store.people import notes

MOST = 100
KINDS = ("change", "finding", "person")
MOST_FINDINGS = 1000
MOST_NOTES = 1000
_WITH_EVIDENCE = 12  # newest entries whose answers of the modem are shown at once
_FACTS = {
    "firmware": "firmware", "model": "model", "manufacturer": "maker", "imeisv": "IMEISV",
    "serial_number": "serial number", "meid": "MEID",
}  # fmt: skip
_NUMBERS = ("imeisv", "serial_number", "meid")
_CURSOR = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)_(\d{1,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry.

    :param kinds: change, finding, person: under which choices it is shown
    :param title: what happened
    :param before: previous value, if it is about a value
    :param note: what else is known
    :param actor: the person or program that decided
    :param key: of the report that shows it, with its link
    :param answers: what the modem answered in that report
    """

    kinds: frozenset[str]
    word: Word
    title: str
    time: ShownTime
    known: ShownTime | None
    is_late: bool = False
    is_held: bool = False
    before: Link | None = None
    after: Link | None = None
    where: str = ""
    note: str = ""
    actor: str = ""
    url: str = ""
    key: str | None = None
    evidence: Link | None = None
    answers: Sequence[AtAnswer] = ()


class Cursor(NamedTuple):
    """End of a page: the time of its last entry, and how many entries of this time were shown.

    >>> Cursor.of("2026-03-01T12:00:00.000Z_2")
    Cursor(iso='2026-03-01T12:00:00.000Z', shown=2)
    >>> str(Cursor.of("2026-03-01T12:00:00.000Z_2")), Cursor.of("soon")
    ('2026-03-01T12:00:00.000Z_2', None)
    """

    iso: str
    shown: int

    @classmethod
    def of(cls, text: str) -> Cursor | None:
        """Return the cursor of an address; None: it has none."""
        found = _CURSOR.fullmatch(text)
        return cls(found[1], int(found[2])) if found else None

    @property
    def at_ms(self) -> int:
        """Return the time in milliseconds since 1970."""
        return round(datetime.fromisoformat(self.iso).timestamp() * 1000)

    def __str__(self) -> str:
        return f"{self.iso}_{self.shown}"


class TimelinePart(NamedTuple):
    """A page of the timeline.

    :param chosen: kind of the entries, empty for all
    :param before: the cursor with which it begins; None: with the newest entry
    :param older: the cursor of the next page; None: there is none
    """

    entries: list[Entry]
    chosen: str
    before: Cursor | None
    older: Cursor | None


def chosen_kind(ask: Ask) -> str:
    """Return the kind of entries that an address names, empty for all."""
    return ask.query("show") if ask.query("show") in KINDS else ""


def with_notes(
    connection: Connection, history: dict[str, Any] | None, about: str
) -> dict[str, Any]:
    """Return a history with the newest notes of people.

    :param about: kind and reference, as notes name it
    """
    if history is None:
        return {}
    found = notes.note_page(connection, limit=MOST_NOTES, about=about)
    return {**history, "notes": found["notes"]}


def wanted_events(before: Cursor | None) -> dict[str, int | None]:
    """Return which events a page of the timeline can show, as arguments of the reader."""
    if before is None:
        return {"newest": MOST + 1, "until_ms": None}
    return {"newest": MOST + 1 + before.shown, "until_ms": before.at_ms}


def entries(
    connection: Connection,
    links: Links,
    now: datetime,
    *,
    history: dict[str, Any],
    findings: Iterable[dict[str, Any]],
    chosen: str = "",
    before: Cursor | None = None,
) -> TimelinePart:
    """Return a page of entries, newest first."""
    found = every_entry(connection, links, now, history=history, findings=findings, chosen=chosen)
    if before is not None:
        same = [one for one in found if one.time.iso == before.iso][before.shown :]
        found = same + [one for one in found if one.time.iso < before.iso]
    shown = found[:MOST]
    older = None
    if len(found) > MOST:
        last = shown[-1].time.iso
        skipped = before.shown if before is not None and before.iso == last else 0
        older = Cursor(last, skipped + sum(one.time.iso == last for one in shown))
    evidence = ReportAnswers(connection, links)
    for number, entry in enumerate(shown[:_WITH_EVIDENCE]):
        if entry.key is not None and "change" in entry.kinds:
            answers = evidence.about(entry.key, entry.title)
            shown[number] = replace(entry, answers=answers)
    return TimelinePart(shown, chosen, before, older)


def every_entry(
    connection: Connection,
    links: Links,
    now: datetime,
    *,
    history: dict[str, Any],
    findings: Iterable[dict[str, Any]],
    chosen: str = "",
) -> list[Entry]:
    """Return all entries of a history, newest first, without answers of the modem."""
    events, facts = history.get("events", ()), history.get("facts", ())
    links.load(list(events), list(facts), list(findings))
    about = {(one["type"], one["first_report"]): one for one in findings}
    found = []
    for event in events:
        entry = _event(event, links, now)
        same = about.pop((event["type"], event["data"]["report"]), None)
        if same is not None:
            entry = _with_finding(entry, same)
            found += _decisions(connection, same, links, now)
        found.append(entry)
    found += _fact_changes(facts, links, now)
    found += [_note(one, links, now) for one in history.get("notes", ())]
    for one in about.values():
        found += _finding(one, links, now)
        found += _decisions(connection, one, links, now)
    found = [one for one in found if not chosen or chosen in one.kinds]
    return sorted(found, key=lambda one: one.time.iso, reverse=True)


def _event(document: dict[str, Any], links: Links, now: datetime) -> Entry:
    row = event_row(document, links, now)
    places = [row.where.text if row.where else "", row.port]
    places.append(f"slot {row.slot}" if row.slot is not None else "")
    return Entry(
        kinds=frozenset({"change"}),
        word=row.word,
        title=row.word.short,
        time=row.time,
        known=row.known,
        is_late=row.is_late,
        is_held=row.is_held,
        before=row.before,
        after=row.after,
        where=" ".join(filter(None, places)),
        key=document["data"]["report"],
        evidence=row.evidence,
    )


def _fact_changes(facts: Sequence[dict[str, Any]], links: Links, now: datetime) -> list[Entry]:
    found = []
    for old, new in pairwise(facts):
        for name, label in _FACTS.items():
            if old[name] == new[name] or old[name] is None or new[name] is None:
                continue
            show = links.plain if name in _NUMBERS else lambda value: Link(links.text(value))
            found.append(
                Entry(
                    kinds=frozenset({"change"}),
                    word=word("modem.firmware_changed"),
                    title=f"{label} changed",
                    time=moment(new["since"], now),  # type: ignore[arg-type]
                    known=None,
                    before=show(old[name]),
                    after=show(new[name]),
                    key=new["first_report"],
                    evidence=links.report(new["first_report"]),
                )
            )
    return found


def _note(document: dict[str, Any], links: Links, now: datetime) -> Entry:
    at = moment(document["made_at"], now)
    assert at is not None  # noqa: S101 - every note has a time
    return Entry(
        kinds=frozenset({"person"}),
        word=Word("note", "person"),
        title="note",
        time=at,
        known=None,
        actor=links.text(actor_text(document["made_by"])),
        note=links.text(document["text"]),
    )


def _with_finding(entry: Entry, document: dict[str, Any]) -> Entry:
    """Return the entry of an event with the finding about it."""
    return replace(
        entry,
        kinds=entry.kinds | {"finding"},
        word=finding_word(document["type"], document["severity"]),
        note="" if document["severity"] == "note" else document["state"],
        url=f"/findings/{document['id']}",
    )


def _finding(document: dict[str, Any], links: Links, now: datetime) -> list[Entry]:
    name = finding_word(document["type"], document["severity"])
    url = f"/findings/{document['id']}"
    part = part_text(document["part"])
    found = []
    at = moment(document["first_seen"], now)
    if at is not None:
        found.append(
            Entry(
                kinds=frozenset({"finding"}),
                word=name,
                title=f"{name.short}{f', {part}' if part else ''}",
                time=at,
                known=moment(document["recorded_at"], now),
                note=f"finding, {document['state']}",
                url=url,
                key=document["first_report"],
                evidence=links.report(document["first_report"]),
            )
        )
    return found


def _decisions(
    connection: Connection, document: dict[str, Any], links: Links, now: datetime
) -> list[Entry]:
    if document["revision"] == 1:
        return []
    name = finding_word(document["type"], document["severity"])
    url = f"/findings/{document['id']}"
    row = finding_reader.finding_row(connection, document["id"])
    history = finding_reader.history(connection, row.id if row else 0)
    return [_decision(one, name, url, links, now) for one in history]


def _decision(
    document: dict[str, Any], about: Word, url: str, links: Links, now: datetime
) -> Entry:
    until = moment(document["until"], now)
    at = moment(document["time"], now)
    assert at is not None  # noqa: S101 - every decision has a time
    return Entry(
        kinds=frozenset({"person"}),
        word=Word(about.short, "person"),
        title=about.short,
        time=at,
        known=None,
        actor=actor_text(document["actor"]) + " " + ACTIONS[document["action"]],
        note=links.text(document["reason"]) + (f" (until {until.text})" if until else ""),
        url=url,
    )


def actor_text(actor: str) -> str:
    """Return an actor as it is shown.

    >>> actor_text("person:ann"), actor_text("token:3"), actor_text("registry")
    ('ann', 'token 3', 'the registry')
    """
    kind, _, name = actor.partition(":")
    if kind == "registry":
        return "the registry"
    return name if kind in ("person", "user") else actor.replace(":", " ")
