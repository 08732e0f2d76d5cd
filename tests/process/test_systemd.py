"""The service under systemd: the unit checked by systemd-analyze, the daemon's notifications."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.process.conftest import COMMAND, ENVIRONMENT, Bench, until

UNIT = "modemagent.service"
WATCHDOG_S = 0.4


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (apt-get install systemd)")
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as `modemagent install` writes it for this interpreter."""
    from modemagent.installation import entry_point, layout

    text = entry_point.unit(layout.shipped(UNIT), (sys.executable, "-m", "modemagent"), ())
    file = tmp_path / UNIT
    file.write_text(text)
    return file


def test_systemd_accepts_the_unit_without_a_warning(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # it always exits with 0: make sure that a mistake is printed
    unit.write_text(unit.read_text().replace("RestartSec=5", "RestartSecs=5"))
    assert "RestartSecs" in analyze("verify", "--man=no", str(unit)).stderr


def test_unit_limits_memory_and_threads_and_writes_no_core(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert {"LimitCORE=0", "MemoryMax=160M", "TasksMax=256"} < set(lines)


@pytest.mark.parametrize("homes", [(), ("/home/pi/venv", "/root/.pyenv/versions/3.11")])
def test_unit_exposure_level_is_at_most_2(unit: Path, homes: tuple[str, ...]) -> None:
    from modemagent.installation import entry_point

    text = entry_point.unit(unit.read_text(), (sys.executable, "-m", "modemagent"), homes)
    unit.write_text(text)
    assert text.count("BindReadOnlyPaths=") == len(homes)
    done = analyze("security", "--offline=true", "--threshold=20", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    print("exposure:", found.group(1))
    assert (done.returncode, float(found.group(1)) <= 2.0) == (0, True)


class Service:
    """The daemon with a notification socket, started as by systemd."""

    def __init__(self, folder: Path, *words: str, code: str = "", **environment: str) -> None:
        self.log = folder / "service.log"
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.bind(str(folder / "notify"))
        start = [sys.executable, "-c", code] if code else COMMAND
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                [*start, "run", "--no-discovery", "--state-dir", str(folder / "state"), *words],
                stderr=log,
                env=ENVIRONMENT
                | {
                    "NOTIFY_SOCKET": str(folder / "notify"),
                    "WATCHDOG_USEC": str(int(WATCHDOG_S * 1_000_000)),
                }
                | environment,
            )

    def notification(self, word: str) -> str:
        """Return the next notification that contains a word."""
        self.systemd.settimeout(20)
        while True:
            text = self.systemd.recv(65536).decode()
            if word in text:
                return text

    def drain(self) -> None:
        self.systemd.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while self.systemd.recv(65536):
                pass

    def is_silent(self) -> bool:
        """Return True if no notification arrives in ten times their usual interval."""
        self.systemd.settimeout(WATCHDOG_S / 2 * 10)
        try:
            self.systemd.recv(65536)
        except TimeoutError:
            return True
        return False

    def process_state(self) -> str:
        text = Path(f"/proc/{self.popen.pid}/stat").read_text()
        return text.rpartition(")")[2].split()[0]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    running: list[Service] = []

    def start(*words: str, **options: Any) -> Service:
        running.append(Service(tmp_path, *words, **options))
        return running[-1]

    yield start
    for each in running:
        if each.popen.poll() is None:
            each.popen.kill()
            each.popen.wait(120)
        each.systemd.close()
        print(each.log.read_text()[-3000:])


def test_systemd_is_notified_of_ready_status_and_stopping(
    service: Callable[..., Service], started: Callable[..., Any]
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    daemon = service("--port", next(iter(bench.paths.values())))
    assert daemon.notification("READY=1")
    alive = daemon.notification("1 of 1 ports watched")
    assert "WATCHDOG=1" in alive.splitlines()
    assert "STATUS=1 of 1 ports watched, 1 reports waiting, no registry set" in alive.splitlines()
    daemon.popen.terminate()
    assert daemon.notification("STOPPING=1")
    assert daemon.popen.wait(120) == 0


def test_stopped_daemon_does_not_feed_the_watchdog(service: Callable[..., Service]) -> None:
    daemon = service("--port", "/nowhere/tty")
    daemon.notification("WATCHDOG=1")
    daemon.popen.send_signal(signal.SIGSTOP)
    until(lambda: daemon.process_state() == "T")
    daemon.drain()
    assert daemon.is_silent()
    daemon.popen.send_signal(signal.SIGCONT)
    assert daemon.notification("WATCHDOG=1")


# The handler of a signal runs in the thread of the event loop and blocks it.
BLOCKED = """
import os, signal, sys, threading
from modemagent.__main__ import main
def block(*_):
    os.write(2, b"blocked\\n")
    threading.Event().wait()
signal.signal(signal.SIGUSR1, block)
sys.argv[0] = "modemagent"
main()
"""


def test_blocked_event_loop_does_not_feed_the_watchdog(
    service: Callable[..., Service],
) -> None:
    daemon = service("--port", "/nowhere/tty", code=BLOCKED)
    daemon.notification("WATCHDOG=1")
    os.kill(daemon.popen.pid, signal.SIGUSR1)
    until(lambda: "blocked\n" in daemon.log.read_text())
    daemon.drain()
    assert daemon.is_silent()
    assert daemon.process_state() == "S"  # alive, and sleeping


def test_hanging_modems_do_not_starve_the_watchdog(
    service: Callable[..., Service], started: Callable[..., Any]
) -> None:
    bench = started(Bench, "quectel-eg25-g", "telit-ge910-quad")
    daemon = service(*(word for path in bench.paths.values() for word in ("--port", path)))
    daemon.notification("2 of 2 ports watched")
    bench.popen.send_signal(signal.SIGSTOP)  # neither modem sends another byte
    for _ in range(5):
        daemon.notification("WATCHDOG=1")
    bench.popen.send_signal(signal.SIGCONT)


def test_token_is_read_from_systemd_credentials(
    service: Callable[..., Service], started: Callable[..., Any], tmp_path: Path
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "token").write_text("from-credentials\n")
    bench = started(Bench, "quectel-eg25-g")
    with listener:
        service(
            *("--port", next(iter(bench.paths.values()))),
            *("--registry", f"http://127.0.0.1:{listener.getsockname()[1]}"),
            CREDENTIALS_DIRECTORY=str(credentials),
        )
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(20)
            request = b""
            while b"\r\n\r\n" not in request:
                chunk = connection.recv(65536)
                assert chunk
                request += chunk
    assert b"\r\nauthorization: bearer from-credentials\r\n" in request.lower()
