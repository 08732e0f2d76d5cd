"""The daemon while devices are plugged and unplugged: real udev events, real terminals."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.discovery.conftest import TREES, Bed
from tests.discovery.conftest import bed as bed_fixture
from tests.process.conftest import COMMAND, Bench, until
from tests.process.conftest import started as started_fixture
from tests.process.plugging import Discovering, place, present, renamed, reports

bed, started = bed_fixture, started_fixture
MODEM = "quectel-eg25-g"
#: Transcript -> tty at which it responds in the tree ``eight-makers``, and id of the port.
EIGHT = {
    "quectel-eg25-g": ("ttyUSB2", "usb:1-1.1:1.2"),
    "simcom-a7670": ("ttyUSB6", "usb:1-1.2:1.4"),
    "telit-ge910-quad": ("ttyUSB10", "usb:1-1.3:1.4"),
    "ublox-sara-g350": ("ttyACM0", "usb:1-1.4:1.0"),
    "huawei-e1752": ("ttyUSB12", "usb:1-2.1:1.0"),
    "sierra-em7455b": ("ttyUSB17", "usb:1-2.2:1.3"),
    "zte-mf627": ("ttyUSB19", "usb:1-2.3.1:1.1"),
    "fibocom-fm350-gl": ("wwan0at0", "pci:0000:01:00.0:wwan0at0"),
}
#: Errors of a kernel WWAN port, which is not a terminal.
NOT_A_TERMINAL = """
import errno, fcntl, termios
def not_a_terminal(*_):
    raise termios.error(errno.ENOTTY, "Inappropriate ioctl for device")
def no_control(*_):
    raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
for name in ("tcgetattr", "tcsetattr", "tcflush", "tcdrain", "tcsendbreak"):
    setattr(termios, name, not_a_terminal)
