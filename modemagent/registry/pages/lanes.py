"""Lanes of a history: which modem, SIM or gateway, from when until when, drawn to scale.

A lane is a bar of segments in SVG that stretches with the page; its words stand beside it as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.links import Link

WIDTH = 1000
_THINNEST = 3
_MOST_SEGMENTS = 60  # of a lane; older ones are left out


class LaneSpan(NamedTuple):
    """One stay to be drawn.

    :param lane: name of the lane
    :param link: the modem, SIM or place
    :param end: None: it lasts
    """

    lane: str
    link: Link
    begin: str
    end: str | None
    evidence: Link | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a lane.

    :param tone: 0 or 1: neighbours differ
    """

    x: int
    width: int
    tone: int
    title: str
    link: Link
    begin: ShownTime | None
    end: ShownTime | None
    evidence: Link | None


@dataclass(frozen=True, slots=True)
class Lane:
    """A bar with its name.

    :param rest: number of older segments that are not shown
    """

    name: str
    segments: list[Segment]
    rest: int


@dataclass(frozen=True, slots=True)
class Lanes:
    """All lanes of a page with their common scale."""

    lanes: list[Lane]
    begin: ShownTime | None
    end: ShownTime | None


def draw(spans: Iterable[LaneSpan], now: datetime) -> Lanes:
    """Return the lanes of some spans, in the order of their names' first use."""
    every = list(spans)
    if not every:
        return Lanes([], None, None)
    begin = min(datetime.fromisoformat(one.begin) for one in every)
    whole = max(1.0, (now - begin).total_seconds())
    names = list(dict.fromkeys(one.lane for one in every))
    lanes = []
    for name in names:
        mine = sorted((one for one in every if one.lane == name), key=lambda one: one.begin)
        shown = mine[-_MOST_SEGMENTS:]
        lanes.append(Lane(name, _segments(shown, begin, whole, now), len(mine) - len(shown)))
    start = moment(begin.isoformat(timespec="milliseconds"), now)
    return Lanes(lanes, start, moment(now.isoformat(timespec="milliseconds"), now))


def _segments(
    spans: Sequence[LaneSpan], begin: datetime, whole: float, now: datetime
) -> list[Segment]:
    found = []
    tones: dict[str, int] = {}
    for one in spans:
        start = (datetime.fromisoformat(one.begin) - begin).total_seconds()
        end_at = now if one.end is None else datetime.fromisoformat(one.end)
        end = max(start, (end_at - begin).total_seconds())
        x = min(WIDTH - _THINNEST, round(start / whole * WIDTH))
        width = max(_THINNEST, round(end / whole * WIDTH) - x)
        tone = tones.setdefault(one.link.text, len(tones) % 2)
        since, until = moment(one.begin, now), moment(one.end, now)
        title = f"{one.link.text} from {since.text if since else '?'}"
        title += f" to {until.text}" if until else ", still there"
        found.append(
            Segment(x, min(width, WIDTH - x), tone, title, one.link, since, until, one.evidence)
        )
    return found


def spans_of(stays: Iterable[dict[str, Any]], lane: Any, link: Any, links: Any) -> list[LaneSpan]:
    """Return the spans of documents of stays.

    :param lane: function that returns the name of the lane of a stay
    :param link: function that returns the link of a stay
    """
    return [
        LaneSpan(lane(one), link(one), one["first_seen"], one["closed_at"],
             links.report(one["opened_by"]))
        for one in stays
        if one["first_seen"] is not None
    ]  # fmt: skip
