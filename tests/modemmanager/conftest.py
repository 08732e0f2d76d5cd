"""A real ModemManager on a private bus, with devices simulated by umockdev."""

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
MODEM = "quectel-eg25-g"
TRANSCRIPTS = TREES.parent / "transcripts"
#: Hints of ModemManager's rules for ports of a Quectel module. The other ports are left out: a
#: module with a single AT port cannot be shared by two programs.
_HINTS = {"1": "GPS", "2": "AT_PRIMARY"}
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


class Bus:
    """A private D-Bus in place of the system bus.

    :ivar address: for DBUS_SYSTEM_BUS_ADDRESS
    """

    def __init__(self) -> None:
        if shutil.which("dbus-daemon") is None:
            pytest.skip("needs D-Bus (apt-get install dbus-daemon)")
        # without a service directory no call can start a service
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


class ModemManagerProcess:
    """ModemManager of the Debian package."""

    def __init__(self, bed: Bed, bus: Bus, log: Path) -> None:
        self.log = log
        self.environment: Mapping[str, str] = {
            **bed.environment,
            "DBUS_SYSTEM_BUS_ADDRESS": bus.address,
        }
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [str(_program()), "--debug", "--test-no-suspend-resume"],
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.pid = self._process.pid

    def is_up(self) -> bool:
        """Return True if it is on the bus and has started to scan for devices."""
        return b"finished device scan" in self.log.read_bytes()

    def has(self, count: int) -> bool:
        """Return True if it has published this many modems."""
        return self.log.read_bytes().count(b"state changed (unknown -> ") >= count

    def stop(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def _program() -> str | None:
    return shutil.which("ModemManager", path=_PATH)


def with_hints(folder: Path, tree: str = "quectel-eg25-g", **more: str) -> str:
    """Return a copy of a device tree with the udev properties set by ModemManager's rules.

    :param more: further properties of every port, such as ``ID_MM_DEVICE_IGNORE="1"``
    """
    extra = "".join(f"\nE: {key}={value}" for key, value in more.items())
    blocks = []
    for block in (TREES / f"{tree}.umockdev").read_text().split("\n\n"):
        name = re.search(r"/ttyUSB(\d+)", block)
        if name is not None and name[1] not in _HINTS:
            continue
        if re.search(r"^N: ttyUSB", block, re.MULTILINE) and name is not None:
            kind = _HINTS[name[1]]
            block += f"\nE: ID_MM_CANDIDATE=1\nE: ID_MM_PORT_TYPE_{kind}=1{extra}"
        blocks.append(block)
    path = folder / f"{tree}-marked.umockdev"
    path.write_text("\n\n".join(blocks))
    return str(path)


def transcript(folder: Path) -> str:
    """Return a transcript of an EG25-G whose ICCID can also be read from the SIM's file system.

    ModemManager reads it there (EF_ICCID, TS 102 221 clause 13.2); the trace has no such command.
    """
    text = (TRANSCRIPTS / MODEM / "transcript.toml").read_text()
    iccid = re.search(r"QCCID: (\d+F)", text)
    assert iccid is not None
    data = "".join(b + a for a, b in zip(iccid[1][::2], iccid[1][1::2], strict=True))
    for line in ("AT+CRSM=176,12258,0,0,10",):
        text += f"""
[[exchange]]
send = "{line}"
lines = ["+CRSM: 144,0,\\"{data}\\"", "", "OK"]
evidence = "inferred"
"""
    place = folder / "with-file"
    place.mkdir(exist_ok=True)
    (place / "transcript.toml").write_text(text)
    return str(place)


@pytest.fixture
def bus(bed: Bed) -> Iterator[Bus]:
    if _program() is None:
        pytest.skip("needs ModemManager (apt-get install modemmanager)")
    made = Bus()
    yield made
    made.close()


@pytest.fixture
def start_mm(bed: Bed, bus: Bus, tmp_path: Path) -> Iterator[Callable[[], ModemManagerProcess]]:
    """Return a function that starts ModemManager."""
    made: list[ModemManagerProcess] = []

    def start() -> ModemManagerProcess:
        made.append(ModemManagerProcess(bed, bus, tmp_path / f"modemmanager-{len(made)}.log"))
        return made[-1]

    yield start
    for each in made:
        each.stop()
        print(each.log.read_text(errors="replace")[-3000:])


def unknown(folder: Path) -> str:
    """Return a tree of an unknown vendor with a property that makes ModemManager probe it."""
    text = Path(with_hints(folder, ID_MM_DEVICE_PROCESS="1")).read_text()
    text = re.sub(r"E: ID_MM_PORT_TYPE_\w+=1\n?", "", text)
    path = folder / "unknown.umockdev"
    # A bridge to a UART: the drivers option and qmi_wwan would prove that the device is a modem.
    text = re.sub(r"\b(option1?|qmi_wwan)$", "pl2303", text, flags=re.MULTILINE)
    text = "\n\n".join(block for block in text.split("\n\n") if "cdc-wdm" not in block)
    path.write_text(text.replace("2c7c", "1209").replace("2C7C", "1209"))
    return str(path)


@pytest.fixture
def modem(bed: Bed, started: Callable[..., Bench], tmp_path: Path) -> tuple[Bench, str]:
    """Return a simulated module and its tree, for ``bed.add(tree, ttyUSB2=bench.path)``."""
    return started(Bench, transcript(tmp_path)), with_hints(tmp_path)
