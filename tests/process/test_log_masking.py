"""Logs of agent, registry and simulator at debug level contain no whole identifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from modemagent.simulator.catalogue import names
from tests.process.conftest import Agent, Bench, Registry, until

Start = Callable[..., Any]


def numbers_of(report: dict[str, Any]) -> Iterator[str]:
    modem = report["modem"] or {}
    for name in ("imei", "imeisv", "meid", "imei_raw"):
        yield str(modem.get(name) or "")
    for sim in report["sims"]:
        for name in ("iccid", "imsi", "eid", "iccid_raw", "imsi_raw"):
            yield str(sim.get(name) or "")


def swapped(number: str) -> str:
    padded = number + "F" * (len(number) % 2)
    return "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))


def test_debug_logs_contain_no_whole_identifier(started: Start) -> None:
    registry = started(Registry)
    token = registry.state_dir.parent / "token"
    token.write_text(registry.token("--scope", "gateway", "--gateway-id", "gw-1"))
    bench = started(Bench, *names())
    agent = started(Agent, "--port-glob", f"{bench.links}/*", "--eid-by-apdu")
    agent.kill()
    agent.words = ("--log-level", "debug", *agent.words)
    agent.start()
    paths = list(bench.paths.values())
    until(lambda: agent.is_watching(*paths))
    for name in bench.paths:
        bench.do(f"sim-out {name}")
    numbers = {n for report in agent.outbox() for n in numbers_of(report) if len(n) >= 14}
    agent.kill()
    agent.words = (*agent.words, "--registry", registry.url, "--token-file", str(token))
    agent.start()
    until(agent.is_empty)
    assert len(numbers) > 2 * len(paths)
    known = registry.get("modems?limit=200")
    assert known
    agent.stop()
    registry.stop()
    for process in (agent, registry, bench):
        log = re.sub(r"[ :.-]", "", process.log.read_text().upper())
        found = {n for n in numbers if n.upper() in log or swapped(n.upper()) in log}
        assert not found, f"{process.log.name} contains {found}"
    log = agent.log.read_text()
    assert log.count('"event": "wire"') > 20 * len(paths)
    assert re.findall(r'"line": "AT\+CGSN', log) and '"direction": "received"' in log
