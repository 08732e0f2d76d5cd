"""From the modem to the registry: agent and registry processes, outages and kills."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.process.conftest import Agent, Bench, Registry, call, until

pytest.importorskip("fastapi", reason="the registry's packages are not installed")
Start = Callable[..., Any]


@pytest.fixture
def registry(started: Start) -> Registry:
    served: Registry = started(Registry)
    return served


def options(registry: Registry, folder: Path) -> list[str]:
    token = folder / "token"
    token.write_text(registry.token("--scope", "gateway", "--gateway-id", "gw-1") + "\n")
    return ["--registry", registry.url, "--token-file", str(token)]


def iccid(agent: Agent, path: str) -> str:
    return str(agent.ports()[path]["sims"][0]["iccid"])


def test_swap_signalled_by_urc_reaches_the_registry_within_2_s(
    started: Start, registry: Registry, tmp_path: Path
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path, "--poll-interval", "3600", *options(registry, tmp_path))
    until(lambda: agent.is_watching(path) and agent.is_empty())
    assert registry.has(iccid(agent, path))
    new = "8988303000000000069"
    assert not registry.has(new)
    sent = bench.do(f"swap {name} {new}")
    until(lambda: registry.has(new))
    took = time.monotonic() - sent
    print(f"swap to registry: {took:.3f} s")
    assert took < 2
    until(lambda: "sim.swapped" in registry.events())


def test_silent_swap_found_by_a_poll_reaches_the_registry(
    started: Start, registry: Registry, tmp_path: Path
) -> None:
    bench = started(Bench, "telit-ge910-quad")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path, "--poll-interval", "0.5", *options(registry, tmp_path))
    until(lambda: agent.is_watching(path) and agent.is_empty())
    bench.do(f"swap-silent {name}")
    until(lambda: "sim.swapped" in registry.events())


def test_unplug_and_replug_reach_the_registry(
    started: Start, registry: Registry, tmp_path: Path
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path, *options(registry, tmp_path))
    until(lambda: agent.is_watching(path) and agent.is_empty())
    bench.do(f"unplug {name}")
    until(lambda: "modem.removed" in registry.events())
    bench.do(f"replug {name}")
    until(lambda: agent.is_watching(path) and agent.is_empty())
    assert registry.events().count("modem.removed") == 1
    assert registry.events().count("modem.first_seen") == 1


def test_reports_made_during_a_registry_outage_arrive_after_it(
    started: Start, registry: Registry, tmp_path: Path
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path, *options(registry, tmp_path))
    until(lambda: agent.is_watching(path) and agent.is_empty())
    registry.kill()
    for number in range(3):
        bench.do(f"swap {name}")
        until(lambda: agent.status()["outbox"]["waiting"] > number)  # noqa: B023
    uplink = until(lambda: (u := agent.status()["uplink"])["state"] == "unreachable" and u)
    assert "refused" in uplink["reason"] and uplink["next_attempt_in_s"] is not None
    failed = call("outbox", "flush", "--state-dir", str(agent.state_dir))
    assert failed.returncode == 6
    waiting = agent.status()["outbox"]["waiting"]
    registry.start()
    registry.wait_ready()
    flushed = call("outbox", "flush", "--json", "--state-dir", str(agent.state_dir))
    assert flushed.returncode == 0, flushed.stderr
    assert json.loads(flushed.stdout)["waiting"] == 0
    assert waiting <= 6
    sequences = registry.sequences()
    assert sequences == list(range(1, len(sequences) + 1))
    assert registry.events().count("sim.swapped") == 3


def test_registry_kills_lose_and_duplicate_no_report(
    started: Start, registry: Registry, tmp_path: Path
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((_, path),) = bench.paths.items()
    agent = started(
        Agent, "--port", path, "--heartbeat-interval", "1", "--refresh-interval", "1",
        *options(registry, tmp_path),
    )  # fmt: skip
    until(lambda: agent.is_watching(path))
    for _ in range(3):
        before = len(registry.sequences())
        until(lambda: len(registry.sequences()) > before)  # noqa: B023
        registry.kill()
        until(lambda: agent.status()["uplink"]["attempts"])
        registry.start()
        registry.wait_ready()
        call("outbox", "flush", "--state-dir", str(agent.state_dir))
    sequences = registry.sequences()
    assert sequences == list(range(1, len(sequences) + 1))


def test_agent_kills_lose_and_duplicate_no_report(
    started: Start, registry: Registry, tmp_path: Path
) -> None:
    bench = started(Bench, "quectel-eg25-g", "--count", "3")
    paths = list(bench.paths.values())
    agent = started(
        Agent, "--port-glob", f"{bench.links}/*", "--poll-interval", "0.2",
        *options(registry, tmp_path),
    )  # fmt: skip
    for kill in range(8):
        until(agent.status)
        if kill % 2:
            until(lambda: agent.is_watching(*paths))
        for name in bench.paths:
            bench.do(f"swap {name}")
        if kill % 3 == 2:
            until(agent.is_empty)
        agent.kill()
        agent.start()
    until(lambda: agent.is_watching(*paths) and agent.is_empty())
    last = max(port["last_report"]["sequence"] for port in agent.ports().values())
    assert registry.sequences() == list(range(1, last + 1))
    for path in paths:
        assert registry.has(iccid(agent, path))
    assert agent.status()["outbox"]["dead_letters"] == 0


def test_wrong_token_is_shown_and_loses_no_report(
    started: Start, registry: Registry, tmp_path: Path
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((_, path),) = bench.paths.items()
    words = options(registry, tmp_path)
    token = Path(words[-1])
    right = token.read_text()
    token.write_text("not-a-token\n")
    agent = started(Agent, "--port", path, *words)
    until(lambda: agent.status().get("uplink", {}).get("state") == "refused")
    shown = call("status", "--state-dir", str(agent.state_dir))
    assert shown.returncode == 0
    assert "refused: wrong token" in shown.stdout
    assert "not-a-token" not in shown.stdout + agent.log.read_text()
    flushed = call("outbox", "flush", "--json", "--state-dir", str(agent.state_dir))
    assert flushed.returncode == 6
    assert json.loads(flushed.stdout)["error"]["exit"] == 6
    until(lambda: agent.is_watching(path))
    assert registry.sequences() == []
    token.write_text(right)
    assert call("outbox", "flush", "--state-dir", str(agent.state_dir)).returncode == 0
    assert registry.sequences() == [1]


def test_flush_delivers_without_a_running_agent(
    started: Start, registry: Registry, tmp_path: Path
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((_, path),) = bench.paths.items()
    agent = started(Agent, "--port", path)
    until(lambda: agent.is_watching(path))
    agent.stop()
    words = options(registry, tmp_path)
    settings = tmp_path / "agent.toml"
    settings.write_text(
        f'registry = "{registry.url}"\ntoken_file = "{words[-1]}"\n'
        f'state_dir = "{agent.state_dir}"\ngateway_id = "gw-1"\n'
    )
    flushed = call("--config", str(settings), "outbox", "flush")
    assert flushed.returncode == 0, flushed.stderr
    assert registry.sequences() == [1]
