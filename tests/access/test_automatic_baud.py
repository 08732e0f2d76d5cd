"""--baud auto: a modem that answers at one speed only, on a PTY that sysfs lists as a UART."""

from __future__ import annotations

import json
import os
import termios

import pytest

from modemagent.modem.speed_scan import SPEEDS
from tests.conftest import Call, Machine
from tests.uart import modem_at


def uart(machine: Machine, terminal: str) -> tuple[str, ...]:
    """Add an on-board UART whose device file is a terminal; return PORT and the option for it."""
    machine.uart("ttyS0", 4)
    port = machine.root / "dev/ttyS0"
    port.unlink()
    port.symlink_to(terminal)
    return str(port), "--root", str(machine.root)


@pytest.mark.parametrize("baud", [115200, 9600, 57600])
def test_reading_goes_on_at_the_speed_found(call: Call, machine: Machine, baud: int) -> None:
    with modem_at(baud) as modem:
        port, *root = uart(machine, modem.path)
        done = call("at", port, "AT+CGMM", *root, "--baud", "auto", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["baud"] == baud
    assert document["answers"][0]["lines"][0]["text"] == "M1"
    assert done.stderr == f"modemagent: {port}: the modem answers at {baud} baud\n"


@pytest.mark.parametrize("command", ["identify", "diagnose"])
def test_speed_is_in_json_and_trace(call: Call, machine: Machine, command: str) -> None:
    with modem_at(9600) as modem:
        port, *root = uart(machine, modem.path)
        done = call(command, port, *root, "--baud", "auto", "--json", "--trace")
    [entry] = json.loads(done.stdout)["modems"]
    assert entry["baud"] == 9600
    assert f"trace of {port}: trying 115200 baud\n" in done.stderr
    assert f"trace of {port}: the modem answers at 9600 baud\n" in done.stderr


def test_settings_of_the_line_are_restored(call: Call, machine: Machine) -> None:
    with modem_at(9600) as modem:
        port, *root = uart(machine, modem.path)
        descriptor = os.open(modem.path, os.O_RDWR | os.O_NOCTTY)
        before = termios.tcgetattr(descriptor)
        call("at", port, "AT", *root, "--baud", "auto")
        assert termios.tcgetattr(descriptor)[4:6] == before[4:6]
        os.close(descriptor)


def test_no_answer_lists_the_speeds_that_were_tried(call: Call, machine: Machine) -> None:
    with modem_at(0) as modem:
        port, *root = uart(machine, modem.path)
        done = call("identify", port, *root, "--baud", "auto", "--json")
    assert done.returncode == 4
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "no_answer"
    assert ", ".join(map(str, SPEEDS)) in error["hint"]
    assert len(modem.seen) == len(SPEEDS)


def test_silent_uart_at_default_speed_names_the_scan(call: Call, machine: Machine) -> None:
    with modem_at(9600, noise=b"") as modem:
        port, *root = uart(machine, modem.path)
        done = call("identify", port, *root)
    assert done.returncode == 4
    assert "--baud auto" in done.stderr


def test_port_without_speed_is_not_scanned(call: Call) -> None:
    with modem_at(38400) as modem:
        done = call("at", modem.path, "AT", "--baud", "auto", "--timeout", "1")
    assert done.returncode == 4
    assert modem.seen == [termios.B115200]


def test_garbage_at_a_set_speed_names_the_scan(call: Call, machine: Machine) -> None:
    with modem_at(9600, noise=b"\xfe\x80\xf8" * 10) as modem:
        port, *root = uart(machine, modem.path)
        done = call("identify", port, *root, "--baud", "19200", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (4, "not_a_modem")
    assert "--baud auto (19200 baud was used)" in error["hint"]
