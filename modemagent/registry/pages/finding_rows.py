"""Findings as rows of lists, the same on the overview, in the list and on pages of objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.words import NOTED, STATES, Word, finding_word


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A finding in a list.

    :param about: the modem, SIM, gateway or place
    :param kind: what it is about, as a word
    :param where: gateway whose report first shows it
    :param since: date of that report
    :param known: when it was recorded
    :param is_late: it was recorded more than an hour after its date
    :param part: slot, field or port
    :param note: end of the decision, who works on it
    """

    url: str
    id: str
    word: Word
    kind: str
    about: Link
    where: Link | None
    since: ShownTime | None
    known: ShownTime | None
    is_late: bool
    part: str
    state: Word
    note: str
    again: int
    evidence: Link | None


_LATE_S = 3600


def finding_row(document: dict[str, Any], links: Links, now: datetime) -> FindingRow:
    """Return the row of a finding; the document has full identifiers."""
    about = (
        links.modem(document["imei"])
        or links.sim(document["iccid"])
        or links.gateway(document["gateway_id"])
        or Link("-")
    )
    kind = "modem" if document["imei"] else "SIM" if document["iccid"] else "gateway"
    if document["port"] and kind == "gateway":
        about, kind = about._replace(text=f"{about.text} {links.text(document['port'])}"), "place"
    where = links.gateway_of(document["first_report"]) if kind not in ("gateway", "place") else None
    if where is not None and document["port"]:
        where = where._replace(text=f"{where.text} {links.text(document['port'])}")
    is_note = document["severity"] == "note" and document["state"] == "undecided"
    since, known = moment(document["first_seen"], now), moment(document["recorded_at"], now)
    until = moment(document["until"], now)
    notes = [f"until {until.text}" if until else "", f"with {document['assignee']}"]
    return FindingRow(
        url=f"/findings/{document['id']}",
        id=document["id"],
        word=finding_word(document["type"], document["severity"]),
        kind=kind,
        about=about,
        where=where,
        since=since,
        known=known,
        is_late=bool(document["late"]) or _gap_s(since, known) > _LATE_S,
        part=links.text(part_text(document["part"])),
        state=NOTED if is_note else STATES[document["state"]],
        note=", ".join(note for note in notes[: 2 if document["assignee"] else 1] if note),
        again=document["again"],
        evidence=links.report(document["first_report"]),
    )


def is_waiting(document: dict[str, Any]) -> bool:
    """Return True if a finding waits for a decision; notes do not."""
    return bool(document["state"] == "undecided" and document["severity"] != "note")


def waiting_rows(
    documents: Iterable[dict[str, Any]], links: Links, now: datetime
) -> list[FindingRow]:
    """Return the rows of findings that wait for a decision, errors first."""
    waiting = sorted(filter(is_waiting, documents), key=lambda one: one["severity"] != "error")
    return [finding_row(one, links, now) for one in waiting]


def part_text(part: str | None) -> str:
    """Return the part that a finding is about: a number is a slot.

    >>> part_text("1"), part_text("case:31"), part_text("rule:in-import"), part_text(None)
    ('slot 1', 'case K31', 'rule in-import', '')
    >>> part_text("lot:4711/L-22/firmware"), part_text("lot:4711//model")
    ('order 4711, lot L-22: firmware', 'order 4711: model')
    """
    if part and part.startswith("lot:"):
        order, _, rest = part.removeprefix("lot:").partition("/")
        lot, _, step = rest.rpartition("/")
        return f"order {order}{', lot ' if lot else ''}{lot}: {step}"
    if part and part.startswith("case:"):
        return f"case K{part.removeprefix('case:')}"
    if part and part.startswith("rule:"):
        return part.replace(":", " ")
    return f"slot {part}" if part and part.isdecimal() and len(part) < 3 else part or ""


def _gap_s(since: ShownTime | None, known: ShownTime | None) -> float:
    if since is None or known is None:
        return 0
    return (datetime.fromisoformat(known.iso) - datetime.fromisoformat(since.iso)).total_seconds()
