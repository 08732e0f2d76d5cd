"""The whole page: order and station, tiles, what needs a person, the last scan, the keys."""

from __future__ import annotations

from typing import Final, NamedTuple

from modemagent.provisioning.line import LineView, NeedView
from modemagent.provisioning.screen.canvas import Canvas, wrapped
from modemagent.provisioning.screen.theme import Theme
from modemagent.provisioning.screen.tiles import draw_tile

KEYS: Final = (
    ("F1", "help"), ("F2", "station"), ("F3", "reprint"), ("F4", "waive"), ("F5", "retest"),
    ("F6", "lots"), ("F7", "hold"), ("F8", "sound"), ("F9", "view"), ("F10", "sign in"),
    ("^Q", "end"),
)  # fmt: skip
#: Keys that a narrow page shows in its help only.
_WIDE_KEYS: Final = ("F8", "F9", "F10")
_LEAST_TILE_WIDTH: Final = 14
_LEAST_SIZE: Final = (40, 12)
#: Lines beside the tiles: two of the header, prompt, scan and keys; two at least for needs.
_HEADER, _FOOTER, _LEAST_NEEDS = 2, 3, 1


class PromptLine(NamedTuple):
    """What stands before the scan, if the screen requests something.

    :param question: such as ``Retest bay``
    :param typed: what has been typed
    """

    question: str = ""
    typed: str = ""


class Grid(NamedTuple):
    """Places of the tiles.

    :param tile_height: lines of a tile without the empty one below it
    :param shown: bays that have a place
    """

    columns: int
    tile_width: int
    tile_height: int
    shown: int


