"""The screen on a real terminal: frames out, scans and commands in, and everything put back.

Reading and writing use a description of their own of the terminal, without blocking: a terminal
that does not take a frame (a stopped ssh connection, Ctrl-S) never stops the bench. It then shows
the newest page when it takes data again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import termios
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, Protocol

from modemagent.provisioning.attempt import BayState
from modemagent.provisioning.events import CodeScanned, Happening, PersonActed
from modemagent.provisioning.line import LineView
from modemagent.provisioning.screen.canvas import Canvas
from modemagent.provisioning.screen.dialog import OVERLAYS, Dialog, overlay
from modemagent.provisioning.screen.keys import DroppedBurst, KeyReader, PressedKey, TypedLine
from modemagent.provisioning.screen.pace import FramePace
from modemagent.provisioning.screen.page import PromptLine, draw_page
from modemagent.provisioning.screen.theme import Theme, theme_for

#: Time in which the changes that follow from one event are gathered in one frame.
_GATHER_S: Final = 0.03
#: Seconds on the tiles advance without a change of the line.
_TICK_S: Final = 1.0
#: Alternate screen, no cursor, no line wrap; and back, with all attributes and modes of ours.
ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
LEAVE: Final = "\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
#: What termios returns and takes.
TerminalMode = list[int | list[bytes | int]]
_ALARMING: Final = frozenset({BayState.FAIL, BayState.HOLD})


class ScreenBench(Protocol):
    """What the screen needs of the running bench."""

    changed: asyncio.Event

    def view(self) -> LineView: ...

    def post(self, event: Happening) -> None: ...


class TerminalScreen:
    """Draws a bench, and sends it scans and acts.

    :param descriptor: of the terminal
    """

    def __init__(self, bench: ScreenBench, descriptor: int, theme: Theme) -> None:
        self._bench = bench
        self._theme = theme
        self._descriptor = descriptor
        self._before: TerminalMode = []
        self._shown: Canvas | None = None
        self._unsent = b""
        self._pace = FramePace()
        self._keys = KeyReader()
        self._dialog: Dialog | None = None
        self._overlay = ""
        self._message = ""
        self._is_dense = False
        self._has_sound = True
        self._alarming: frozenset[str] = frozenset()
        self._dirty = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Draw until ``stop`` is set or the terminal is closed."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        self._before = termios.tcgetattr(self._descriptor)
        with own_terminal(self._descriptor) as descriptor:
            self._descriptor = descriptor
            loop.add_reader(descriptor, self._receive, stop, ended)
            handlers = {
                signal.SIGWINCH: self._redraw,
                signal.SIGHUP: stop.set,  # the bench ends, and the terminal is put back
                signal.SIGTSTP: self._pause,
            }
            for number, handler in handlers.items():
                loop.add_signal_handler(number, handler)
            waits = [asyncio.ensure_future(each.wait()) for each in (stop, ended)]
            drawing = asyncio.ensure_future(self._draw_changes())
            try:
                done, _ = await asyncio.wait({*waits, drawing}, return_when=asyncio.FIRST_COMPLETED)
                if drawing in done:
                    drawing.result()
            finally:
                loop.remove_reader(descriptor)
                for number in handlers:
                    loop.remove_signal_handler(number)
                for task in (*waits, drawing):
                    task.cancel()
                await asyncio.gather(*waits, drawing, return_exceptions=True)

    async def _draw_changes(self) -> None:
        while True:
            self.draw()
            wait_s = self._pace.drawn(time.monotonic())
            await asyncio.sleep(wait_s)
            changes = [
                asyncio.ensure_future(event.wait()) for event in (self._bench.changed, self._dirty)
            ]
            try:
                await asyncio.wait(
                    changes, timeout=_TICK_S - wait_s, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                for each in changes:
                    each.cancel()
            await asyncio.sleep(_GATHER_S)
            self._bench.changed.clear()
            self._dirty.clear()

    def draw(self) -> None:
        """Draw the page as it is now, unless the terminal has not taken the last one."""
        for event in self._keys.due(time.monotonic()):
            self._take(event, None)
        if not self._flush():
            return
        view = self._bench.view()
        if self._message:
            view = view._replace(message=self._message)
        prompt = self._dialog.prompt(self._keys.text) if self._dialog is not None else None
        page = draw_page(
            view,
            _size(self._descriptor),
            self._theme,
            prompt=prompt or PromptLine("", self._keys.text),
            overlay=overlay(self._overlay, view),
            is_dense=self._is_dense,
        )
        self._unsent = (page.update_from(self._shown) + self._bell(view)).encode()
        self._shown = page
        self._flush()

    def _bell(self, view: LineView) -> str:
        alarming = frozenset(bay.number for bay in view.bays if bay.state in _ALARMING)
        is_new = bool(alarming - self._alarming)
        self._alarming = alarming
        return "\a" if is_new and self._has_sound else ""

    def _flush(self) -> bool:
        """Send what is left; return True if nothing is."""
        while self._unsent:
            try:
                self._unsent = self._unsent[os.write(self._descriptor, self._unsent) :]
            except BlockingIOError:
                return False
            except OSError:  # closed: the reader ends the screen
                self._unsent = b""
                return False
        return True

    def _redraw(self) -> None:
        self._shown = None
        self._dirty.set()

    def _pause(self) -> None:
        """Stop the process like any other, with the terminal as it was before the screen."""
        raw = termios.tcgetattr(self._descriptor)
        self._flush()
        leave(self._descriptor, self._before)
        signal.raise_signal(signal.SIGSTOP)  # goes on here after SIGCONT
        termios.tcsetattr(self._descriptor, termios.TCSANOW, raw)
        _write_all(self._descriptor, ENTER)
        self._unsent = b""
        self._redraw()

    # -- input

    def _receive(self, stop: asyncio.Event, ended: asyncio.Event) -> None:
        try:
            data = os.read(self._descriptor, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # the terminal is closed, and with it the person's part of the line
            ended.set()
            stop.set()
            return
        for event in self._keys.feed(data, time.monotonic()):
            self._take(event, stop)
        # a command is decided by the silence after it
        asyncio.get_running_loop().call_later(0.1, self._take_due, stop)
        self._dirty.set()

    def _take_due(self, stop: asyncio.Event) -> None:
        for event in self._keys.due(time.monotonic()):
            self._take(event, stop)
            self._dirty.set()

    def _take(
        self, event: TypedLine | PressedKey | DroppedBurst, stop: asyncio.Event | None
    ) -> None:
        self._message = ""
        match event:
            case DroppedBurst():
                self._message = "a scan without its end was dropped: the scanner has to send Enter"
                self._unsent += b"\a"
            case TypedLine(text, is_typed):
                if self._dialog is not None:
                    self._answer(self._dialog, text, stop)
                elif text:
                    self._bench.post(CodeScanned("keyboard", text, is_typed))
            case PressedKey("ctrl-c"):
                signal.raise_signal(signal.SIGINT)
            case PressedKey("ctrl-l"):
                self._redraw()
            case PressedKey("escape"):
                self._dialog, self._overlay = None, ""
                self._keys.clear()
            case PressedKey("F8"):
                self._has_sound = not self._has_sound
                self._message = f"sound {'on' if self._has_sound else 'off'}"
            case PressedKey("F9"):
                self._is_dense = not self._is_dense
            case PressedKey(name):
                is_again = self._overlay == name
                has_dialog = is_again or name not in OVERLAYS
                self._dialog = self._dialog_of(name) if has_dialog else None
                is_shown = name in OVERLAYS and (not is_again or self._dialog is not None)
                self._overlay = name if is_shown else ""

    def _dialog_of(self, key: str) -> Dialog | None:
        return Dialog.of(key, needs_second=self._bench.view().order.needs_second)

    def _answer(self, dialog: Dialog, text: str, stop: asyncio.Event | None) -> None:
        if not text and not dialog.takes_empty:
            return
        view = self._bench.view()
        try:
            act = dialog.answer(text, view)
        except ValueError as wrong:
            self._message, self._dialog = str(wrong), None
            return
        if act is None:
            return
        self._dialog, self._overlay = None, ""
        self._act(act, stop)

    def _act(self, act: PersonActed, stop: asyncio.Event | None) -> None:
        self._bench.post(act)
        if act.do == "end" and stop is not None:
            stop.set()


@contextlib.contextmanager
def own_terminal(descriptor: int) -> Iterator[int]:
    """Return a description of a terminal in raw mode on its alternate screen; put it back after.

    Signals of keys are off: Ctrl-C is a character like others, which a label may contain.
    """
    own = os.open(os.ttyname(descriptor), os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        before = termios.tcgetattr(own)
        raw = termios.tcgetattr(own)
        raw[0] &= ~(termios.IXON | termios.ICRNL | termios.INLCR | termios.ISTRIP | termios.BRKINT)
        raw[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
        termios.tcsetattr(own, termios.TCSANOW, raw)
        try:
            _write_all(own, ENTER)
            yield own
        finally:
            leave(own, before)
    finally:
        os.close(own)


def leave(descriptor: int, before: TerminalMode) -> None:
    """Leave the alternate screen and set the mode of the terminal."""
    # CAN ends a sequence that was cut off, which would swallow the ones that follow
    _write_all(descriptor, "\x18" + LEAVE)
    with contextlib.suppress(termios.error):  # it is closed
        termios.tcsetattr(descriptor, termios.TCSANOW, before)


def _write_all(descriptor: int, text: str) -> None:
    """Write within a second; a terminal that takes nothing is left as it is."""
    data, until = text.encode(), time.monotonic() + 1.0
    while data and time.monotonic() < until:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            return


def _size(descriptor: int) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return 80, 24
    return (size.columns or 80, size.lines or 24)


#: What a session runs beside the bench.
ScreenCompanion = Callable[[ScreenBench, asyncio.Event], Awaitable[None]]


def companion(
    descriptor: int, environ: Mapping[str, str], *, has_colours: bool = True
) -> ScreenCompanion:
    """Return what a session runs beside the bench: the screen on a terminal."""

    def start(bench: ScreenBench, stop: asyncio.Event) -> Awaitable[None]:
        theme = theme_for(environ, has_colours=has_colours)
        return TerminalScreen(bench, descriptor, theme).run(stop)

    return start
