"""A tray of simulated modules in this process, and the bench in a process of its own.

What its screens show is noted with the time of each change.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pyte

sys.path.insert(0, str(Path(__file__).parents[1]))
from modemagent.provisioning.journal import JOURNAL_NAME, order_folder
from modemagent.provisioning.screen.page import grid
from modemagent.provisioning.simulation.planted import (
    TRANSCRIPT,
    PlantedUnit,
    order_of,
    unit_with,
)
from modemagent.simulator.catalogue import find
from modemagent.simulator.modem import SimulatedModem
from modemagent.simulator.script import load
from modemagent.simulator.server import SimulatorServer
from modemagent.simulator.tray import SimulatedTray

ROOT = Path(__file__).parents[1]
BAYS, BOOT_S, LATENCY_MS = 16, 15.0, 5
#: Counted for a tile that does not show an event.
_NEVER_S = 10.0
_SIZE = (140, 40)
_HEADER_LINES = 2


class Tiles:
    """The texts of all tiles over time, as a screen shows them."""

    def __init__(self) -> None:
        self.changes: dict[str, list[tuple[float, str]]] = {}

    def note(self, bay: str, at: float, text: str) -> None:
        found = self.changes.setdefault(bay, [])
        if not found or found[-1][1] != text:
            found.append((at, text))

    def shows(self, bay: str, word: str) -> bool:
        found = self.changes.get(bay)
        return bool(found) and word in found[-1][1].lower()

    def delay_s(self, bay: str, since: float, word: str, *, is_gone: bool = False) -> float:
        """Return the time until a tile shows a word, or no longer shows it."""
        later = (at for at, text in self.changes.get(bay, ())
                 if at >= since and (word in text.lower()) != is_gone)  # fmt: skip
        return next(later, since + _NEVER_S) - since


class Browser(threading.Thread):
    """A browser with the page open: loads it, then receives its changes."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.tiles = Tiles()
        self._port = port
        for path in ("/", "/screen.css", "/screen.js"):
            with self._request(path) as page:
                assert b"200 OK" in page.recv(65536)
        self._events = self._request("/events")
        self.start()

    def _request(self, path: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())
        return connection

    def run(self) -> None:
        with self._events, self._events.makefile("rb") as lines, contextlib.suppress(OSError):
            for line in lines:
                if line.startswith(b"data: "):
                    now = time.monotonic()
                    for name, part in json.loads(line[6:])["changes"].items():
                        if name.startswith("bay-"):
                            self.tiles.note(f"{int(name[4:]) + 1:02}", now, part)


