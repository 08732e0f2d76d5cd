"""--baud auto: a modem that answers at one speed only, on a PTY that sysfs lists as a UART."""

from __future__ import annotations

import json
import os
import select
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modemagent.access.speed_scan import SPEEDS
from tests.conftest import Call, Machine

RESPONSES = {"AT": "", "AT+CGSN": "\r\n867698040000013\r\n", "AT+CGMM": "\r\nM1\r\n"}


@contextmanager
def modem_at(baud: int, noise: bytes = b"\xfe\x80") -> Iterator[tuple[str, set[int]]]:
    """Yield the terminal of a modem that answers at this speed, and the speeds that it has seen."""
    near, terminal = os.openpty()
    seen: set[int] = set()
    wanted = getattr(termios, f"B{baud}", None)
    wake, waker = os.pipe()

    def serve() -> None:
        line = b""
        while wake not in (ready := select.select([near, wake], [], [])[0]):
            assert ready
            line += os.read(near, 4096)
            speed = termios.tcgetattr(near)[5]
            seen.add(speed)
            if not line.endswith(b"\r"):
                continue
            command, line = line.decode().strip(), b""
            if speed != wanted:
                os.write(near, noise)
            elif command in RESPONSES:
                os.write(near, RESPONSES[command].encode() + b"\r\nOK\r\n")
            else:
                os.write(near, b"\r\nERROR\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(terminal), seen
    finally:
        os.write(waker, b"x")
        thread.join()
        for descriptor in (near, terminal, wake, waker):
            os.close(descriptor)


def uart(machine: Machine, terminal: str) -> tuple[str, ...]:
    """Add an on-board UART whose device file is a terminal; return PORT and the option for it."""
    machine.uart("ttyS0", 4)
    port = machine.root / "dev/ttyS0"
    port.unlink()
    port.symlink_to(terminal)
    return str(port), "--root", str(machine.root)


@pytest.mark.parametrize("baud", [115200, 9600, 57600])
def test_reading_goes_on_at_the_speed_found(call: Call, machine: Machine, baud: int) -> None:
    with modem_at(baud) as (terminal, _):
        port, *root = uart(machine, terminal)
        done = call("at", port, "AT+CGMM", *root, "--baud", "auto", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["baud"] == baud
    assert document["answers"][0]["lines"][0]["text"] == "M1"
    assert done.stderr == f"modemagent: {port}: the modem answers at {baud} baud\n"


@pytest.mark.parametrize("command", ["identify", "diagnose"])
def test_speed_is_in_json_and_trace(call: Call, machine: Machine, command: str) -> None:
    with modem_at(9600) as (terminal, _):
        port, *root = uart(machine, terminal)
        done = call(command, port, *root, "--baud", "auto", "--json", "--trace")
    [entry] = json.loads(done.stdout)["modems"]
    assert entry["baud"] == 9600
    assert f"trace of {port}: 115200 baud is tried\n" in done.stderr
    assert f"trace of {port}: the modem answers at 9600 baud\n" in done.stderr


def test_settings_of_the_line_are_restored(call: Call, machine: Machine) -> None:
    with modem_at(9600) as (terminal, _):
        port, *root = uart(machine, terminal)
        descriptor = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
        before = termios.tcgetattr(descriptor)
        call("at", port, "AT", *root, "--baud", "auto")
        assert termios.tcgetattr(descriptor)[4:6] == before[4:6]
        os.close(descriptor)


def test_no_answer_lists_the_speeds_that_were_tried(call: Call, machine: Machine) -> None:
    with modem_at(0) as (terminal, seen):
        port, *root = uart(machine, terminal)
        done = call("identify", port, *root, "--baud", "auto", "--json")
    assert done.returncode == 4
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "no_answer"
    assert ", ".join(map(str, SPEEDS)) in error["hint"]
    assert len(seen) == len(SPEEDS)


def test_silent_uart_at_default_speed_names_the_scan(call: Call, machine: Machine) -> None:
    with modem_at(9600, noise=b"") as (terminal, _):
        port, *root = uart(machine, terminal)
        done = call("identify", port, *root)
    assert done.returncode == 4
    assert "--baud auto" in done.stderr


def test_port_without_speed_is_not_scanned(call: Call) -> None:
    with modem_at(38400) as (terminal, seen):
        done = call("at", terminal, "AT", "--baud", "auto", "--timeout", "1")
    assert done.returncode == 4
    assert seen == {termios.B115200}


def test_watch_does_not_scan(call: Call) -> None:
    done = call("watch", "--baud", "auto")
    assert done.returncode == 2
