"""What happens now: the newest events, and a stream that counts those that follow.

The stream has no numbers: a page loads new rows only when the person wants to see them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from modemagent.registry.pages.event_rows import EventRow, event_row
from modemagent.registry.pages.frame import Answer, Ask, EventSource, Page
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.words import word
from modemagent.registry.store.fleet import reader

_ROWS = 50
_HIGHEST = 2**62


@dataclass(frozen=True, slots=True)
class LiveEvents:
    """A page of events, newest first.

    :param position: the stream continues after it; None: this page is about the past
    """

    events: list[EventRow]
    position: int | None
    first: str | None
    following: str | None


def show(ask: Ask) -> Answer:
    """Return a page of events."""
    after = ask.number("after")
    with ask.reading() as connection:
        position = reader.last_position(connection)
        found = reader.events(connection, limit=_ROWS, after=after, order="desc")
        links = Links(connection, ask.who, found["events"])
        rows = [event_row(one, links, ask.now) for one in found["events"]]
    is_past = after is not None
    model = LiveEvents(
        events=rows,
        position=None if is_past else position,
        first="/live" if is_past else None,
        following=f"/live?after={found['next']}" if found["next"] else None,
    )
    return Page("live.html", model)


def stream(ask: Ask) -> Answer:
    """Return the stream of a page, which resumes where it was interrupted."""
    return EventSource(ask.who.actor, _encoded, position_in(ask))


def position_in(ask: Ask) -> int | None:
    """Return the position after which a stream begins; None: with the next event."""
    last = ask.request.headers.get("last-event-id", "")
    after = int(last) if last.isdecimal() and len(last) < 19 else ask.number("after")
    return None if after is None else min(after, _HIGHEST)


def _encoded(position: int, event: dict[str, Any]) -> bytes:
    """Return an event for the page: what happened, as a word.

    >>> _encoded(7, {"type": "sim.swapped"})
    b'id: 7\\ndata: "SIM swapped"\\n\\n'
    """
    return f"id: {position}\ndata: {json.dumps(word(event['type']).short)}\n\n".encode()
