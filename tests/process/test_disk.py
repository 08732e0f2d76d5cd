"""The daemon on a disk that fails it: it goes on, says so, and puts right what it can."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modemagent.report.outbox.outbox import DB_NAME
from tests.process.conftest import Agent, Bench, call, until

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Any]
mounting = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@pytest.fixture
def bench(started: Start) -> Bench:
    served: Bench = started(Bench, "quectel-eg25-g")
    return served


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "state"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=300k,mode=0700", "tmpfs", str(disk)]
    if subprocess.run(words, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def outbox(agent: Agent) -> dict[str, Any]:
    found: dict[str, Any] = agent.status().get("outbox", {})
    return found


def errors(agent: Agent) -> list[str]:
    lines = [json.loads(line) for line in agent.log.read_text().splitlines() if line[:1] == "{"]
    return [line["event"] for line in lines if line["level"] == "error"]


@mounting
def test_a_full_disk_is_shown_and_reports_are_written_when_there_is_room(
    small_disk: Path, started: Start, bench: Bench
) -> None:
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path)
    until(lambda: agent.is_watching(path))
    other = small_disk / "other"
    with pytest.raises(OSError, match="No space"), other.open("wb", 0) as file:
        while True:
            file.write(bytes(4096))
    swaps = 0
    while outbox(agent)["buffered"] < 3:
        before = outbox(agent)["waiting"]
        bench.do(f"swap {name}")
        swaps += 1
        until(lambda: outbox(agent)["waiting"] > before)  # noqa: B023
    assert "full" in outbox(agent)["error"]
    shown = call("status", "--state-dir", str(agent.state_dir)).stdout
    assert "3 of them in memory only" in shown and "full" in shown
    assert errors(agent).count("outbox_error") == 1
    other.unlink()
    until(lambda: not outbox(agent)["error"])
    assert [r["sequence"] for r in agent.outbox()] == list(range(1, outbox(agent)["waiting"] + 1))
    assert outbox(agent)["waiting"] > swaps
    assert agent.stop() < 5


@mounting
def test_a_disk_that_is_full_before_the_start(
    small_disk: Path, started: Start, bench: Bench
) -> None:
    ((_, path),) = bench.paths.items()
    other = small_disk / "other"
    with pytest.raises(OSError, match="No space"), other.open("wb", 0) as file:
        while True:
            file.write(bytes(4096))
    agent = started(Agent, "--port", path)
    until(lambda: agent.is_watching(path))
    assert "in memory only" in outbox(agent)["error"]
    assert len(agent.outbox()) == 1
    other.unlink()
    until(lambda: not outbox(agent)["error"])
    agent.kill()
    agent.start()
    until(lambda: agent.is_watching(path))
    assert [report["reason"] for report in agent.outbox()] == ["identified", "refresh"]


@mounting
def test_a_disk_that_can_only_be_read_does_not_stop_reports(
    small_disk: Path, started: Start, bench: Bench, tmp_path: Path
) -> None:
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path)
    until(lambda: agent.is_watching(path))
    agent.stop()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    out = tmp_path / "reports.jsonl"
    agent.words += ("--registry", f"file://{out}")
    agent.start()

    def sent() -> list[str]:
        lines = out.read_text().splitlines() if out.exists() else []
        return [json.loads(line)["reason"] for line in lines]

    until(lambda: sent() == ["identified", "refresh"])
    bench.do(f"swap {name}")
    until(lambda: sent()[-1:] == ["sim_changed"])
    assert errors(agent) == ["outbox_error", "control_socket_unavailable"]
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)

    def listed() -> dict[str, Any]:
        alone = call("outbox", "list", "--json", "--state-dir", str(agent.state_dir))
        found: dict[str, Any] = json.loads(alone.stdout) if alone.stdout else {}
        return found

    # what was in the file too, and was sent from memory, is known again by its number
    until(lambda: "outbox_recovered" in agent.log.read_text() and listed().get("waiting") == 0)
    assert sent() == ["identified", "refresh", "sim_changed"]


def test_a_damaged_outbox_is_set_aside_shown_and_the_modem_reported_again(
    started: Start, bench: Bench
) -> None:
    ((_, path),) = bench.paths.items()
    agent = started(Agent, "--port", path)
    until(lambda: agent.is_watching(path))
    agent.stop()
    file = agent.state_dir / DB_NAME
    file.write_bytes(bytes(file.stat().st_size))
    agent.start()
    until(lambda: agent.is_watching(path))
    (name,) = outbox(agent)["quarantined"]
    assert errors(agent).count("outbox_quarantined") == 1
    assert name in call("status", "--state-dir", str(agent.state_dir)).stdout
    assert name in call("outbox", "list", "--state-dir", str(agent.state_dir)).stderr
    # nothing was left of what is known of the port
    assert [report["reason"] for report in agent.outbox()] == ["identified"]
    agent.stop()
    assert name in call("outbox", "list", "--state-dir", str(agent.state_dir)).stderr
