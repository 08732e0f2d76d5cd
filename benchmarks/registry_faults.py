"""Faults of the registry under load: kill -9 of processes, full disks, failover of PostgreSQL.

    python benchmarks/registry_faults.py --times 20          (a full disk needs root)

A failover takes longest and is made a quarter as often.

Gateways send batch after batch, and each again until it is acknowledged. After each fault, every
acknowledged report must be stored, none twice, and the history must equal that of a fresh registry
that got the same reports one by one. Otherwise the exit status is 3. Each five faults start with
an empty registry, because both registries take longer for a report the longer its history is.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.registry.faults import (
    FaultyRegistry,
    KillablePostgres,
    Load,
    fill_disk,
    kill_registry,
    kill_worker,
    repeat_fault,
    small_disk,
)
from tests.registry.standby import Pair

_PER_REGISTRY = 5  # faults

Found = tuple[list[str], Load]


def _registry(folder: Path, times: int, seed: int) -> Found:
    with _serving(FaultyRegistry(folder, None)) as registry:
        return repeat_fault(
            registry, folder, lambda _: kill_registry(registry), times=times, seed=seed
        )


def _worker(folder: Path, times: int, seed: int) -> Found:
    chance = random.Random(seed)
    with (
        contextlib.closing(KillablePostgres(folder)) as server,
        _serving(FaultyRegistry(folder, server.uri, "--workers", "2")) as registry,
    ):
        return repeat_fault(
            registry, folder, lambda _: kill_worker(registry, chance), times=times, seed=seed
        )


def _database(folder: Path, times: int, seed: int) -> Found:
    with (
        contextlib.closing(KillablePostgres(folder)) as server,
        _serving(FaultyRegistry(folder, server.uri)) as registry,
    ):
        return repeat_fault(registry, folder, lambda _: server.kill(), times=times, seed=seed)


def _disk(folder: Path, times: int, seed: int) -> Found:
    with small_disk(folder, 64) as disk, _serving(FaultyRegistry(disk, None)) as registry:
        return repeat_fault(
            registry, folder, lambda load: fill_disk(disk, load), times=times, seed=seed
        )


def _database_disk(folder: Path, times: int, seed: int) -> Found:
    with (
        small_disk(folder, 512) as disk,
        contextlib.closing(KillablePostgres(disk)) as server,
        _serving(FaultyRegistry(folder, server.uri, "--workers", "2")) as registry,
    ):

        def fill(load: Load) -> None:
            fill_disk(disk, load)
            server.start()

        return repeat_fault(registry, folder, fill, times=times, seed=seed)


def _failover(folder: Path, times: int, seed: int) -> Found:
    with (
        contextlib.closing(Pair(folder)) as servers,
        _serving(FaultyRegistry(folder, servers.uri, "--workers", "2")) as registry,
    ):
        servers.add_standby()
        return repeat_fault(registry, folder, servers.fail_over, times=times, seed=seed)


FAULTS: dict[str, Callable[[Path, int, int], Found]] = {
    "registry": _registry,
    "worker": _worker,
    "postgresql": _database,
    "disk": _disk,
    "disk of postgresql": _database_disk,
    "failover": _failover,
}


@contextlib.contextmanager
def _serving(registry: FaultyRegistry):  # type: ignore[no-untyped-def]
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


def _repeat(name: str, times: int, seed: int) -> tuple[list[str], int, int]:
    """Return violations, and how many reports were acknowledged and requests repeated."""
    found: list[str] = []
    acknowledged = repeated = 0
    for first in range(0, times, _PER_REGISTRY):
        with tempfile.TemporaryDirectory(prefix="modemagent-faults-") as place:
            Path(place).chmod(0o755)  # PostgreSQL runs as another user
            number = min(_PER_REGISTRY, times - first)
            violations, load = FAULTS[name](Path(place), number, seed + first)
        found += [f"after {first} faults, {one}" for one in violations]
        acknowledged += len(load.acknowledged)
        repeated += load.repeated
        print(f"{name}: {first + number} of {times}, {len(found)} violations", file=sys.stderr)
    return found, acknowledged, repeated


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault", choices=sorted(FAULTS), help="one of them alone")
    options = parser.parse_args()
    violations = 0
    for name in [options.fault] if options.fault else FAULTS:
        started = time.monotonic()
        times = max(1, options.times // 4) if name == "failover" else options.times
        found, acknowledged, repeated = _repeat(name, times, options.seed)
        violations += len(found)
        print(
            f"{name}: {times} times, {acknowledged} reports acknowledged,"
            f" {repeated} requests repeated, {len(found)} violations,"
            f" {time.monotonic() - started:.0f} s",
            flush=True,
        )
        for one in found:
            print(f"  {one}")
    return 3 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
