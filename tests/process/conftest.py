"""Processes under test: simulated modems, the daemon and the registry, started as users do.

Tests never sleep for a fixed time: each wait polls a condition until its deadline.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests import preloaded
from tests.conftest import call_in_process
from tests.preloaded import COMMAND as COMMAND
from tests.preloaded import Preloaded

T = TypeVar("T")
ENVIRONMENT = {key: value for key, value in os.environ.items() if "MODEMAGENT" not in key}
ENVIRONMENT["LC_ALL"] = "C.UTF-8"


def until(condition: Callable[[], T], *, deadline_s: float = 120, what: str = "") -> T:
    """Poll a condition until it returns something true, and return that.

    The longer it takes, the rarer are the polls: most of them cost the daemon an answer.

    :param what: description of the condition for the error message
    """
    begun = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited_s = time.monotonic() - begun
        if waited_s > deadline_s:
            raise AssertionError(
                f"not true in {deadline_s} s: {what or condition}; last: {value!r}"
            )
        time.sleep(min(0.01 + waited_s / 10, 0.3))


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return preloaded.run(words, env=ENVIRONMENT)


class Process:
    """A modemagent process that is killed at the end of the test if it still runs."""

    environment: Mapping[str, str] = ENVIRONMENT

    def __init__(self, *words: str, log: Path, **options: Any) -> None:
        self.words = words
        self.log = log
        self.options = options
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.popen = Preloaded(self.words, stderr=log, env=self.environment, **self.options)

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(120)

    def stop(self) -> float:
        """Send SIGTERM, wait for the exit and return the seconds until then."""
        begun = time.monotonic()
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(120)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return time.monotonic() - begun


class Bench(Process):
    """``modemagent simulate``, controlled over its stdin."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.links = folder / "ports"
        super().__init__(
            "simulate", *words, "--link-dir", str(self.links), log=folder / "simulate.log",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self.paths: dict[str, str] = {}
        while (line := self._line()) != "ready":
            name, path = line.split()
            self.paths[name] = path

    def _line(self) -> str:
        assert self.popen.stdout
        line: str = self.popen.stdout.readline()
        assert line, self.log.read_text()
        return line.strip()

    def do(self, command: str) -> float:
        """Execute one command and return the time at which it was sent."""
        assert self.popen.stdin
        sent = time.monotonic()
        self.popen.stdin.write(command + "\n")
        self.popen.stdin.flush()
        assert self._line().startswith("ok")
        return sent


class Registry(Process):
    """``modemagent registry serve`` on a free port, the same after a restart."""

    def __init__(self, folder: Path) -> None:
        self.state_dir = folder / "registry"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self._reading = ""
        super().__init__(
            "registry", "serve", "--listen", self.address, "--state-dir", str(self.state_dir),
            log=folder / "registry.log",
        )  # fmt: skip
        self.wait_ready()

    def wait_ready(self) -> None:
        def is_healthy() -> bool:
            assert self.popen.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(f"{self.url}/healthz", timeout=2).status == 200
            return False

        until(is_healthy, what="the registry is healthy")

    def token(self, *words: str) -> str:
        place = ("--state-dir", str(self.state_dir))
        done = call_in_process("registry", "token", "create", *place, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def authorization(self) -> dict[str, str]:
        """Return the header of a token that can read everything."""
        if not self._reading:
            self._reading = self.token("--scope", "read", "--full-ids")
        return {"Authorization": f"Bearer {self._reading}"}

    def get(self, path: str) -> Any:
        url = f"{self.url}/api/v1/{path}"
        request = urllib.request.Request(url, headers=self.authorization())
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            return None

    def sequences(self) -> list[int]:
        """Return the sequence numbers of all received reports, read from the database file."""
        return sorted(number for numbers in self.numbers().values() for number in numbers)

    def numbers(self) -> dict[str, list[int]]:
        """Return the sequence numbers of all received reports by stream id."""
        with contextlib.closing(sqlite3.connect(self.state_dir / "registry.db")) as db:
            rows = db.execute(
                "SELECT stream_id, first, last FROM received JOIN stream ON id = stream"
                " ORDER BY first"
            ).fetchall()
        found: dict[str, list[int]] = {}
        for stream, first, last in rows:
            found.setdefault(stream, []).extend(range(first, last + 1))
        return found

    def events(self) -> list[str]:
        found = self.get("events?limit=200") or {}
        rows = next((value for value in found.values() if isinstance(value, list)), [])
        return [row["type"] for row in rows]

    def has(self, identifier: str) -> bool:
        """Return True if a lookup of the identifier finds a match."""
        found = self.get(f"lookup?id={identifier}")
        return bool(found and found["matches"])


class Agent(Process):
    """``modemagent run`` without discovery, with a state directory of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.state_dir = folder / "state"
        super().__init__(
            "run", "--no-discovery", "--state-dir", str(self.state_dir), "--gateway-id", "gw-1",
            *words, log=folder / "agent.log",
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        """Return the status, or an empty dict if the daemon does not answer (yet)."""
        from modemagent.control.client import ask
        from modemagent.errors import ModemAgentError

        try:
            return ask(self.state_dir, {"do": "status"})
        except ModemAgentError:
            return {}

    def ports(self) -> dict[str, dict[str, Any]]:
        return {modem["port"]: modem for modem in self.status().get("modems", ())}

    def state(self, path: str) -> str:
        return str(self.ports().get(path, {}).get("state", ""))

    def is_watching(self, *paths: str) -> bool:
        return all(self.state(path) == "watching" for path in paths)

    def outbox(self) -> list[dict[str, Any]]:
        from modemagent.control.client import ask

        listed: Any = ask(self.state_dir, {"do": "outbox.list"})
        return list(listed["reports"])

    def is_empty(self) -> bool:
        return self.status().get("outbox", {}).get("waiting") == 0


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start processes by class; kill them after the test and print their logs if it failed."""
    running: list[Process] = []

    def start(kind: type[Process], *words: str) -> Process:
        process = kind.__new__(kind)
        running.append(process)  # also if its start fails
        process.__init__(tmp_path, *words)  # type: ignore[misc]
        return process

    yield start
    for process in reversed(running):
        if not hasattr(process, "popen"):
            continue
        if process.popen.poll() is None:
            process.kill()
        for pipe in (process.popen.stdin, process.popen.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        print(f"--- {process.log.name}\n{process.log.read_text()[-6000:]}")
