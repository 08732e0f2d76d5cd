"""A port that is known to take no AT commands gets no byte, and the AT port is named."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import Call, Machine
from tests.discovery.conftest import Bed
from tests.discovery.conftest import bed as bed_fixture
from tests.preloaded import COMMAND
from tests.simulated import simulated

bed = bed_fixture
EG25 = "quectel-eg25-g"
PORTS = {0: "ttyUSB0", 1: "ttyUSB1", 2: "ttyUSB2", 3: "ttyUSB3"}


@pytest.mark.parametrize(
    "words",
    ["identify", "at AT", "diagnose", "record -o /dev/null --force", "watch"],
)
@pytest.mark.parametrize(("name", "purpose"), [("ttyUSB0", "diagnostics"), ("ttyUSB1", "NMEA")])
def test_no_byte_is_sent_to_a_known_port(
    call: Call, machine: Machine, words: str, name: str, purpose: str
) -> None:
    command, *rest = words.split()
    with simulated(EG25) as sim:
        machine.usb_modem(
            "1-2", "2c7c", "0125", PORTS, devices=dict.fromkeys(PORTS.values(), sim.path)
        )
        port = machine.root / "dev" / name
        done = call(command, str(port), *rest, "--root", str(machine.root))
        received = sim.lines_received
    assert done.returncode == 4, done
    assert received == []
    shown = " ".join((done.stdout + done.stderr).split())
    assert purpose in shown and f"{machine.root}/dev/ttyUSB2 (usb:1-2:1.2), the AT port" in shown


@pytest.mark.parametrize("by", ["link", "id"])
def test_other_names_of_the_port_are_known(call: Call, machine: Machine, by: str) -> None:
    machine.usb_modem("1-2", "2c7c", "0125", PORTS)
    links = machine.root / "dev/serial/by-id"
    links.mkdir(parents=True)
    link = links / "usb-Quectel_EG25-if01-port0"
    link.symlink_to("../../ttyUSB1")
    word = str(link) if by == "link" else "usb:1-2:1.1"
    done = call("identify", word, "--root", str(machine.root), "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (4, "not_a_modem")
    assert error["message"].startswith(f"{word} is for positions (NMEA)")
    assert "ttyUSB2" in error["hint"] and "--ignore-role" in error["hint"]


def test_role_can_be_ignored(call: Call, machine: Machine) -> None:
    with simulated(EG25) as sim:
        machine.usb_modem("1-2", "2c7c", "0125", {1: "ttyUSB1"}, devices={"ttyUSB1": sim.path})
        words = ("identify", str(machine.root / "dev/ttyUSB1"), "--root", str(machine.root))
        refused = call(*words)
        read = call(*words, "--ignore-role", "--field", "model")
    assert (refused.returncode, read.stdout) == (4, "EG25\n"), read
    assert "modemagent list" in refused.stderr


def test_diagnose_names_the_role_first(call: Call, machine: Machine) -> None:
    machine.usb_modem("1-2", "2c7c", "0125", PORTS)
    port = str(machine.root / "dev/ttyUSB1")
    done = call("diagnose", port, "--root", str(machine.root), "--json")
    [modem] = json.loads(done.stdout)["modems"]
    assert (done.returncode, modem["first"]) == (4, "role")
    wrong = [each["check"] for each in modem["findings"] if each["state"] == "error"]
    assert wrong == ["role"]


def test_udev_properties_decide_before_the_table(bed: Bed) -> None:
    """ModemManager's rules may call a port otherwise than the table of USB ids does."""
    bed.add("modemmanager-hints")
    done = subprocess.run(
        [sys.executable, "-m", "modemagent", "list", "--json"],
        env=bed.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    ports = [port for modem in json.loads(done.stdout)["modems"] for port in modem["ports"]]
    closed = [port["path"] for port in ports if port["role"] in ("nmea", "diag")]
    assert closed
    for path in closed:
        done = subprocess.run(
            [*COMMAND, "identify", path, "--json"],
            env=bed.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert json.loads(done.stdout)["error"]["code"] == "not_a_modem", done
    assert set(bed.written().values()) == {0}
