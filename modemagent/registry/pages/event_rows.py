"""Events as lines: what happened, with the values before and after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.words import Word, word

_LATE_S = 3600
#: Events whose values are SIMs.
_SIMS = (
    "sim.swapped", "sim.profile_switched", "sim.removed", "sim.first_seen", "pairing.linked",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event in a list.

    :param before: what it changed from; none: nothing was known before
    :param after: what it changed to
    :param is_late: it was recorded more than an hour after its date
    :param is_held: it waits for missing reports
    """

    word: Word
    time: ShownTime
    known: ShownTime
    is_late: bool
    is_held: bool
    modem: Link | None
    where: Link | None
    port: str
    slot: int | None
    before: Link | None
    after: Link | None
    evidence: Link | None


def event_row(document: dict[str, Any], links: Links, now: datetime) -> EventRow:
    """Return the row of an event; the document has full identifiers."""
    data = document["data"]
    old, new = data["previous"] or {}, data["new"] or {}
    at, known = moment(document["time"], now), moment(document["recordedtime"], now)
    assert at is not None and known is not None  # noqa: S101 - every event has both
    gap = datetime.fromisoformat(known.iso) - datetime.fromisoformat(at.iso)
    side = new or old
    before, after = _change(document["type"], old, new, links)
    if "case" in data:
        after = Link(f"K{data['case']}", f"/cases/K{data['case']}")
    return EventRow(
        word=word(document["type"]),
        time=at,
        known=known,
        is_late=gap.total_seconds() > _LATE_S,
        is_held=document["held"],
        modem=links.modem(side.get("imei")),
        where=links.gateway(side.get("gateway_id")),
        port=links.text(side.get("port") or ""),
        slot=side.get("slot") if document["type"].startswith(("sim.", "pairing.")) else None,
        before=before,
        after=after,
        evidence=links.report(data["report"]),
    )


def _change(
    kind: str, old: dict[str, Any], new: dict[str, Any], links: Links
) -> tuple[Link | None, Link | None]:
    if kind in _SIMS:
        return links.sim(old.get("iccid")), links.sim(new.get("iccid"))
    if kind == "sim.imsi_switched":
        return links.plain(old.get("imsi")), links.plain(new.get("imsi"))
    if kind in ("modem.swapped", "sim.moved"):
        return links.modem(old.get("imei")), links.modem(new.get("imei"))
    if kind in ("modem.moved", "modem.removed"):
        return _place(old, links), _place(new, links)
    return None, None


def _place(side: dict[str, Any], links: Links) -> Link | None:
    found = links.gateway(side.get("gateway_id"))
    return found and found._replace(text=f"{found.text} {links.text(side.get('port') or '')}")