class Terminal(threading.Thread):
    """A pseudo-terminal whose output is noted with its time, and drawn when the bench has ended."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.person, self.device = os.openpty()
        size = struct.pack("HHHH", _SIZE[1], _SIZE[0], 0, 0)
        fcntl.ioctl(self.device, termios.TIOCSWINSZ, size)
        self._chunks: list[tuple[float, bytes]] = []
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self.person, 65536):
                self._chunks.append((time.monotonic(), data))

    def tiles(self) -> Tiles:
        found, screen = Tiles(), pyte.Screen(*_SIZE)
        stream = pyte.ByteStream(screen)
        places = grid(BAYS, 4, *_SIZE)
        for at, data in self._chunks:
            stream.feed(data)
            rows = screen.display
            for n in range(BAYS):
                row, column = divmod(n, places.columns)
                x = column * (places.tile_width + 1)
                y = _HEADER_LINES + row * (places.tile_height + 1)
                tile = [one[x : x + places.tile_width] for one in rows[y : y + places.tile_height]]
                found.note(f"{n + 1:02}", at, "\n".join(tile))
        return found

    def frames(self) -> tuple[int, float]:
        """Return the number of bytes of all frames, and the time they took."""
        return sum(len(data) for _, data in self._chunks), self._chunks[-1][0] - self._chunks[0][0]


class Fixture:
    """A tray of simulated modules, and the bench in a process of its own; a context manager.

    :param label: as in the column of the order
    :param has_station: a printer and an outbox for the registry
    :cvar python: interpreter of the bench
    """

    python = sys.executable

    def __init__(
        self,
        units: int,
        *words: str,
        label: str,
        boot_s: float = BOOT_S,
        has_screen: bool = False,
        has_station: bool = True,
        terminal: Terminal | None = None,
    ) -> None:
        self._stack = contextlib.ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._server = self._stack.enter_context(SimulatorServer())
        self._script = load(find(TRANSCRIPT))
        self._tray = SimulatedTray(self._server, self._folder, BAYS)
        self._faults = [f"latency-ms={LATENCY_MS}"]
        if boot_s:
            self._faults.append(f"boot-silent={boot_s}")
        self._left = [unit_with(number) for number in range(units, 0, -1)]
        for unit in self._left:
            unit.label_rule = label
        (self._folder / "line.csv").write_text(order_of(self._left))
        bays = "".join(f'"{bay}" = "{self._tray.path(bay)}"\n' for bay in self._tray.bays)
        text = f"[bays]\n{bays}"
        if has_station:
            text = f'printer = "file:{self._folder / "labels"}"\nregistry = "queue"\n{text}'
        (self._folder / "bench.toml").write_text(text)
        self.bays = self._tray.bays
        self.units: dict[str, PlantedUnit] = {}
        self.bay_of: dict[int, str] = {}
        self._journal = order_folder(self._folder / "state", "line") / JOURNAL_NAME
        self._read = 0
        words = (*words, "--screen", "127.0.0.1:0") if has_screen else words
        self._process = self._start(words, terminal)
        self.pid = self._process.pid
        port = 0
        if has_screen:
            assert self._process.stderr is not None
            port = int(self._process.stderr.readline().split(b":")[-1].strip(b"/\n"))
        while not self._journal.exists() or not self._journal.stat().st_size:
            time.sleep(0.05)
        time.sleep(1)
        self.browser = Browser(port) if has_screen else None

    def _start(self, words: tuple[str, ...], terminal: Terminal | None) -> subprocess.Popen[bytes]:
        command = [self.python, "-m", "modemagent", "provision", str(self._folder / "line.csv"),
                   "--bench", str(self._folder / "bench.toml"),
                   "--state-dir", str(self._folder / "state"), *words]  # fmt: skip
        own = terminal.device if terminal else None
        environment = {**os.environ, "TERM": "xterm-256color"}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE,
                                stdin=subprocess.PIPE if own is None else own,
                                stdout=subprocess.DEVNULL if own is None else own)  # fmt: skip

    def __enter__(self) -> Fixture:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._stack.close()

    def end(self) -> dict[str, Any]:
        """End the session; return the totals of the order."""
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=60)
        totals: dict[str, Any] = json.loads(
            (self._journal.parent / "results" / "totals.json").read_text()
        )
        return totals

    def plug(self, bay: str, unit: PlantedUnit | None = None) -> float:
        """Plug the next unit, or this one, into a bay; return the time."""
        unit = self.units[bay] = unit or self._left.pop()
        arguments = {**unit.modem, "faults": self._faults}
        self._tray.plug(bay, SimulatedModem(self._script, clone=unit.number, **arguments))
        return time.monotonic()

    def pull(self, bay: str) -> PlantedUnit:
        self._tray.pull(bay)
        return self.units.pop(bay)

    def scan(self, bay: str, terminal: Terminal | None = None) -> float:
        """Scan the code of a bay and the label of its module; return the time."""
        end = "\r" if terminal else "\n"
        data = f"MA-BAY-{bay}{end}{self.units[bay].imei}{end}".encode()
        now = time.monotonic()
        if terminal:
            os.write(terminal.person, data)
        else:
            assert self._process.stdin is not None
            self._process.stdin.write(data)
            self._process.stdin.flush()
        return now

    def verdicts(self) -> list[tuple[str, str, float]]:
        """Return bay, verdict and time of the verdicts that are new in the journal."""
        with self._journal.open("rb") as journal:
            journal.seek(self._read)
            data = journal.read().rpartition(b"\n")[0]
        self._read += len(data) + 1 if data else 0
        found = []
        for record in map(json.loads, data.splitlines()):
            if record["kind"] == "attempt":
                self.bay_of[record["run"]] = record["bay"]
            elif record["kind"] == "verdict":
                bay = self.bay_of[record["run"]]
                found.append((bay, record["verdict"], record["mono_ms"] / 1000))
        return found

    def cpu_s(self) -> float:
        return time.clock_gettime(~self.pid << 3 | 2)  # what clock_getcpuclockid(3) returns

    def share(self, seconds: float) -> float:
        """Return the share of a core that the bench takes, in percent."""
        before = self.cpu_s()
        time.sleep(seconds)
        return (self.cpu_s() - before) / seconds * 100

    def memory_mb(self) -> float:
        rows = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(one for one in rows if one.startswith("VmRSS")).split()[1]) * 1024 / 1e6
