"""Retention: what is kept for how long, and what was deleted last?"""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.registry.calls.retention import RetentionCalls
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page
from modemagent.registry.pages.timeline import actor_text


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """A kind of data.

    :param text: what it is, and from when its age counts
    :param days: limit; None: none
    :param due: number of rows that are older
    :param deleted: number of rows when some were deleted last
    """

    name: str
    text: str
    days: int | None
    due: int
    deleted: int
    deleted_at: ShownTime | None
    set_by: str
    set_at: ShownTime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionView:
    """The limits of all kinds of data, and the runs that delete.

    :param last: when the last run began; None: none has run
    :param deleted: kinds and numbers of rows that it has deleted
    :param is_running: it has not ended yet
    """

    rows: list[KindRow]
    next: ShownTime | None
    last: ShownTime | None
    deleted: list[tuple[str, int]]
    is_running: bool


def show(ask: Ask) -> Answer:
    """Return the page of the limits."""
    calls = RetentionCalls(ask.state.database, ask.who.actor, ask.state.keep_bodies_days)
    found = calls.retention()
    last = found["last_run"]
    model = RetentionView(
        rows=[
            KindRow(
                name=one["kind"],
                text=one["text"],
                days=one["days"],
                due=one["due"],
                deleted=one["deleted"],
                deleted_at=moment(one["deleted_at"], ask.now),
                set_by=actor_text(one["set_by"] or ""),
                set_at=moment(one["set_at"], ask.now),
            )
            for one in found["retention"]
        ],
        next=moment(found["next_run_at"], ask.now),
        last=moment(last and last["began_at"], ask.now),
        deleted=list(last["deleted"].items()) if last else [],
        is_running=last is not None and last["ended_at"] is None,
    )
    return Page("retention.html", model)
