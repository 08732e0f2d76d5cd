"""A modem whose SIM is slow to start is in the registry before its SIM."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.discovery.conftest import TREES
from tests.process.conftest import Agent, Bench, Registry, until
from tests.process.conftest import started as started_fixture

pytest.importorskip("fastapi", reason="the registry's packages are not installed")
started = started_fixture
#: Seconds; longer than any test.
FOR_EVER = "sim-busy=1000000"


@pytest.mark.parametrize(
    "transcript", ["quectel-eg25-g", "telit-ge910-quad", "ublox-sara-g350", "simcom-sim868"]
)
def test_modem_is_reported_before_its_busy_sim(
    started: Any, tmp_path: Path, transcript: str
) -> None:
    expected = tomllib.loads(
        (TREES.parent / "transcripts" / transcript / "expected.toml").read_text()
    )
    imei = expected["reading"][0]["modem"]["imei"]
    iccid = expected["reading"][0]["sim"]["iccid"]
    bench = started(Bench, transcript, "--fault", FOR_EVER)
    ((name, path),) = bench.paths.items()
    registry = started(Registry)
    token = tmp_path / "token"
    token.write_text(registry.token("--scope", "gateway", "--gateway-id", "gw-1") + "\n")
    agent = started(Agent, "--port", path, "--registry", registry.url, "--token-file", str(token))
    until(lambda: registry.has(imei))
    # nothing but the state of a busy SIM can be read
    assert not registry.has(iccid)
    bench.do(f"fault {name} sim-busy=0")
    until(lambda: registry.has(iccid))
    until(agent.is_empty)
    assert registry.sequences() == [1, 2]
    assert agent.ports()[path]["last_report"]["reason"] == "sim_changed"
    events = registry.events()
    assert events.count("modem.first_seen") == events.count("sim.first_seen") == 1
    assert not {"sim.swapped", "sim.removed", "modem.swapped"} & set(events)
