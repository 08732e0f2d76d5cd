"""An agent that is restarted at a modem whose SIM starts slowly: the SIM is not removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.process.conftest import Agent, Bench, Registry, until
from tests.process.conftest import started as started_fixture

pytest.importorskip("fastapi", reason="the registry's packages are not installed")
started = started_fixture
ICCID = "8901260000000000014"
#: The modem says for as long that no SIM is inserted.
SLOW_S = 7.0


class Restarted(NamedTuple):
    """An agent that has been restarted while the modem reported no SIM."""

    agent: Agent
    registry: Registry
    bench: Bench
    name: str
    path: str


@pytest.fixture
def restarted(started: Any, tmp_path: Path) -> Restarted:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    registry = started(Registry)
    token = tmp_path / "token"
    token.write_text(registry.token("--scope", "gateway", "--gateway-id", "gw-1") + "\n")
    agent = started(Agent, "--port", path, "--registry", registry.url, "--token-file", str(token))
    until(lambda: registry.has(ICCID))
    until(agent.is_empty)
    agent.stop()
    bench.do(f"sim-out-silent {name}")
    agent.start()
    return Restarted(agent, registry, bench, name, path)


def test_sim_that_appears_late_creates_no_event(restarted: Restarted) -> None:
    agent, registry, bench, name, path = restarted
    before = registry.events()

    def is_doubting() -> bool:
        modem = agent.ports().get(path, {})
        return modem.get("state") == "identifying" and modem["since_s"] > SLOW_S

    until(is_doubting)
    bench.do(f"sim-in-silent {name}")
    until(lambda: agent.is_watching(path))
    until(agent.is_empty)
    assert agent.ports()[path]["last_report"]["reason"] == "refresh"
    assert registry.events() == before
    assert registry.sequences() == [1, 2]


def test_sim_removed_during_the_stop_is_reported(restarted: Restarted) -> None:
    until(lambda: "sim.removed" in restarted.registry.events())
    until(lambda: restarted.agent.is_watching(restarted.path))
    assert restarted.registry.sequences() == [1, 2]
