"""The daemon on a full, read-only or damaged disk: it keeps working, reports it and recovers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modemagent.report.outbox.state_dir import DB_NAME
from tests.process.conftest import Agent, Bench, call, until

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
def test_reports_are_buffered_until_the_disk_has_space(
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
def test_agent_starts_on_a_full_disk(small_disk: Path, started: Start, bench: Bench) -> None:
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
def test_reports_are_delivered_from_a_read_only_disk(
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

    # reports sent from memory that are in the file as well are recognized by their numbers
    until(lambda: "outbox_recovered" in agent.log.read_text() and listed().get("waiting") == 0)
    assert sent() == ["identified", "refresh", "sim_changed"]


def test_damaged_outbox_is_quarantined_and_the_agent_goes_on(started: Start, bench: Bench) -> None:
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
    # the baseline of the port was lost with the file
    assert [report["reason"] for report in agent.outbox()] == ["identified"]
    agent.stop()
    assert name in call("outbox", "list", "--state-dir", str(agent.state_dir)).stderr
