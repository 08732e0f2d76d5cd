"""One bay as a tile of one to seven lines."""

from __future__ import annotations

from modemagent.provisioning.attempt import ENDED, BayState, BayView, StepState, StepView
from modemagent.provisioning.screen.canvas import Canvas, cut, wrapped
from modemagent.provisioning.screen.theme import SIGNS, TONES, Theme, Tone

#: States whose duration matters to a person who waits.
TIMED = frozenset(BayState) - ENDED - {BayState.WAITING}


class TileArea:
    """The area of a tile; what is drawn through it stays inside."""

    def __init__(self, canvas: Canvas, x: int, y: int, width: int, style: str) -> None:
        self._canvas = canvas
        self._x = x
        self._y = y
        self._width = width
        self._style = style

    def line(self, n: int, left: str, right: str = "", extra: str = "") -> None:
        """Draw a line with a text on each side; the left one is cut first."""
        style = ";".join(filter(None, (self._style, extra)))
        room = self._width - 2
        right = cut(right, room)
        left = cut(left, max(0, room - len(right) - (1 if right else 0)))
        self._canvas.put(self._x + 1, self._y + n, left, style, room)
        if right:
            self._canvas.put_right(self._x + 1 + room, self._y + n, right, style)


def draw_tile(
    canvas: Canvas, bay: BayView, now: float, area: tuple[int, int, int, int], theme: Theme
) -> None:
    """Draw a bay.

    :param area: left, top, width and number of lines
    """
    x, y, width, height = area
    style = theme.tiles[tone_of(bay)]
    canvas.fill(x, y, width, height, style)
    tile = TileArea(canvas, x, y, width, style)
    word = word_of(bay, width)
    tile.line(0, bay.number, word, theme.strong)
    seconds = f"{max(0, int(now - bay.since))} s" if bay.state in TIMED else ""
    below = explanation(bay)
    if height == 2:
        tile.line(1, below or bay.imei, seconds)
    elif 3 <= height < 5:
        room = width - 2
        reason = wrapped(below, room)
        if len(reason) > 1:  # the reason is worth more than the number
            tile.line(1, reason[0])
            tile.line(2, cut(" ".join(reason[1:]), room))
        else:
            has_room = len(below) + 1 + len(seconds) <= room
            tile.line(1, bay.imei or bay.device, bay.model)
            tile.line(2, below, seconds if has_room else "")
        if height == 4:
            tile.line(3, ladder(bay.steps, room))
    elif height >= 5:
        names = " ".join(filter(None, (bay.manufacturer, bay.model, bay.firmware)))
        room = width - 2
        reason = wrapped(below, room) if height > 5 else [below]
        first = height - 3 - min(2, len(reason))
        tile.line(first, names or (f"USB {bay.device}" if bay.device else ""))
        tile.line(first + 1, _numbers(bay))
        tile.line(first + 2, ladder(bay.steps, room))
        tile.line(first + 3, reason[0], seconds if len(reason) == 1 else "")
        if len(reason) > 1:
            tile.line(first + 4, " ".join(reason[1:]), seconds)


def tone_of(bay: BayView) -> Tone:
    return TONES[bay.state]


def word_of(bay: BayView, width: int) -> str:
    """Return the word of a tile with its signs, repeated on wide tiles."""
    before, after = SIGNS[tone_of(bay)]
    if bay.state in (BayState.SCANNING, BayState.VERIFYING):
        word = bay.prompt if len(bay.prompt) <= width - 12 else "scan it"
        return f"{before} {word or 'scan it'} {after}"
    word = bay.state.upper() if before else str(bay.state)
    if not before:
        return word
    if width >= 30:
        return f"{before * 2} {word} {after * 2}"
    return f"{before}{word}{after}" if len(before) > 1 else f"{before} {word.lower()} {after}"


def explanation(bay: BayView) -> str:
    """Return the line that explains the state: what to do, why, or the label."""
    if bay.state is BayState.PASS:
        return bay.label or bay.reason
    return bay.reason or bay.label or (f"USB {bay.device}" if bay.device else "")


def _numbers(bay: BayView) -> str:
    parts = []
    if bay.imei:
        parts.append(f"IMEI {bay.imei}")
    if bay.iccid:
        parts.append(f"SIM {bay.iccid}")
    elif bay.sim:
        parts.append(f"SIM {bay.sim}")
    return "  ".join(parts)


def ladder(steps: tuple[StepView, ...], width: int) -> str:
    """Return the steps on one line: passed, FAILED, running..., ~waived~, - for those left out.

    Steps that passed are left out first if the line is too long.

    >>> passed, failed = StepState.PASSED, StepState.FAILED
    >>> rows = StepView("a", "id", passed), StepView("b", "model", failed)
    >>> ladder((*rows, StepView("c", "print", StepState.SKIPPED)), 20)
    'id MODEL -'
    >>> ladder(rows, 6)
    'MODEL'
    """
    shown = [(step.state, _rung(step)) for step in steps]
    for leaving in (StepState.SKIPPED, StepState.PENDING, StepState.PASSED):
        if sum(len(text) + 1 for _, text in shown) - 1 <= width:
            break
        shown = [each for each in shown if each[0] is not leaving]
    return cut(" ".join(text for _, text in shown), width)


def _rung(step: StepView) -> str:
    match step.state:
        case StepState.FAILED:
            return step.title.upper()
        case StepState.RUNNING:
            return f"{step.title}..."
        case StepState.WAIVED:
            return f"~{step.title}~"
        case StepState.SKIPPED:
            return "-"
        case StepState.PENDING:
            return "."
        case _:
            return step.title
