"""watch, as a process: SIM cards that are inserted again, ports with errors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modemagent.cli.watch import Screen
from tests.process.conftest import Agent, Bench, until

pytestmark = pytest.mark.timeout(60)
EG25 = "quectel-eg25-g"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, EG25)
    yield bench
    bench.kill()
    for pipe in (bench.popen.stdin, bench.popen.stdout):
        assert pipe
        pipe.close()


@contextmanager
def watching(environment: dict[str, str], *words: str) -> Iterator[Iterator[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "modemagent", "watch", *words],
        stdout=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout
        try:
            yield iter(process.stdout)
        finally:
            process.kill()


@pytest.mark.parametrize("through", ["port", "agent"])
def test_reinserted_sim_is_shown(
    environment: dict[str, str], tmp_path: Path, bench: Bench, through: str
) -> None:
    (path,) = bench.paths.values()
    agent = (
        Agent(tmp_path, "--port", path, "--poll-interval", "3600") if through == "agent" else None
    )
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    try:
        if agent:
            until(lambda: agent.is_watching(path))
        with watching(environment, path, "--state-dir", str(state)) as lines:
            if not agent:
                assert any("SIM found: iccid" in line for line in lines)
            next(lines)
            bench.do(f"sim-out {EG25}")
            gone = next(line for line in lines if "SIM removed" in line)
            bench.do(f"sim-in {EG25}")
            back = next(line for line in lines if "SIM inserted again" in line)
    finally:
        if agent:
            agent.kill()
    assert back.split("iccid ")[1] == gone.split("iccid ")[1]


@pytest.mark.parametrize("through", ["port", "agent"])
def test_missing_port_is_shown_as_absent(
    environment: dict[str, str], tmp_path: Path, through: str
) -> None:
    path = "/dev/no-such-port"
    state = tmp_path / "state"
    state.mkdir()
    agent = Agent(tmp_path, "--port", path) if through == "agent" else None
    try:
        if agent:
            until(lambda: path in agent.ports())
        with watching(environment, path, "--json", "--state-dir", str(state)) as lines:
            started, absent = json.loads(next(lines)), json.loads(next(lines))
    finally:
        if agent:
            agent.kill()
    assert (started["event"], absent["event"], absent["port"]) == (
        "watch.started", "port.state", path,
    )  # fmt: skip
    assert absent["data"]["state"] == "absent"
    assert absent["data"]["message"].startswith("the port ")


def state(word: str, message: str = "", port: str = "/dev/ttyS0") -> dict[str, Any]:
    data = {"state": word, "message": message} if message else {"state": word}
    return {
        "schema": 1,
        "event": "port.state",
        "at": "",
        "port": port,
        "port_id": None,
        "data": data,
    }


def test_persistent_error_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    show = Screen(as_json=False).show
    for message in ("no permission", "no permission", "it is held", "it is held"):
        show(state("opening"))
        show(state("broken", message))
    show(state("broken", "no permission", port="/dev/ttyS1"))
    show(state("opening"))
    show(state("watching"))
    show(state("opening"))
    show(state("broken", "it is held"))
    said = [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "opening", "broken: no permission.", "broken: it is held.", "broken: no permission.",
        "watching", "opening", "broken: it is held.",
    ]  # fmt: skip
