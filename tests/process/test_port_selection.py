"""The port that the daemon chooses if AT ports are mute or ports have another use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import preloaded
from tests.discovery.conftest import Bed
from tests.discovery.conftest import bed as bed_fixture
from tests.discovery.trees import Kind, Sockets, device, hub, marked
from tests.process.conftest import Bench, until
from tests.process.conftest import started as started_fixture
from tests.process.gnss_receiver import Receiver
from tests.process.plugging import Discovering, present, reports

bed, started = bed_fixture, started_fixture

EG25 = Kind("2c7c", "0125", (0, 1, 2, 3))
#: A product of unknown layout, from a vendor whose other products have a known one.
RM500U = Kind("2c7c", "0900", (2, 3, 4))
UNLISTED = Kind("0403", "6011", (0, 1, 2), driver="ftdi_sio")
FLASHING, EDL = ("1bc7", "9010"), ("05c6", "9008")
ARDUINO = Kind("2341", "0043", (0,), driver="cdc_acm")
#: ST-Link, J-Link and a GNSS receiver send the protocol byte for AT commands.
STRANGERS = [
    Kind(vid, pid, (0,), driver="cdc_acm", kinds=("02/02/01",))
    for vid, pid in (("0483", "374b"), ("1366", "0105"), ("1546", "01a8"))
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def agent(bed: Bed, tmp_path: Path) -> Iterator[Discovering]:
    found = Discovering(tmp_path, bed=bed)
    until(found.status)
    yield found
    found.stop()
    print(found.log.read_text()[-6000:])


def test_port_that_answers_is_kept_when_a_mute_one_is_due_again(
    bed: Bed, tmp_path: Path, started: Any
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    agent = Discovering(tmp_path, bed=bed)
    sockets = Sockets(bed, tmp_path)
    try:
        until(agent.status)
        sockets.plug("1-2", EG25, {3: bench.paths["quectel-eg25-g"]})
        until(lambda: agent.is_watching("/dev/ttyUSB3"))
        spent = bed.written()["ttyUSB2"]
        assert spent > 0
        for _ in range(3):  # each causes a rescan
            sockets.plug("1-3", ARDUINO)
            sockets.unplug("1-3")
        bed.add("wwan-pcie")
        until(lambda: len(agent.ports()) == 2)
        assert agent.is_watching("/dev/ttyUSB3")
        assert bed.written()["ttyUSB2"] == spent
        assert reports(agent) == [("identified", "usb:1-2:1.3")]
    finally:
        agent.stop()
        print(agent.log.read_text()[-6000:])


def test_mute_port_is_tried_again_when_all_are_mute(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path
) -> None:
    bench = started(Bench, "quectel-eg25-g", "--fault", "mute")
    ((name, path),) = bench.paths.items()
    Sockets(bed, tmp_path).plug("1-2", EG25, {2: path})
    # a lost udev event costs 15 s on a busy machine, a mute port 5 s
    until(lambda: bed.written()["ttyUSB3"] > 0)
    bench.do(f"fault {name} none")
    until(lambda: agent.is_watching("/dev/ttyUSB2"))
    assert reports(agent) == [("identified", "usb:1-2:1.2")]
    written = bed.written()
    assert written["ttyUSB0"] == written["ttyUSB1"] == 0


def test_ports_of_unknown_role_get_no_byte_beside_an_at_port(
    bed: Bed, agent: Discovering, tmp_path: Path
) -> None:
    """Not even if each AT port is mute: one of them may be an audio or diagnostic port."""
    Sockets(bed, tmp_path).plug("1-2", EG25._replace(ttys=(0, 1, 2, 3, 4)))
    until(lambda: bed.written()["ttyUSB3"] > 0)
    spent = bed.written()["ttyUSB2"]
    until(lambda: bed.written()["ttyUSB2"] > spent)
    written = bed.written()
    assert [written[f"ttyUSB{n}"] for n in (0, 1, 4)] == [0, 0, 0]


def test_at_port_of_an_unlisted_product_is_found_by_protocol(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path
) -> None:
    bench = started(Bench, "huawei-e3372")
    stick = Kind("12d1", "1506", (0, 1, 2), kinds=("ff/02/13", "ff/02/14", "ff/02/12"))
    Sockets(bed, tmp_path).plug("1-2", stick, {2: bench.paths["huawei-e3372"]})
    until(lambda: agent.is_watching("/dev/ttyUSB2"))
    assert set(bed.written().values()) == {0}


def test_kernel_driver_is_enough_and_protocol_byte_is_not(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    sockets = Sockets(bed, tmp_path)
    for number, stranger in enumerate([ARDUINO, *STRANGERS]):
        sockets.plug(f"1-1.{number + 1}", stranger)
    sockets.plug("1-2", Kind("f0f0", "0001", (0, 1)), {1: bench.paths["quectel-eg25-g"]})
    until(lambda: agent.is_watching("/dev/ttyUSB1"))
    written = bed.written()
    assert [written[f"ttyACM{n}"] for n in range(4)] == [0, 0, 0, 0]
    assert set(agent.ports()) <= {"/dev/ttyUSB0", "/dev/ttyUSB1"}


def test_devices_in_recovery_mode_get_no_byte(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    sockets = Sockets(bed, tmp_path)
    for place, ids in {"1-3": FLASHING, "1-4": ("1199", "9070"), "1-5": EDL}.items():
        sockets.plug(place, Kind(*ids, ttys=(0, 1)))
    nodes = sockets.plug("1-2", EG25, {2: bench.paths["quectel-eg25-g"]})
    until(lambda: agent.is_watching(f"/dev/{nodes[2]}"))
    assert set(agent.ports()) == {f"/dev/{nodes[2]}"}
    assert set(bed.written().values()) == {0}


def test_named_port_in_recovery_mode_gets_no_byte(bed: Bed, tmp_path: Path) -> None:
    sockets = Sockets(bed, tmp_path)
    sockets.plug("1-3", Kind(*FLASHING, ttys=(0,)))
    agent = Discovering(tmp_path, "--no-discovery", "--port", "/dev/ttyUSB0", bed=bed)
    try:
        until(lambda: agent.state("/dev/ttyUSB0") == "broken")
        assert agent.ports()["/dev/ttyUSB0"]["reason"] == "not_a_modem"
        assert "1bc7:9010" in agent.ports()["/dev/ttyUSB0"]["message"]
        assert "port_broken" in agent.log.read_text()
    finally:
        agent.stop()
    for port in ("/dev/ttyUSB0", "usb:1-3", "usb:1-3:1.0"):
        for command in ("identify", "at", "diagnose"):
            words = (command, port, *(["AT"] * (command == "at")))
            done = preloaded.run(words, env=bed.environment)
            assert done.returncode == 4, done.stdout + done.stderr
            assert "never written to" in done.stdout + done.stderr
    assert bed.written() == {"ttyUSB0": 0}


def test_port_glob_sends_no_byte_to_other_devices(bed: Bed, tmp_path: Path, started: Any) -> None:
    bench = started(Bench, "quectel-eg25-g")
    settings = tmp_path / "agent.toml"
    settings.write_text('discovery = false\nport_glob = ["/dev/tty[AU]*"]\n')
    environment = {"MODEMAGENT_CONFIG": str(settings)}
    sockets = Sockets(bed, tmp_path)
    sockets.plug("1-3", Kind(*EDL, ttys=(0,)))
    sockets.plug("1-4", ARDUINO)
    sockets.plug("1-2", EG25, {2: bench.paths["quectel-eg25-g"]})
    agent = Discovering(tmp_path, bed=bed, environment=environment)
    try:
        # the second AT port of the modem also matches and is not needed
        until(lambda: agent.is_watching("/dev/ttyUSB3"))
        assert set(agent.ports()) == {"/dev/ttyUSB3"}
        assert not any(bed.written().values())
    finally:
        agent.stop()
        print(agent.log.read_text()[-6000:])


def test_talking_gnss_port_of_an_unknown_layout_gets_no_byte(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path, receiver: Receiver
) -> None:
    bench = started(Bench, "quectel-rm500u-cnv")
    path = bench.paths["quectel-rm500u-cnv"]
    Sockets(bed, tmp_path).plug("1-2", RM500U, {2: receiver.path, 3: path})
    until(lambda: agent.is_watching("/dev/ttyUSB1"))
    assert receiver.opened
    assert receiver.received == b""
    assert list(present(agent.outbox())) == ["usb:1-2"]


def test_udev_marks_decide_which_port_is_used(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path
) -> None:
    """They override the table for a known product, and suffice for an unlisted one."""
    bench = started(Bench, "quectel-eg25-g", "simcom-a7670")
    tree = hub("1-2") + device("1-2", EG25, {n: n for n in EG25.ttys})
    tree += device("1-3", UNLISTED, {0: 10, 1: 11, 2: 12})
    for node, use in {
        "ttyUSB1": "AT_PRIMARY", "ttyUSB2": "QCDM", "ttyUSB3": "GPS", "ttyUSB12": "AT_PRIMARY",
    }.items():  # fmt: skip
        tree = marked(tree, node, f"ID_MM_PORT_TYPE_{use}")
    file = tmp_path / "marked.umockdev"
    file.write_text(tree)
    eg25, a7670 = (bench.paths[name] for name in ("quectel-eg25-g", "simcom-a7670"))
    bed.add(str(file), ttyUSB1=eg25, ttyUSB12=a7670)
    until(lambda: agent.is_watching("/dev/ttyUSB1") and agent.is_watching("/dev/ttyUSB12"))
    assert set(bed.written().values()) == {0}


def test_named_gnss_port_gets_no_byte(bed: Bed, tmp_path: Path, receiver: Receiver) -> None:
    agent = Discovering(tmp_path, "--no-discovery", "--port", "/dev/ttyUSB1", bed=bed)
    try:
        until(agent.status)
        Sockets(bed, tmp_path).plug("1-2", EG25, {1: receiver.path})
        until(lambda: agent.state("/dev/ttyUSB1") == "broken")
        assert agent.ports()["/dev/ttyUSB1"]["reason"] == "not_a_modem"
        assert receiver.received == b""
        assert reports(agent) == []
    finally:
        agent.stop()
        print(agent.log.read_text()[-6000:])
