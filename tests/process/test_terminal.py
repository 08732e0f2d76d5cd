"""``modemagent at PORT`` on a real terminal: alone, and through the daemon that holds the port."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modemagent.errors import AgentNotRunning, PortBusy
from modemagent.simulator.server import RunningModem
from tests.process.conftest import COMMAND, ENVIRONMENT, Agent, until
from tests.simulated import simulated

Start = Callable[..., Any]
EG25 = "quectel-eg25-g"
PROMPT = "at> "
UP, CTRL_C, CTRL_D, TAB = "\x1b[A", "\x03", "\x04", "\t"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\x07]")


class Terminal:
    """``modemagent at`` on a pseudo terminal: types keys and reads the screen."""

    def __init__(self, *words: str) -> None:
        self._near, far = pty.openpty()
        # on a narrow terminal readline would redraw the prompt
        termios.tcsetwinsize(self._near, (50, 200))
        self.popen = subprocess.Popen(
            [*COMMAND, *words], stdin=far, stdout=far, stderr=far, start_new_session=True,
            env={**ENVIRONMENT, "TERM": "xterm", "INPUTRC": os.devnull},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(far)
        self.seen = ""

    def read_to(self, word: str, *, after: str = "", deadline_s: float = 120) -> str:
        """Return the output up to and including a word."""
        if after:
            self.read_to(after)
        deadline = time.monotonic() + deadline_s
        while word not in self.seen:
            ready, _, _ = select.select([self._near], [], [], deadline - time.monotonic())
            assert ready, f"{word!r} was not shown, but {self.seen!r}"
            # a control sequence may arrive in two pieces
            self.seen = _CONTROL.sub("", self.seen + self._more())
        shown, _, self.seen = self.seen.partition(word)
        return shown + word

    def _more(self) -> str:
        try:
            data = os.read(self._near, 65536)
        except OSError:  # the command has ended
            data = b""
        assert data, f"the command has ended: {self.seen!r}"
        return data.decode()

    def type(self, text: str) -> None:
        os.write(self._near, text.encode())

    def ask(self, text: str) -> str:
        """Type a line; return the output up to the next prompt."""
        self.type(text + "\r")
        return self.read_to(PROMPT)

    def interrupt(self) -> None:
        """Press Ctrl-C once the process waits for a key: readline loses an earlier one."""
        stat = Path(f"/proc/{self.popen.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S")
        self.type(CTRL_C)

    def ends(self) -> int:
        while True:
            try:
                if not os.read(self._near, 65536):
                    break
            except OSError:
                break
        return self.popen.wait(120)

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait(120)
        os.close(self._near)


@contextmanager
def at(*words: str) -> Iterator[Terminal]:
    terminal = Terminal("at", *words)
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.fixture
def modem() -> Iterator[RunningModem]:
    with simulated(EG25) as sim:
        yield sim


@pytest.fixture(params=["alone", "through the daemon"])
def words(request: pytest.FixtureRequest, modem: RunningModem, started: Start) -> list[str]:
    """Arguments of ``at`` for a free port, and for a port that the daemon has open."""
    if request.param == "alone":
        return [modem.path]
    agent = started(Agent, "--port", modem.path, "--poll-interval", "3600")
    until(lambda: agent.is_watching(modem.path))
    return [modem.path, "--state-dir", str(agent.state_dir)]


def test_terminal_has_history_completion_and_two_exits(
    words: list[str], modem: RunningModem
) -> None:
    before = len(modem.lines_received)
    with at(*words) as terminal:
        assert "Ctrl-D quits" in terminal.read_to(PROMPT)
        assert "+CSQ: 17,99    (signal" in terminal.ask("AT+CSQ")
        assert "+CSQ: 17,99    (signal" in terminal.ask(UP)
        terminal.type("at+qcc" + TAB)
        terminal.read_to("AT+QCCID")
        assert "+QCCID: 89" in terminal.ask("")
        assert "it switches the radio on or off" in terminal.ask("AT+CFUN=0")
        # Ctrl-C discards the unfinished line and nothing else
        terminal.type("AT+CFU")
        terminal.read_to("AT+CFU")
        terminal.interrupt()
        terminal.read_to(PROMPT)
        assert "EG25" in terminal.ask("AT+CGMM")
        terminal.type(CTRL_D)
        assert terminal.ends() == 0
    sent = [line for line in modem.lines_received[before:] if line.startswith("AT+")]
    expected = ["AT+CSQ", "AT+CSQ", "AT+QCCID", "AT+CGMM"]
    assert [line for line in sent if line in (*expected, "AT+CFUN=0")] == expected
    with at(*words) as terminal:
        terminal.read_to(PROMPT)
        terminal.type("quit\r")
        assert terminal.ends() == 0


@pytest.fixture
def agent(modem: RunningModem, started: Start) -> Agent:
    agent: Agent = started(Agent, "--port", modem.path, "--poll-interval", "3600")
    until(lambda: agent.is_watching(modem.path))
    return agent


def test_terminal_shows_urcs_while_the_daemon_keeps_watching(
    agent: Agent, modem: RunningModem
) -> None:
    with at(modem.path, "--state-dir", str(agent.state_dir)) as terminal:
        terminal.read_to(PROMPT)
        assert "OK" in terminal.ask("AT")
        modem.remove_sim()
        until(lambda: agent.outbox()[-1]["reason"] == "sim_changed")
        assert "* +CPIN: NOT READY" in terminal.ask("AT")
        terminal.type(CTRL_D)
        assert terminal.ends() == 0
    modem.insert_sim()
    until(lambda: [r["reason"] for r in agent.outbox()].count("sim_changed") == 2)
    assert agent.is_watching(modem.path)
    assert '"error"' not in agent.log.read_text()


def test_terminal_survives_a_replug(agent: Agent, modem: RunningModem) -> None:
    with at(modem.path, "--state-dir", str(agent.state_dir)) as terminal:
        terminal.read_to(PROMPT)
        assert "OK" in terminal.ask("AT")
        modem.unplug()
        until(lambda: agent.state(modem.path) == "absent")
        assert "modemagent: " in terminal.ask("AT")
        modem.replug()
        until(lambda: agent.is_watching(modem.path))
        assert "OK" in terminal.ask("AT")
        terminal.type(CTRL_D)
        assert terminal.ends() == 0


def test_terminal_exits_when_the_daemon_stops(agent: Agent, modem: RunningModem) -> None:
    with at(modem.path, "--state-dir", str(agent.state_dir)) as terminal:
        terminal.read_to(PROMPT)
        agent.stop()
        terminal.type("AT\r")
        assert "closed the connection" in terminal.read_to("\n", after="modemagent: ")
        assert terminal.ends() == AgentNotRunning.exit_status


def test_terminal_reports_a_busy_port_before_the_prompt(agent: Agent, started: Start) -> None:
    with simulated(EG25, clone=1) as other, at(other.path) as holder:
        holder.read_to(PROMPT)
        with at(other.path, "--state-dir", str(agent.state_dir)) as terminal:
            assert "is held by python" in terminal.read_to("\n")
            assert terminal.ends() == PortBusy.exit_status


@pytest.mark.parametrize("through", ["port", "daemon"])
def test_ctrl_c_cancels_the_waiting_line_only(started: Start, through: str) -> None:
    with simulated(EG25, faults=["silent=AT+CSQ"]) as mute:
        words = [mute.path, "--timeout", "3"]
        if through == "daemon":
            agent = started(Agent, "--port", mute.path, "--poll-interval", "3600")
            until(lambda: agent.is_watching(mute.path))
            words += ["--state-dir", str(agent.state_dir)]
        with at(*words) as terminal:
            terminal.read_to(PROMPT)
            terminal.type("AT+CSQ\r")
            until(lambda: "AT+CSQ" in mute.lines_received)
            terminal.type(CTRL_C)
            assert "cancelled" in terminal.read_to(PROMPT)
            assert "EG25" in terminal.ask("AT+CGMM")
            terminal.type(CTRL_D)
            assert terminal.ends() == 0


def test_help_explains_the_terminal(modem: RunningModem) -> None:
    before = len(modem.lines_received)
    with at(modem.path) as terminal:
        terminal.read_to(PROMPT)
        assert "stop waiting for a response" in terminal.ask("help")
        terminal.type(CTRL_D)
        assert terminal.ends() == 0
    assert "help" not in modem.lines_received[before:]
