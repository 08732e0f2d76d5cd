"""A real ModemManager on a bus of its own, on a machine whose devices umockdev makes."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.discovery.conftest import TREES, Bed
from tests.discovery.conftest import bed as bed_fixture
from tests.process.conftest import Bench
from tests.process.conftest import started as started_fixture

bed, started = bed_fixture, started_fixture
#: What ModemManager's own rules would say of the ports of a Quectel module.
_MARKS = {0: "QCDM", 1: "GPS", 2: "AT_PRIMARY", 3: "AT_SECONDARY"}
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


class Bus:
    """A private D-Bus that stands for the system's.

    :ivar address: for DBUS_SYSTEM_BUS_ADDRESS
    """

    def __init__(self) -> None:
        # without a service directory nothing can be started by a call to its name
        self._daemon = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._daemon.stdout is not None
        self.address = self._daemon.stdout.readline().strip()

    def close(self) -> None:
        self._daemon.terminate()
        self._daemon.communicate(timeout=10)


class Neighbour:
    """ModemManager, as its Debian package has it."""

    def __init__(self, bed: Bed, bus: Bus, log: Path) -> None:
        self.log = log
        self.environment: Mapping[str, str] = {
            **bed.environment,
            "DBUS_SYSTEM_BUS_ADDRESS": bus.address,
        }
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [str(_where()), "--debug", "--test-no-suspend-resume"],
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.pid = self._process.pid

    def is_up(self) -> bool:
        """It is on the bus and has begun to look for devices."""
        return b"finished device scan" in self.log.read_bytes()

    def has(self, count: int) -> bool:
        """So many modems have got as far as being published."""
        return self.log.read_bytes().count(b"state changed (unknown -> ") >= count

    def stop(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def _where() -> str | None:
    return shutil.which("ModemManager", path=_PATH)


def marked(folder: Path, tree: str = "quectel-eg25-g", **more: str) -> str:
    """Return a copy of a tree as udev shows it when ModemManager's rules are installed.

    :param more: further properties of every port, as ``ID_MM_DEVICE_IGNORE="1"``
    """
    extra = "".join(f"\nE: {key}={value}" for key, value in more.items())
    blocks = []
    for block in (TREES / f"{tree}.umockdev").read_text().split("\n\n"):
        found = re.search(r"^N: ttyUSB(\d+)$", block, re.MULTILINE)
        if found:
            kind = _MARKS[int(found[1]) % 4]
            block += f"\nE: ID_MM_CANDIDATE=1\nE: ID_MM_PORT_TYPE_{kind}=1{extra}"
        blocks.append(block)
    path = folder / f"{tree}-marked.umockdev"
    path.write_text("\n\n".join(blocks))
    return str(path)


@pytest.fixture
def bus(bed: Bed) -> Iterator[Bus]:
    if shutil.which("dbus-daemon") is None or _where() is None:
        pytest.skip("needs ModemManager and D-Bus (apt-get install modemmanager dbus-daemon)")
    made = Bus()
    yield made
    made.close()


@pytest.fixture
def neighbour(bed: Bed, bus: Bus, tmp_path: Path) -> Iterator[Callable[[], Neighbour]]:
    """Start ModemManager, now."""
    made: list[Neighbour] = []

    def start() -> Neighbour:
        made.append(Neighbour(bed, bus, tmp_path / f"modemmanager-{len(made)}.log"))
        return made[-1]

    yield start
    for each in made:
        each.stop()
        print(each.log.read_text(errors="replace")[-3000:])


__all__ = ["Bench", "Bus", "Neighbour", "marked"]
