"""A modem whose supply breaks down: every drop is counted and shown, few are reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.process.conftest import Agent, Bench, call, until

Start = Callable[..., Any]
FAULT = "8 drops in"
ADVICE = "check power supply and cable"


def reasons(agent: Agent) -> list[str]:
    return [report["reason"] for report in agent.outbox() if report["reason"] != "heartbeat"]


def healths(agent: Agent) -> list[dict[str, Any]]:
    return [report["health"] for report in agent.outbox() if report["reason"] == "heartbeat"]


def test_eight_drops_are_shown_and_reported_in_part(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path, "--heartbeat-interval", "1")
    until(lambda: agent.is_watching(path))
    for _ in range(8):
        bench.do(f"unplug {name}")
        until(lambda: agent.state(path) == "absent")
        bench.do(f"replug {name}")
        until(lambda: agent.is_watching(path))
    (drops,) = agent.status()["drops"]
    assert (drops["port"], drops["drops"]) == (path, 8)
    assert agent.ports()[path]["drops"] == 8
    assert drops["message"].startswith(FAULT) and drops["message"].endswith(ADVICE)
    assert drops["message"] in call("status", "--state-dir", str(agent.state_dir)).stdout
    assert agent.log.read_text().count('"modem_drops"') == 1
    found = call("diagnose", path, "--json", "--state-dir", str(agent.state_dir))
    (modem,) = json.loads(found.stdout)["modems"]
    assert (found.returncode, modem["first"]) == (3, "device")
    assert modem["findings"][0]["message"] == drops["message"]
    assert reasons(agent) == ["identified", *["removed", "identified"] * 5]
    shown = {"port_id": path, "state": "watching", "drops": 0}
    until(lambda: healths(agent)[-1]["modems"] == [shown])
    assert max(modem["drops"] for health in healths(agent) for modem in health["modems"]) == 8


def test_swap_during_drops_is_reported(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path)
    until(lambda: agent.is_watching(path))
    for _ in range(7):
        bench.do(f"unplug {name}")
        until(lambda: agent.state(path) == "absent")
        bench.do(f"swap-silent {name}")
        bench.do(f"replug {name}")
        until(lambda: agent.is_watching(path))
    pairs = ["removed", "identified"] * 5
    assert reasons(agent) == ["identified", *pairs, "sim_changed", "sim_changed"]


def test_heartbeat_counts_the_restarts_of_the_agent(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    (path,) = bench.paths.values()
    agent = started(Agent, "--port", path, "--heartbeat-interval", "1")
    for restarts in range(3):
        until(lambda: agent.status() and healths(agent))
        until(lambda: healths(agent)[-1]["restarts"] == restarts)  # noqa: B023
        agent.kill()
        agent.start()
