"""Selection of the agent by option, environment or settings, and hints if it is the wrong one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from modemagent.access.agent import state_dir_of
from modemagent.access.options import AgentLocator
from modemagent.cli.main import cli
from modemagent.control.client import ControlClient
from modemagent.errors import AgentDenied, SettingsError
from tests.process.conftest import Agent, Bench, until

EG25 = "quectel-eg25-g"
IMEI = "865284040000014"
NOBODY = 65534


class Place:
    """A modem whose port an agent holds, of a state directory that only its settings name."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder, EG25)
        (self.port,) = self.bench.paths.values()
        self.agent = Agent(folder, "--port", self.port, "--poll-interval", "3600")
        self.settings = folder / "agent.toml"
        self.settings.write_text(f'state_dir = "{self.agent.state_dir}"\n')
        until(lambda: self.agent.is_watching(self.port))

    def end(self) -> None:
        self.agent.kill()
        self.bench.kill()
        for pipe in (self.bench.popen.stdin, self.bench.popen.stdout):
            assert pipe
            pipe.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("held"))
    try:
        yield place
    finally:
        place.end()


@pytest.mark.parametrize(
    "words",
    [("identify", "--field", "imei"), ("at", "AT+CGSN"), ("diagnose",), ("status",)],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("broken", [False, True], ids=["sound", "with a mistake"])
def test_settings_file_selects_the_agent(
    call: Any, place: Place, tmp_path: Path, words: tuple[str, ...], broken: bool
) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(place.settings.read_text() + ("baud = 1\n" if broken else ""))
    command, *more = words
    port = () if command == "status" else (place.port,)
    done = call("--config", str(file), command, *port, *more)
    assert (done.returncode, IMEI in done.stdout) == (0, True), done.stdout + done.stderr


def test_watch_uses_the_settings_file(environment: dict[str, str], place: Place) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "modemagent", "--config", str(place.settings), "watch", "--json"],
        stdout=subprocess.PIPE, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout
        started = json.loads(process.stdout.readline())
        process.kill()
    assert started["data"]["ports"] == [place.port]


def test_watch_hints_at_a_wrong_state_directory(
    environment: dict[str, str], place: Place, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "modemagent", "watch", place.port, "--state-dir", str(tmp_path)],
        stdout=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout
        broken = next(line for line in process.stdout if "broken" in line)
        process.kill()
    assert "--state-dir" in broken and "stop modemagent" not in broken


def test_diagnose_checks_ports_that_the_agent_watches(
    call: Any, machine: Any, place: Place
) -> None:
    """A pseudo terminal is in no sysfs, so only the agent lists it."""
    words = ("diagnose", "--root", str(machine.root), "--state-dir", str(place.agent.state_dir))
    done = call(*words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (modem,) = json.loads(done.stdout)["modems"]
    assert (modem["port"], modem["through"]) == (place.port, "agent")


def test_environment_selects_the_agent(call: Any, place: Place) -> None:
    env = {"MODEMAGENT_RUN_STATE_DIR": str(place.agent.state_dir)}
    assert call("identify", place.port, env=env).returncode == 0


@pytest.mark.parametrize("command", ["identify", "at", "diagnose"])
def test_busy_port_hints_at_a_wrong_state_directory(
    call: Any, place: Place, tmp_path: Path, command: str
) -> None:
    line = ("AT",) if command == "at" else ()
    done = call(command, place.port, *line, "--state-dir", str(tmp_path))
    assert done.returncode == 5
    said = done.stdout + done.stderr
    assert "--state-dir" in said and "--config" in said and str(tmp_path) in said
    assert "stop modemagent" not in said


def test_record_cannot_use_the_agent(call: Any, place: Place) -> None:
    done = call("--config", str(place.settings), "record", place.port)
    assert done.returncode == 5
    assert "not the bytes" in done.stderr and "systemctl stop modemagent" in done.stderr


def test_missing_settings_file_is_refused(call: Any, place: Place, tmp_path: Path) -> None:
    held = call("--config", str(tmp_path / "none.toml"), "identify", place.port)
    assert (held.returncode, "none.toml does not exist" in held.stderr) == (2, True)
    with pytest.raises(SettingsError):
        state_dir_of(AgentLocator(None, str(tmp_path / "none.toml")))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
@pytest.mark.parametrize(
    ("mode", "group", "said"),
    [(0o700, 0, "run this as root"), (0o750, 20, "Join the group dialout and log in again, or")],
)
def test_hint_names_the_users_that_may_connect(mode: int, group: int, said: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        state = Path(folder) / "state"
        state.mkdir()
        shutil.chown(state, 0, group)
        state.chmod(mode)
        os.seteuid(NOBODY)
        try:
            with pytest.raises(AgentDenied) as denied:
                ControlClient(state)
        finally:
            os.seteuid(0)
    assert said in denied.value.hint


@pytest.mark.parametrize("name", ["identify", "at", "diagnose", "watch", "record", "status"])
def test_state_directory_is_opened_only_to_reach_the_agent(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    (option,) = (each for each in command.params if each.name == "state_dir")
    assert option.type is click.STRING  # a path would be opened when the words are parsed
