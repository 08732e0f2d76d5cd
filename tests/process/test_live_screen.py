"""The live screen of ``watch`` on a real terminal: width, resize, colours, dumb terminals."""

from __future__ import annotations

import os
import pty
import re
import select
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modemagent.simulator.server import RunningModem
from tests.preloaded import Preloaded
from tests.process.conftest import ENVIRONMENT, Agent, until
from tests.process.conftest import started as started_fixture
from tests.simulated import simulated

pytest.importorskip("rich", reason="the extra live is not installed")
started = started_fixture
EG25 = "quectel-eg25-g"
IMEI, ICCID = "865284040000014", "8901260000000000014"
CTRL_C = b"\x03"
SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")
WITHOUT_SIZE = {key: value for key, value in ENVIRONMENT.items() if key not in ("COLUMNS", "LINES")}
COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38;5;\d+)m")


class Screen:
    """What a terminal shows: text, cursor home, line ends, erasing, and the alternate screen."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.is_alternate = False
        #: the last page that was drawn completely, and the columns it has filled
        self.page, self.drawn_columns = "", 0
        self._widest = 0
        self._clear()

    def _clear(self) -> None:
        self.lines = [""] * self.rows
        self.row = self.column = 0

    def resize(self, columns: int) -> None:
        """Crop the lines, as terminals do on their alternate screen."""
        self.columns = columns
        self.lines = [line[:columns] for line in self.lines]

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)

    def feed(self, text: str) -> None:
        while text:
            if found := SEQUENCE.match(text):
                self._control(found[1], found[2])
                text = text[found.end() :]
                continue
            self._write(text[0])
            text = text[1:]

    def _control(self, parameter: str, letter: str) -> None:
        if parameter == "?1049":
            self.is_alternate = letter == "h"
            self._clear()
        elif letter == "H":
            self.page, self.drawn_columns = self.text, self._widest
            self._widest = 0
            self.row = self.column = 0
        elif letter == "J":
            self._clear()

    def _write(self, letter: str) -> None:
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.row += 1
            if self.row >= self.rows:
                self.lines = [*self.lines[1:], ""]
                self.row = self.rows - 1
        else:
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
            self.column += 1
            self._widest = max(self._widest, self.column)


def _disable_echo(terminal: int) -> None:
    """Keep Ctrl-C, which is shown as ^C, from what the program prints."""
    settings = termios.tcgetattr(terminal)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, settings)


class LiveTerminal:
    """``modemagent watch`` on a pseudo terminal."""

    def __init__(self, words: list[str], columns: int, rows: int, **environment: str) -> None:
        self._near, far = pty.openpty()
        termios.tcsetwinsize(self._near, (rows, columns))
        _disable_echo(far)
        self.screen = Screen(columns, rows)
        self.output = ""
        self.popen = Preloaded(
            words, stdin=far, stdout=far, stderr=far, start_new_session=True,
            env={**WITHOUT_SIZE, "TERM": "xterm-256color", **environment},
        )  # fmt: skip
        os.close(far)

    def until(self, condition: Callable[[str], bool], deadline_s: float = 120) -> str:
        """Read until the text on the screen fulfils a condition, and return it."""
        deadline = time.monotonic() + deadline_s
        while not condition(self.text):
            assert time.monotonic() < deadline, f"not shown:\n{self.text}\n{self.output[-3000:]!r}"
            if not self._read() and self.popen.poll() is not None:
                raise AssertionError(f"the command has ended: {self.output[-3000:]!r}")
        return self.text

    @property
    def text(self) -> str:
        return self.screen.page if self.screen.is_alternate else self.screen.text

    def resize(self, columns: int) -> None:
        termios.tcsetwinsize(self._near, (self.screen.rows, columns))
        self.screen.resize(columns)

    def press(self, key: bytes) -> None:
        os.write(self._near, key)

    def ends(self) -> int:
        """Read the rest of the output and return the exit status."""
        deadline = time.monotonic() + 120
        while (self._read() or self.popen.poll() is None) and time.monotonic() < deadline:
            pass
        return self.popen.wait(120)

    def _read(self) -> bool:
        if not select.select([self._near], [], [], 0.1)[0]:
            return False
        try:
            data = os.read(self._near, 65536)
        except OSError:  # the command has ended
            return False
        # no sequence and no letter is cut in two: wait for the rest
        while data and (data[-1] >= 0x80 or b"\x1b" in data[-12:]):
            if not select.select([self._near], [], [], 0.05)[0]:
                break
            data += os.read(self._near, 65536)
        text = data.decode()
        self.output += text
        self.screen.feed(text)
        return True

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait(120)
        os.close(self._near)


@pytest.fixture
def modem() -> Iterator[RunningModem]:
    with simulated(EG25) as sim:
        yield sim


@pytest.fixture(params=["port", "agent"])
def words(
    request: pytest.FixtureRequest, modem: RunningModem, started: Any, tmp_path: Path
) -> list[str]:
    """Arguments that watch the modem at its port, or through an agent that has it open."""
    state_dir = tmp_path / "state"
    if request.param == "agent":
        agent = started(Agent, "--port", modem.path, "--poll-interval", "3600")
        until(lambda: agent.is_watching(modem.path))
    state_dir.mkdir(exist_ok=True)
    return ["watch", modem.path, "--signal-interval", "0.2", "--state-dir", str(state_dir)]


@contextmanager
def live(
    words: list[str], columns: int = 80, rows: int = 24, **environment: str
) -> Iterator[LiveTerminal]:
    terminal = LiveTerminal(words, columns, rows, **environment)
    try:
        yield terminal
    finally:
        terminal.close()


def is_complete(text: str) -> bool:
    parts = (rf"IMEI +{IMEI}\n", rf"ICCID +{ICCID}\n", "-79 dBm, good", "now -79", "Ctrl-C ends")
    return all(re.search(part, text) for part in parts)


@pytest.mark.parametrize("columns", [80, 60, 40])
def test_whole_numbers_are_shown_at_any_width(
    words: list[str], modem: RunningModem, columns: int
) -> None:
    with live(words, columns) as terminal:
        text = terminal.until(is_complete)
        assert terminal.screen.is_alternate
        assert "Ctrl-C ends." in text
        assert modem.path in text
        modem.remove_sim()
        terminal.until(lambda text: re.search(rf"SIM removed:\s+iccid\s+{ICCID}", text) is not None)
        terminal.press(CTRL_C)
        assert terminal.ends() == 130
        # the last page stays on the ordinary screen
        assert not terminal.screen.is_alternate
        assert f"IMEI          {IMEI}" in terminal.text
        assert terminal.screen.drawn_columns == columns


def test_page_is_redrawn_after_a_resize(words: list[str]) -> None:
    with live(words, 100) as terminal:

        def page(text: str) -> str:
            return text.replace("▁", "") if is_complete(text) else ""

        wide = page(terminal.until(lambda text: is_complete(text) and "watching" in text))
        # a page of the old width may still arrive
        terminal.resize(60)
        narrow = terminal.until(
            lambda text: is_complete(text) and terminal.screen.drawn_columns == 60
        )
        assert narrow.count("Ctrl-C ends.") == narrow.count("events") == 1
        terminal.resize(100)
        terminal.until(lambda text: page(text) == wide and terminal.screen.drawn_columns == 100)


def test_latest_event_is_shown_on_a_low_terminal(words: list[str], modem: RunningModem) -> None:
    with live(words, 80, 14) as terminal:
        terminal.until(is_complete)
        for number in range(12):
            modem.urc(f'+CMTI: "SM",{number}')
        text = terminal.until(lambda text: '"SM",11' in text)
        assert "Ctrl-C ends." in text


@pytest.mark.parametrize(
    ("options", "environment", "has_colours"),
    [([], {}, True), (["--no-color"], {}, False), ([], {"NO_COLOR": "1"}, False)],
)
def test_colours_are_used_unless_disabled(
    words: list[str], options: list[str], environment: dict[str, str], has_colours: bool
) -> None:
    with live([*options, *words], **environment) as terminal:
        terminal.until(is_complete)
        terminal.press(CTRL_C)
        terminal.ends()
        assert (COLOUR.search(terminal.output) is not None) is has_colours


def test_dumb_terminal_gets_plain_lines(words: list[str], modem: RunningModem) -> None:
    with live(words, TERM="dumb") as terminal:
        terminal.until(lambda text: "watching" in text)
        modem.urc('+CMTI: "SM",1')
        terminal.until(lambda text: '+CMTI: "SM",1' in text)
        assert "\x1b" not in terminal.output


def test_live_screen_ends_with_the_agent(modem: RunningModem, started: Any, tmp_path: Path) -> None:
    agent = started(Agent, "--port", modem.path, "--poll-interval", "3600")
    until(lambda: agent.is_watching(modem.path))
    with live(["watch", "--state-dir", str(agent.state_dir)]) as terminal:
        terminal.until(is_complete)
        agent.stop()
        assert terminal.ends() == 4
        assert not terminal.screen.is_alternate
        assert "the agent" in terminal.text
