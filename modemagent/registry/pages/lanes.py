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
from modemagent.registry.pages.presence_strip import day_text

WIDTH = 1000
_THINNEST = 3
#: Limits of what is drawn; older segments and further lanes are left out. A page has at most 400
#: nodes of SVG.
_MOST_LANES = 12
_MOST_SEGMENTS = 160
_MOST_OF_LANE = 60
_MOST_LISTED = 6  # of a lane, as text
_MOST_RUNS = 60
_DAY_S = 86_400


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

    :param listed: segments that stand below it as text
    :param rest: number of older segments that are not among them
    """

    name: str
    segments: list[Segment]
    listed: list[Segment]
    rest: int


class DayRun(NamedTuple):
    """Days in a row on which a modem was read."""

    x: int
    width: int
    title: str


@dataclass(frozen=True, slots=True)
class Lanes:
    """All lanes of a page with their common scale.

    :param runs: days on which a modem was read
    :param rest: number of lanes that are not shown
    :param earlier: number of stays before those that are shown
    """

    lanes: list[Lane]
    runs: list[DayRun]
    rest: int
    begin: ShownTime | None
    end: ShownTime | None
    earlier: int = 0


def draw(
    spans: Iterable[LaneSpan], now: datetime, days: Iterable[int] = (), earlier: int = 0
) -> Lanes:
    """Return the lanes of some spans, in the order of their names' first use.

    :param days: counted from 1970, on which the modem was read
    :param earlier: number of stays that are not among the spans
    """
    every = list(spans)
    if not every:
        return Lanes([], [], 0, None, None)
    begin = min(datetime.fromisoformat(one.begin) for one in every)
    whole = max(1.0, (now - begin).total_seconds())
    names = list(dict.fromkeys(one.lane for one in every))
    rest, names = max(0, len(names) - _MOST_LANES), names[:_MOST_LANES]
    most = min(_MOST_OF_LANE, _MOST_SEGMENTS // len(names))
    listed = min(_MOST_LISTED, 4 * _MOST_LISTED // len(names))
    lanes = []
    for name in names:
        mine = sorted((one for one in every if one.lane == name), key=lambda one: one.begin)
        found = _segments(mine[-most:], begin, whole, now)
        lanes.append(Lane(name, found, found[-listed:], max(0, len(mine) - listed)))
    start = moment(begin.isoformat(timespec="milliseconds"), now)
    end = moment(now.isoformat(timespec="milliseconds"), now)
    return Lanes(lanes, _runs(sorted(days), begin, whole), rest, start, end, earlier)


def _runs(days: Sequence[int], begin: datetime, whole: float) -> list[DayRun]:
    """Return days, counted from 1970, as runs on the scale of the lanes."""
    runs: list[tuple[int, int]] = []
    for day in days:
        if runs and runs[-1][1] == day:
            runs[-1] = runs[-1][0], day + 1
        else:
            runs.append((day, day + 1))
    found = []
    for first, end in runs[-_MOST_RUNS:]:
        x, until = (
            min(WIDTH, max(0, round((day * _DAY_S - begin.timestamp()) / whole * WIDTH)))
            for day in (first, end)
        )
        title = day_text(first) + (f" to {day_text(end - 1)}" if end - first > 1 else "")
        if until > 0:
            found.append(DayRun(min(x, WIDTH - 1), max(1, until - x), f"read on {title}"))
    return found


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