fcntl.ioctl = no_control
"""


@pytest.fixture
def agent(bed: Bed, tmp_path: Path) -> Iterator[Discovering]:
    found = Discovering(tmp_path, bed=bed)
    until(found.status)
    yield found
    found.stop()
    print(found.log.read_text()[-6000:])


def imei_of(transcript: str) -> str:
    expected = TREES.parent / "transcripts" / transcript / "expected.toml"
    return str(tomllib.loads(expected.read_text())["reading"][0]["modem"]["imei"])


def test_new_modem_is_reported_and_other_ports_get_no_byte(
    bed: Bed, agent: Discovering, started: Any
) -> None:
    bed.add("strangers")
    bench = started(Bench, MODEM)
    bed.add("wwan-pcie")
    bed.add(renamed(MODEM, agent.state_dir.parent, 10), ttyUSB12=bench.paths[MODEM])
    until(lambda: ("identified", "usb:1-2:1.2") in reports(agent))
    until(lambda: agent.is_watching("/dev/ttyUSB12"))
    written = bed.written()
    assert len(written) > 12
    assert {node for node, size in written.items() if size} <= {"wwan0at0"}


def test_identical_modems_are_distinguished_by_usb_path(
    bed: Bed, agent: Discovering, started: Any
) -> None:
    bench = started(Bench, MODEM, "--count", "2")
    one, other = bench.paths.values()
    bed.add("two-identical-sticks", ttyUSB1=one, ttyUSB2=one, ttyUSB4=other, ttyUSB5=other)
    until(lambda: len(agent.outbox()) == 2)
    seen = {report["port"]["id"]: report["modem"]["imei"] for report in agent.outbox()}
    assert len(set(seen.values())) == 2
    assert {port_id.rpartition(":")[0] for port_id in seen} == {"usb:1-1.1", "usb:1-1.2"}


def test_modem_stays_the_same_when_its_ttys_are_renumbered(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path
) -> None:
    bench = started(Bench, MODEM)
    bed.add(MODEM, ttyUSB2=bench.paths[MODEM])
    until(lambda: agent.is_watching("/dev/ttyUSB2"))
    bed.remove(MODEM)
    bed.add(renamed(MODEM, tmp_path, 4), ttyUSB6=bench.paths[MODEM])
    until(lambda: agent.is_watching("/dev/ttyUSB6"))
    # the modem was not removed; the refresh carries the new path of its port
    assert [reason for reason, _ in reports(agent)] == ["identified", "refresh"]
    assert agent.outbox()[-1]["port"]["path"] == "/dev/ttyUSB6"
    bed.remove(renamed(MODEM, tmp_path, 4))
    until(lambda: reports(agent)[-1] == ("removed", "usb:1-2:1.2"))
    assert len(reports(agent)) == 3


def test_second_at_port_is_used_when_the_first_is_mute(
    bed: Bed, agent: Discovering, started: Any
) -> None:
    mute = started(Bench, MODEM, "--fault", "mute")
    folder = agent.state_dir.parent / "second"
    folder.mkdir()
    bench = Bench(folder, MODEM)
    try:
        bed.add(MODEM, ttyUSB2=mute.paths[MODEM], ttyUSB3=bench.paths[MODEM])
        until(lambda: agent.is_watching("/dev/ttyUSB3"))
        assert reports(agent) == [("identified", "usb:1-2:1.3")]
        assert {node: size for node, size in bed.written().items() if size} == {}
    finally:
        bench.stop()
        bench.popen.communicate()


def listed(bed: Bed) -> dict[str, str]:
    """Return the role of each port that ``modemagent list`` shows on the emulated machine."""
    done = subprocess.run(
        [*COMMAND, "list", "--json"],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        port["path"].removeprefix("/dev/"): port["role"]
        for modem in json.loads(done.stdout)["modems"]
        for port in modem["ports"]
    }


def test_eight_makers_are_reported_and_other_ports_get_no_byte(
    bed: Bed, agent: Discovering, started: Any
) -> None:
    bench = started(Bench, *EIGHT)
    nodes = {node: bench.paths[name] for name, (node, _) in EIGHT.items()}
    bed.add("eight-makers", **nodes)
    ids = {port_id: imei_of(name) for name, (_, port_id) in EIGHT.items()}
    until(lambda: agent.watched() == ids)
    assert present(agent.outbox()) == {place(port_id): imei for port_id, imei in ids.items()}
    assert [reason for reason, _ in reports(agent)] == ["identified"] * 8
    written = bed.written()
    assert len(written) == 30
    assert not any(written.values()), written


def test_list_shows_roles_and_sends_nothing(bed: Bed) -> None:
    bed.add("eight-makers")
    roles = listed(bed)
    assert {node: roles[node] for node, _ in EIGHT.values()} == {
        **{node: "at" for node, _ in EIGHT.values()},
        "ttyUSB12": "unknown",  # Huawei: decided by the interface protocols, not by the product id
    }
    assert {node for node, role in roles.items() if role == "diag"} == {
        "ttyUSB0", "ttyUSB8", "ttyACM4", "ttyACM5", "ttyUSB15"
    }  # fmt: skip
    assert {node for node, role in roles.items() if role == "nmea"} == {
        "ttyUSB1", "ttyUSB9", "ttyUSB16"
    }  # fmt: skip
    assert set(bed.written().values()) == {0}


def test_kernel_wwan_port_is_watched_though_not_a_terminal(
    bed: Bed, tmp_path: Path, started: Any
) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOT_A_TERMINAL)
    bench = started(Bench, "fibocom-fm350-gl")
    agent = Discovering(tmp_path, bed=bed, environment={"PYTHONPATH": str(tmp_path)})
    try:
        until(agent.status)
        imei = imei_of("fibocom-fm350-gl")
        for _ in range(2):
            bed.add("wwan-pcie", wwan0at0=bench.paths["fibocom-fm350-gl"])
            until(lambda: agent.watched() == {"pci:0000:01:00.0:wwan0at0": imei})
            bed.remove("wwan-pcie")
            until(lambda: not agent.ports())
        found = [reason for reason, _ in reports(agent)]
        assert found == ["identified", "removed"] * 2
        assert set(bed.written().values()) == {0}
    finally:
        agent.stop()
        print(agent.log.read_text()[-6000:])
