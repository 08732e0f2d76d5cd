"""Frames as a terminal emulator shows them."""

from __future__ import annotations

import random

import pyte
import pytest

from modemagent.provisioning.attempt import BayState, BayView
from modemagent.provisioning.line import NeedView
from modemagent.provisioning.screen.canvas import Canvas
from modemagent.provisioning.screen.page import PromptLine, draw_page, grid
from modemagent.provisioning.screen.theme import (
    DARK,
    EIGHT,
    LIGHT,
    MONOCHROME,
    TONES,
    Theme,
    Tone,
)
from tests.provisioning.screen.sample import VIEW

SIZES = [(80, 24), (100, 30), (140, 40), (40, 12), (211, 60)]
THEMES = [DARK, LIGHT, EIGHT, MONOCHROME]


class Emulator:
    """A terminal; its lines below and beside the page would show what is drawn outside."""

    def __init__(self, width: int, height: int) -> None:
        self.screen = pyte.Screen(width, height)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed("\x1b[?7l")

    def show(self, text: str) -> list[str]:
        self.stream.feed(text)
        return [
            "".join(self.screen.buffer[y][x].data for x in range(self.screen.columns))
            for y in range(self.screen.lines)
        ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", THEMES)
def test_a_terminal_shows_the_page_cell_by_cell(size: tuple[int, int], theme: Theme) -> None:
    page = draw_page(VIEW, size, theme)
    assert Emulator(*size).show(page.update_from(None)) == page.lines()


@pytest.mark.parametrize("theme", [DARK, LIGHT, EIGHT])
def test_a_tile_is_coloured_as_a_whole(theme: Theme) -> None:
    width, height = 80, 24
    emulator = Emulator(width, height)
    emulator.show(draw_page(VIEW, (width, height), theme).update_from(None))
    places = grid(16, 4, width, height)
    colours = {}
    for n, bay in enumerate(VIEW.bays):
        row, column = divmod(n, places.columns)
        x, y = column * (places.tile_width + 1), 2 + row * (places.tile_height + 1)
        cells = {
            emulator.screen.buffer[y + line][x + at].bg
            for line in range(places.tile_height)
            for at in range(places.tile_width)
        }
        assert len(cells) == 1, bay.number
        colours[TONES[bay.state]] = cells.pop()
        beside = x + places.tile_width
        assert beside >= width or emulator.screen.buffer[y][beside].bg == "default"
    assert len(set(colours.values())) == len(Tone)


def test_every_state_has_its_word_and_place() -> None:
    lines = draw_page(VIEW, (140, 40), MONOCHROME).lines()
    text = "\n".join(lines)
    for words in (
        "ORDER 4711 EG25-G x48", "PASS 19", "first pass 79%", "6 bays need you", "#### PASS ####",
        "**** FAIL ****", "==== HOLD ====", "~~~~ WAIVED ~~~~", "== DONE ==", "booting", "waiting",
        ">> bay, then label <<", "IMEI ..003 013", "id sim model FW", "USB 2c7c:0125",
        "label 01 printed", "> bay 06, then its label", "..050 018: bay 06", "F4 waive", "^Q end",
        "call a lead, F6 shows the",
    ):  # fmt: skip
        assert words in text, words
    small = "\n".join(draw_page(VIEW, (80, 24), DARK).lines())
    for words in ("##PASS##", "**FAIL**", "==HOLD==", "~~WAIVED~~", "has BR07A05", "6 bays need"):
        assert words in small
    calm = VIEW._replace(needs=(NeedView((), "Lot L-1 is stopped."),))
    assert "station Lot L-1" in "\n".join(draw_page(calm, (80, 24), DARK).lines())


def test_a_change_writes_only_what_changed() -> None:
    before = draw_page(VIEW, (140, 40), DARK)
    assert draw_page(VIEW, (140, 40), DARK).update_from(before) == ""
    bays = list(VIEW.bays)
    bays[11] = bays[11]._replace(state=BayState.BOOTING, device="2c7c:0125")
    after = draw_page(VIEW._replace(bays=tuple(bays), now=101.0), (140, 40), DARK)
    update = after.update_from(before)
    assert update.startswith("\x1b[?2026h")
    assert update.endswith("\x1b[?2026l")
    assert len(update) < 2500 < len(after.update_from(None))
    emulator = Emulator(140, 40)
    emulator.show(before.update_from(None))
    assert emulator.show(update) == after.lines()


def test_random_changes_lead_to_the_same_page() -> None:
    chance = random.Random(2026)
    emulator, shown = Emulator(80, 24), None
    for _ in range(40):
        bays = tuple(
            chance.choice((bay, bay._replace(state=chance.choice(list(BayState)))))
            for bay in VIEW.bays
        )
        view = VIEW._replace(bays=bays, now=100 + chance.random() * 50)
        prompt = PromptLine(chance.choice(("", "Retest: bay:")), "8" * chance.randrange(60))
        page = draw_page(view, (80, 24), DARK, prompt=prompt, is_dense=chance.random() < 0.5)
        assert emulator.show(page.update_from(shown)) == page.lines()
        shown = page


HOSTILE = (
    "\x1b[2J\x1b[H", "\x1b]0;title\x07", "\r\n", "\t\t\t", "\x9b31m", "\u202e", "\u0301" * 40,
    "\u4e2d\u6587" * 30, "\U0001f468\u200d\U0001f469", "\u200b", "\ufeff", "A" * 500, "\x00",
    "\ud800", "#" * 90, "%s{0}", "\u1100\u1161", "\u0e33",
)  # fmt: skip


def hostile_page(chance: random.Random, size: tuple[int, int], theme: Theme) -> Canvas:
    def text() -> str:
        return "".join(chance.choices((*HOSTILE, "EG25-G", " ", "Ä"), k=chance.randrange(4)))

    bays = tuple(
        BayView(
            text()[:4], chance.choice(list(BayState)), chance.uniform(-1e9, 1e9), None, text(),
            text(), text(), text(), text(), text(), text(), text(), text(), None, "", bay.steps,
            chance.random() < 0.5, text(), (), text(),
        )
        for bay in VIEW.bays[: chance.randrange(17)]
    )  # fmt: skip
    view = VIEW._replace(
        bays=bays,
        order=VIEW.order._replace(name=text(), model=text(), lot=text(), failures=((text(), 3),)),
        station=VIEW.station._replace(name=text(), person=text(), printer=text()),
        needs=(NeedView((text(), "07"), text() * 3),) * chance.randrange(9),
        last_scan=VIEW.last_scan and VIEW.last_scan._replace(text=text(), result=text()),
        hint=text(),
        message=text(),
        columns=chance.randrange(1, 9),
    )
    return draw_page(view, size, theme, prompt=PromptLine(text(), text()))


def test_hostile_texts_stay_in_their_places() -> None:
    chance = random.Random(0)
    for _ in range(80):
        size = chance.choice(SIZES)
        theme = chance.choice(THEMES)
        page = hostile_page(chance, size, theme)
        emulator = Emulator(*size)
        assert emulator.show(page.update_from(None)) == page.lines()
        assert not emulator.screen.title
        for line in page.lines():
            assert len(line) == size[0]
            assert line.isprintable()


def test_what_a_bay_reports_is_drawn_in_its_tile_only() -> None:
    chance = random.Random(1)
    for size in ((80, 24), (140, 40)):
        places = grid(16, 4, *size)
        calm = draw_page(VIEW._replace(needs=()), size, DARK).lines()
        for n in range(16):
            noise = "".join(chance.choices(HOSTILE, k=3))
            bays = list(VIEW.bays)
            bays[n] = bays[n]._replace(
                manufacturer=noise, model=noise, firmware=noise, imei=noise, reason=noise,
                prompt=noise, label=noise, device=noise, sim=noise, number=noise,
            )  # fmt: skip
            lines = draw_page(VIEW._replace(bays=tuple(bays), needs=()), size, DARK).lines()
            row, column = divmod(n, places.columns)
            left, top = column * (places.tile_width + 1), 2 + row * (places.tile_height + 1)
            for y, (line, before) in enumerate(zip(lines, calm, strict=True)):
                inside = top <= y < top + places.tile_height
                end = left + places.tile_width if inside else left
                assert line[:left] == before[:left]
                assert line[end:] == before[end:]


@pytest.mark.parametrize("count", [0, 1, 3, 16, 17, 40, 64, 200])
@pytest.mark.parametrize("size", SIZES)
def test_tiles_of_any_number_fit_on_the_page(count: int, size: tuple[int, int]) -> None:
    places = grid(count, 4, *size)
    rows = -(-places.shown // places.columns)
    assert places.columns * (places.tile_width + 1) <= size[0] + 1
    assert 2 + rows * (places.tile_height + 1) <= size[1] - 3
    bays = tuple(BayView(str(n)) for n in range(count))
    page = draw_page(VIEW._replace(bays=bays), size, DARK)
    if places.shown < count:
        assert f"{count - places.shown} more bays" in "\n".join(page.lines())


def test_a_small_window_requests_a_larger_one() -> None:
    assert "window too small" in draw_page(VIEW, (39, 24), DARK).lines()[0]
    assert draw_page(VIEW, (1, 1), DARK).lines() == ["w"]


def test_a_held_line_is_seen_at_once() -> None:
    view = VIEW._replace(station=VIEW.station._replace(is_held=True))
    assert "NO VERDICTS" in draw_page(view, (80, 24), DARK).lines()[1]


@pytest.mark.parametrize("is_stale", [True, False])
def test_a_stale_export_of_the_registry_is_highlighted(is_stale: bool) -> None:
    text = "registry away, export 11-28"
    station = VIEW.station._replace(
        registry=text.removeprefix("registry "), is_export_stale=is_stale
    )
    emulator = Emulator(140, 40)
    lines = emulator.show(
        draw_page(VIEW._replace(station=station), (140, 40), DARK).update_from(None)
    )
    begin = lines[1].index(text)
    colours = {emulator.screen.buffer[1][begin + n].fg for n in range(len(text))}
    assert colours == {"ffaf00" if is_stale else "default"}
