"""Kill the daemon with SIGKILL repeatedly while reports flow, and check what the registry holds."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.process.conftest import Agent, Bench, Registry, call, until
from tests.process.uplink import Uplink


@dataclass
class Outcome:
    """Counts of what was done, and what the registry and the outbox hold at the end.

    :ivar swaps: SIM swaps made by the simulator
    :ivar cuts: interruptions of the connection to the registry
    :ivar streams: received sequence numbers by stream id
    :ivar late: reports that arrived after one with a higher number
    :ivar missing_sims: ports whose SIM the registry does not have
    :ivar received: reports received by the registry, by status
    """

    kills: int = 0
    swaps: int = 0
    cuts: int = 0
    registry_kills: int = 0
    streams: dict[str, list[int]] = field(default_factory=dict)
    late: int = 0
    conflicts: int = 0
    dead_letters: int = 0
    quarantined: list[str] = field(default_factory=list)
    next_sequence: int = 0
    missing_sims: list[str] = field(default_factory=list)
    received: Counter[str] = field(default_factory=Counter)

    @property
    def violations(self) -> list[str]:
        """Return how the outcome differs from delivery of each report once and in order."""
        found = []
        if len(self.streams) != 1:
            found.append(f"{len(self.streams)} streams instead of one")
        for stream, numbers in self.streams.items():
            if numbers != list(range(1, self.next_sequence)):
                missing = sorted(set(range(1, self.next_sequence)) - set(numbers))
                found.append(f"stream {stream[:8]} lacks {missing[:9]} or has duplicates")
        for what in ("late", "conflicts", "dead_letters", "quarantined", "missing_sims"):
            if value := getattr(self, what):
                found.append(f"{what}: {value}")
        return found


def kill_repeatedly(
    start: Callable[..., Any],
    folder: Path,
    *,
    kills: int,
    seed: int,
    longest_s: float = 0.8,
    registry_every: int = 25,
    progress: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Kill the daemon at random moments; also cut the connection and kill the registry."""
    rng = random.Random(seed)
    outcome = Outcome()
    registry: Registry = start(Registry)
    bench: Bench = start(Bench, "quectel-eg25-g", "--count", "3")
    address = urlsplit(registry.url)
    uplink = Uplink(str(address.hostname), int(address.port or 0))
    token = folder / "token"
    token.write_text(registry.token("--scope", "gateway", "--gateway-id", "gw-1") + "\n")
    agent: Agent = start(
        Agent, "--port-glob", f"{bench.links}/*", "--poll-interval", "0.3",
        "--heartbeat-interval", "1", "--registry", uplink.url, "--token-file", str(token),
    )  # fmt: skip
    names = list(bench.paths)
    try:
        for kill in range(kills):
            if rng.random() < 0.3:
                uplink.cut_after(rng.randrange(1200))
                outcome.cuts += 1
            life_s = rng.uniform(0.05, longest_s)
            # every other time the kill may hit the start of the daemon
            if kill % 2:
                until(agent.status)
            end = time.monotonic() + life_s
            while time.monotonic() < end:
                bench.do(f"swap {rng.choice(names)}")
                outcome.swaps += 1
                with contextlib.suppress(Exception):
                    agent.popen.wait(rng.uniform(0.01, 0.2))
            agent.kill()
            outcome.kills += 1
            if kill % registry_every == registry_every - 1:
                _count(registry, outcome)
                registry.kill()
                registry.start()
                outcome.registry_kills += 1
                registry.wait_ready()
            if kill % 3 == 0:
                uplink.mend()
            agent.start()
            progress(outcome.kills)
        uplink.mend()
        until(lambda: agent.is_watching(*bench.paths.values()))

        def drained() -> bool:
            call("outbox", "flush", "--state-dir", str(agent.state_dir))
            return agent.is_empty()

        until(drained)
        ports = agent.ports()
        for path in bench.paths.values():
            iccid = str(ports[path]["sims"][0]["iccid"])
            if not registry.has(iccid):
                outcome.missing_sims.append(path)
        status = agent.status()["outbox"]
        outcome.dead_letters, outcome.quarantined = status["dead_letters"], status["quarantined"]
        agent.stop()
        _count(registry, outcome)
    finally:
        uplink.close()
    _read(registry, agent, outcome)
    return outcome


def _count(registry: Registry, outcome: Outcome) -> None:
    """Add the registry's counters, which start at zero with each of its processes."""
    import urllib.request

    request = urllib.request.Request(f"{registry.url}/metrics", headers=registry.authorization())
    with urllib.request.urlopen(request, timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("modemagent_registry_reports_received_total{"):
                name, _, count = line.partition(" ")
                outcome.received[name.split('"')[1]] += int(float(count))
            elif line.startswith("modemagent_registry_reports_late_total "):
                outcome.late += int(float(line.split()[1]))


def _read(registry: Registry, agent: Agent, outcome: Outcome) -> None:
    outcome.streams = registry.numbers()
    with contextlib.closing(sqlite3.connect(registry.state_dir / "registry.db")) as db:
        (outcome.conflicts,) = db.execute("SELECT count(*) FROM conflict").fetchone()
    with contextlib.closing(sqlite3.connect(agent.state_dir / "outbox.db")) as db:
        (text,) = db.execute("SELECT value FROM meta WHERE key='next_sequence'").fetchone()
        outcome.next_sequence = int(text)


def summary(outcome: Outcome) -> str:
    """Return the outcome as one line of JSON."""
    return json.dumps(
        {
            "kills": outcome.kills, "uplink_cuts": outcome.cuts,
            "registry_kills": outcome.registry_kills, "swaps": outcome.swaps,
            "reports": outcome.next_sequence - 1, "received": dict(outcome.received),
            "violations": outcome.violations,
        }
    )  # fmt: skip