def grid(bays: int, columns: int, width: int, height: int, *, is_dense: bool = False) -> Grid:
    """Return the places for tiles: as wide as the fixture, more columns only if they are needed.

    >>> grid(16, 4, 80, 24), grid(16, 4, 140, 40)
    (Grid(columns=4, tile_width=19, tile_height=3, shown=16), \
Grid(columns=4, tile_width=34, tile_height=6, shown=16))
    """
    room = height - _HEADER - _FOOTER - (_LEAST_NEEDS if height < 30 else 5)
    most = max(1, min(bays or 1, (width + 1) // (_LEAST_TILE_WIDTH + 1)))
    columns = max(1, min(columns, most))
    while True:
        rows = -(-bays // columns) or 1
        tall = min(3 if is_dense else 7, room // rows - 1)
        if tall >= 2 or columns == most:
            break
        columns += 1
    tall = max(1, tall)
    shown = min(bays, columns * max(1, room // (tall + 1)))
    return Grid(columns, (width + 1) // columns - 1, tall, shown)


def draw_page(
    view: LineView,
    size: tuple[int, int],
    theme: Theme,
    *,
    prompt: PromptLine | None = None,
    overlay: tuple[str, ...] = (),
    is_dense: bool = False,
) -> Canvas:
    """Draw the page.

    :param size: width and height of the terminal
    :param prompt: what the screen requests
    :param overlay: lines over the tiles, such as help
    :param is_dense: small tiles, so that more needs have a place
    """
    width, height = size
    canvas = Canvas(width, height, theme.page)
    if width < _LEAST_SIZE[0] or height < _LEAST_SIZE[1]:
        canvas.put(0, 0, f"window too small: {_LEAST_SIZE[0]} x {_LEAST_SIZE[1]} at least")
        return canvas
    _draw_header(canvas, view, theme)
    places = grid(len(view.bays), view.columns, width, height, is_dense=is_dense)
    rows = -(-places.shown // places.columns) if places.shown else 0
    tiles_end = _HEADER + rows * (places.tile_height + 1)
    if overlay:
        tiles_end = _draw_overlay(canvas, overlay, height - _FOOTER)
    else:
        _draw_tiles(canvas, view, places, theme)
    hidden = len(view.bays) - places.shown
    more = f"{hidden} more bays: make the window larger" if hidden else ""
    _draw_needs(canvas, view.needs, tiles_end, height - _FOOTER, theme, more)
    _draw_footer(canvas, view, prompt or PromptLine(), theme)
    return canvas


def _draw_header(canvas: Canvas, view: LineView, theme: Theme) -> None:
    order, station = view.order, view.station
    size = f" x{order.size}" if order.size is not None else ""
    lot = f"  lot {order.lot}" if order.lot else ""
    name = f"ORDER {order.name} {order.model}{size}{lot}"
    counts = [f"PASS {order.passed}", f"WAIVED {order.waived}", f"FAIL {order.failed}"]
    counts += [f"left {order.left}"] if order.left is not None else []
    counts.append(f"{order.per_hour:.0f}/h")
    if order.first_pass is not None:
        counts.append(f"first pass {order.first_pass:.0%}")
    right = ("  " if canvas.width >= 100 else " ").join(counts)
    canvas.put(1, 0, name, theme.strong, max(0, canvas.width - len(right) - 4))
    canvas.put_right(canvas.width - 1, 0, right, theme.strong)
    parts = [f"{station.name} checked {station.checked}" if station.checked else station.name]
    parts.append(station.person or "no operator")
    parts += [f"lead {station.lead}"] if station.lead else []
    queued = f", {station.queued} wait" if station.queued else ""
    registry = f"registry {station.registry}{queued}"
    parts.append(registry)
    if station.printer != "none":  # a problem comes first: the line may be cut
        place = len(parts) if station.printer == "ok" else 1
        parts.insert(place, f"printer {station.printer}")
    people = sum(bay.needs_person for bay in view.bays)
    right = f"{people} bays need you" if people != 1 else "1 bay needs you"
    words, room = "   ".join(parts), max(0, canvas.width - len(right) - 4)
    canvas.put(1, 1, words, "", room)
    if station.is_export_stale:
        place = words.index(registry)
        canvas.put(1 + place, 1, registry, theme.alert, max(0, room - place))
    canvas.put_right(canvas.width - 1, 1, right, theme.alert if people else theme.faint)
    if station.is_held:
        text = " NO VERDICTS: the journal or the station holds the line "
        canvas.put(0, 1, text.ljust(canvas.width), theme.alert)


def _draw_tiles(canvas: Canvas, view: LineView, places: Grid, theme: Theme) -> None:
    for n, bay in enumerate(view.bays[: places.shown]):
        row, column = divmod(n, places.columns)
        x = column * (places.tile_width + 1)
        y = _HEADER + row * (places.tile_height + 1)
        draw_tile(canvas, bay, view.now, (x, y, places.tile_width, places.tile_height), theme)
        if not theme.has_colours:
            canvas.put(x, y + places.tile_height, "-" * places.tile_width)
            for line in range(places.tile_height):
                canvas.put(x + places.tile_width, y + line, "|")


def _draw_overlay(canvas: Canvas, lines: tuple[str, ...], end: int) -> int:
    for n, line in enumerate(lines[: end - _HEADER]):
        canvas.put(2, _HEADER + n, line)
    return min(_HEADER + len(lines), end)


def _draw_needs(
    canvas: Canvas, needs: tuple[NeedView, ...], y: int, end: int, theme: Theme, more: str
) -> None:
    """Draw what needs a person, wrapped, as far as there are lines."""
    if more:
        end -= 1
        canvas.put(1, end, more, theme.alert)
    column = 12 if canvas.width >= 100 else 9
    for n, need in enumerate(needs):
        if y >= end:
            text = f" {len(needs) - n} more "
            canvas.put_right(canvas.width - 1, end - 1, text, theme.alert)
            return
        bays = "+".join(need.bays) or "station"
        if len(bays) > column - 2:
            bays = f"{len(need.bays)} bays"
        canvas.put(1, y, bays, theme.alert, column - 1)
        for line in wrapped(need.text, canvas.width - column - 1)[: end - y]:
            canvas.put(column, y, line)
            y += 1


def _draw_footer(canvas: Canvas, view: LineView, prompt: PromptLine, theme: Theme) -> None:
    y = canvas.height - _FOOTER
    width = canvas.width
    last, right = view.last_scan, ""
    if last is not None and width >= 60:
        result = f": {last.result}" if last.result else ""
        right = f"{last.at} {last.source} {last.text}{result}"[: width // 2]
    question = f"{prompt.question} " if prompt.question else ""
    hint = "" if question or prompt.typed else (view.hint or "scan")
    canvas.put(1, y, f"> {question}{prompt.typed}{hint}", theme.strong, width - len(right) - 3)
    style = theme.alert if last is not None and last.is_refused else theme.faint
    canvas.put_right(width - 1, y, right, style)
    failures = "  ".join(f"{name} {count}" for name, count in view.order.failures[:4])
    text = view.message or (f"failures: {failures}" if failures else "")
    canvas.put(1, y + 1, text, theme.alert if view.message else theme.faint)
    keys = [f"{key} {word}" for key, word in KEYS if width >= 110 or key not in _WIDE_KEYS]
    gap = next((each for each in ("   ", "  ") if len(each.join(keys)) < width - 1), " ")
    canvas.put(1, y + 2, gap.join(keys), theme.faint)
