"""Kill -9 of the daemon, again and again, while reports flow; what came of it."""

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
    """What the registry holds after it all.

    :param waited: backlog in the outbox at each kill, -1 when the daemon was not yet up
    """

    kills: int = 0
    swaps: int = 0
    cuts: int = 0
    registry_kills: int = 0
    streams: dict[str, list[int]] = field(default_factory=dict)
    conflicts: int = 0
    set_aside: int = 0
    damaged: list[str] = field(default_factory=list)
    next_sequence: int = 0
    cards_wrong: list[str] = field(default_factory=list)
    received: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> list[str]:
        """Return what is not as promised, in words."""
        said = []
        if len(self.streams) != 1:
            said.append(f"{len(self.streams)} streams instead of one")
        for stream, numbers in self.streams.items():
            if numbers != sorted(numbers):
                said.append(f"stream {stream[:8]} out of order")
            if sorted(numbers) != list(range(1, self.next_sequence)):
                missing = sorted(set(range(1, self.next_sequence)) - set(numbers))
                said.append(f"stream {stream[:8]} lacks {missing[:9]} or has too many")
        for what in ("conflicts", "set_aside", "damaged", "cards_wrong"):
            if value := getattr(self, what):
                said.append(f"{what}: {value}")
        return said


def kill_again_and_again(
    start: Callable[..., Any],
    folder: Path,
    *,
    kills: int,
    seed: int,
    longest_s: float = 0.8,
    registry_every: int = 25,
    tell: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Kill at moments a seeded generator chooses; the uplink is cut and the registry killed too."""
    chance = random.Random(seed)
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
            if chance.random() < 0.3:
                uplink.cut_after(chance.randrange(1200))
                outcome.cuts += 1
            lasts_s = chance.uniform(0.05, longest_s)
            # the daemon's own start is a moment like any other
            if kill % 2:
                until(agent.status)
            end = time.monotonic() + lasts_s
            while time.monotonic() < end:
                bench.do(f"swap {chance.choice(names)}")
                outcome.swaps += 1
                with contextlib.suppress(Exception):
                    agent.popen.wait(chance.uniform(0.01, 0.2))
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
            tell(outcome.kills)
        uplink.mend()
        until(lambda: agent.is_watching(*bench.paths.values()), deadline_s=60)

        def drained() -> bool:
            call("outbox", "flush", "--state-dir", str(agent.state_dir))
            return agent.is_empty()

        until(drained, deadline_s=60)
        ports = agent.ports()
        for path in bench.paths.values():
            iccid = str(ports[path]["sims"][0]["iccid"])
            if not registry.knows(iccid):
                outcome.cards_wrong.append(path)
        status = agent.status()["outbox"]
        outcome.set_aside, outcome.damaged = status["dead_letters"], status["quarantined"]
        agent.stop()
        _count(registry, outcome)
    finally:
        uplink.close()
    _read(registry, agent, outcome)
    return outcome


def _count(registry: Registry, outcome: Outcome) -> None:
    """Add what a registry has received since it started; its counters end with it."""
    import urllib.request

    with urllib.request.urlopen(f"{registry.url}/metrics", timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("modemagent_registry_reports_received_total{"):
                name, _, count = line.partition(" ")
                outcome.received[name.split('"')[1]] += int(float(count))


def _read(registry: Registry, agent: Agent, outcome: Outcome) -> None:
    with contextlib.closing(sqlite3.connect(registry.state_dir / "registry.db")) as db:
        for stream, number in db.execute("SELECT stream_id, sequence FROM report ORDER BY number"):
            outcome.streams.setdefault(stream, []).append(number)
        (outcome.conflicts,) = db.execute("SELECT count(*) FROM conflict").fetchone()
    with contextlib.closing(sqlite3.connect(agent.state_dir / "outbox.db")) as db:
        (text,) = db.execute("SELECT value FROM meta WHERE key='next_sequence'").fetchone()
        outcome.next_sequence = int(text)


def in_words(outcome: Outcome) -> str:
    return json.dumps(
        {
            "kills": outcome.kills, "uplink_cuts": outcome.cuts,
            "registry_kills": outcome.registry_kills, "swaps": outcome.swaps,
            "reports": outcome.next_sequence - 1, "received": dict(outcome.received),
            "faults": outcome.faults,
        }
    )  # fmt: skip
