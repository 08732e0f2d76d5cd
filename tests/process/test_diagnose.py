"""diagnose on a port that the daemon has open: through its socket, with reading commands only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.process.conftest import Agent, Bench, Process, call, until

EG25 = "quectel-eg25-g"


def diagnosed(agent: Agent, port: str, *, status: int) -> dict[str, Any]:
    done = call("diagnose", port, "--json", "--state-dir", str(agent.state_dir))
    assert done.returncode == status, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_diagnose_goes_through_the_agent_that_has_the_port(started: Callable[..., Process]) -> None:
    bench: Any = started(Bench, EG25)
    [port] = bench.paths.values()
    agent: Any = started(Agent, "--port", port)
    until(lambda: agent.is_watching(port))
    document = diagnosed(agent, port, status=0)
    [modem] = document["modems"]
    found = {each["check"]: each for each in modem["findings"]}
    assert modem["through"] == "agent"
    assert "held by the modemagent daemon" in found["holder"]["message"]
    assert found["signal"]["state"] == "ok"
    host = {each["check"]: each for each in document["host"]}
    assert host["agent"]["state"] == "ok"
    assert "1 of 1 modems watched" in host["agent"]["message"]
    assert host["registry"]["state"] == "note"
    # the daemon keeps watching
    assert agent.is_watching(port)
    bench.do(f"sim-out {EG25}")
    until(lambda: agent.outbox()[-1]["reason"] == "sim_changed")
    document = diagnosed(agent, port, status=3)
    assert document["modems"][0]["first"] == "sim"


def test_agent_that_has_stopped_is_named(started: Callable[..., Process]) -> None:
    bench: Any = started(Bench, EG25)
    [port] = bench.paths.values()
    agent: Any = started(Agent, "--port", port)
    until(lambda: agent.is_watching(port))
    agent.stop()
    document = diagnosed(agent, port, status=0)
    found = {each["check"]: each for each in document["host"]}
    assert found["agent"]["state"] == "warning"
    assert "one has run there" in found["agent"]["message"]
    assert "systemctl start modemagent" in found["agent"]["remedy"]
