"""The timeline of a modem or SIM: events, facts, findings and decisions, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection

from modemagent.registry.pages.act_words import ACTIONS
from modemagent.registry.pages.event_rows import event_row
from modemagent.registry.pages.evidence import AtAnswer, ReportAnswers
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.finding_rows import part_text
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.words import Word, finding_word, word
from modemagent.registry.store import finding_reader

MOST = 100
KINDS = ("change", "finding", "person")
_WITH_EVIDENCE = 12  # newest entries whose answers of the modem are shown at once
_FACTS = {
    "firmware": "firmware", "model": "model", "manufacturer": "maker", "imeisv": "IMEISV",
    "serial_number": "serial number", "meid": "MEID",
}  # fmt: skip
_NUMBERS = ("imeisv", "serial_number", "meid")


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


def entries(
    connection: Connection,
    links: Links,
    now: datetime,
    *,
    events: Iterable[dict[str, Any]],
    facts: Sequence[dict[str, Any]],
    findings: Iterable[dict[str, Any]],
    chosen: str,
) -> tuple[list[Entry], bool]:
    """Return the newest entries, and True if older ones are left out.

    :param chosen: kind of the entries, empty for all
    """
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
    for one in about.values():
        found += _finding(one, links, now)
        found += _decisions(connection, one, links, now)
    found = [one for one in found if not chosen or chosen in one.kinds]
    found.sort(key=lambda one: one.time.iso, reverse=True)
    shown = found[:MOST]
    evidence = ReportAnswers(connection, links)
    for number, entry in enumerate(shown[:_WITH_EVIDENCE]):
        if entry.key is not None and "change" in entry.kinds:
            answers = evidence.about(entry.key, entry.title)
            shown[number] = replace(entry, answers=answers)
    return shown, len(found) > len(shown)


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
