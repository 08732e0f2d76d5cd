"""Simulated modems on real PTYs and TCP ports, and their controls at run time."""

from __future__ import annotations

import errno
import os
import select
import socket
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modemagent.simulator.server import RunningModem
from tests.simulated import simulated, simulated_fleet

OK = b"\r\nOK\r\n"


def read_until(descriptor: int, wanted: bytes, within_s: float = 5.0) -> bytes:
    """Read up to and including ``wanted``; the error shows the bytes read instead."""
    end, out = time.monotonic() + within_s, b""
    while wanted not in out:
        left = end - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            raise AssertionError(f"{wanted!r} did not come, but {out!r}")
        data = os.read(descriptor, 4096)
        if not data:
            raise AssertionError(f"hung up after {out!r}")
        out += data
    return out


@contextmanager
def opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def ask(descriptor: int, line: str, until: bytes = OK) -> bytes:
    os.write(descriptor, line.encode() + b"\r")
    return read_until(descriptor, until)


@pytest.fixture
def sim() -> Iterator[RunningModem]:
    with simulated("quectel-eg25-g", faults=["echo-off"]) as sim:
        yield sim


def test_the_terminal_is_in_raw_mode(sim: RunningModem) -> None:
    with opened(sim.path) as port:
        iflag, oflag, _, lflag, *_ = termios.tcgetattr(port)
        assert not lflag & (termios.ECHO | termios.ICANON | termios.ISIG)
        assert not oflag & termios.OPOST
        assert not iflag & termios.ICRNL
        assert ask(port, "AT+CGSN") == b"\r\n865284040000014\r\n\r\nOK\r\n"


def test_the_port_survives_clients_that_close_it(sim: RunningModem) -> None:
    for _ in range(20):
        with opened(sim.path) as port:
            assert ask(port, "AT") == OK
    assert sim.lines_received == ["AT"] * 20


def test_received_lines_are_kept_with_their_times(sim: RunningModem) -> None:
    before = time.monotonic()
    with opened(sim.path) as port:
        ask(port, "AT+CGMI")
    (received,) = sim.received
    assert received.line == "AT+CGMI"
    assert before <= received.at <= time.monotonic()


def test_sim_removal_and_insertion_send_the_modems_urcs(sim: RunningModem) -> None:
    with opened(sim.path) as port:
        sim.remove_sim()
        assert b"+QSIMSTAT: 1,0" in read_until(port, b"+CPIN: NOT READY\r\n")
        assert ask(port, "AT+CPIN?", b"10\r\n") == b"\r\n+CME ERROR: 10\r\n"
        assert ask(port, "AT+QCCID", b"10\r\n") == b"\r\n+CME ERROR: 10\r\n"
        sim.insert_sim()
        assert b"+CPIN: READY" in read_until(port, b"+QSIMSTAT: 1,1\r\n")
        assert b"8901260000000000014F" in ask(port, "AT+QCCID")


def test_a_transcript_names_its_urc_for_a_removed_sim() -> None:
    with simulated("luat-air780e") as luat, opened(luat.path) as port:
        luat.remove_sim()
        assert read_until(port, b"+CPIN: SIM REMOVED 0\r\n") == b"\r\n+CPIN: SIM REMOVED 0\r\n"


def test_a_silent_swap_changes_only_the_numbers(sim: RunningModem) -> None:
    with opened(sim.path) as port:
        sim.swap_sim("8988303000000000010", "901288000000001", silent=True)
        assert ask(port, "AT+QCCID") == b"\r\n+QCCID: 8988303000000000010F\r\n\r\nOK\r\n"
        assert ask(port, "AT+CIMI") == b"\r\n901288000000001\r\n\r\nOK\r\n"
        assert ask(port, "AT+CGSN") == b"\r\n865284040000014\r\n\r\nOK\r\n"


def test_a_swap_without_numbers_gives_new_ones(sim: RunningModem) -> None:
    with opened(sim.path) as port:
        seen = set()
        for _ in range(3):
            seen.add((ask(port, "AT+QCCID"), ask(port, "AT+CIMI")))
            sim.swap_sim(silent=True)
        assert len(seen) == 3


def test_a_swap_sends_urcs_for_both_sims(sim: RunningModem) -> None:
    with opened(sim.path) as port:
        sim.swap_sim()
        received = read_until(port, b"+QSIMSTAT: 1,1\r\n")
        assert received.index(b"+CPIN: NOT READY") < received.index(b"+CPIN: READY")


def test_a_single_urc(sim: RunningModem) -> None:
    with opened(sim.path) as port:
        sim.urc("+CREG: 5")
        assert read_until(port, b"5\r\n") == b"\r\n+CREG: 5\r\n"


def test_replug_keeps_the_port_name(sim: RunningModem) -> None:
    path = sim.path
    with opened(path) as port:
        ask(port, "AT+CMEE=2")
        sim.unplug()
        assert not os.path.lexists(path)
        assert not sim.endpoint.open
        try:
            assert os.read(port, 10) == b""
        except OSError as error:
            assert error.errno == errno.EIO
    sim.replug()
    assert sim.path == path
    with opened(path) as port:
        assert b"+CMEE: 1" in ask(port, "AT+CMEE?")  # as after power-up


def test_a_removed_sim_stays_removed_over_a_replug(sim: RunningModem) -> None:
    sim.remove_sim(silent=True)
    sim.unplug()
    sim.replug()
    with opened(sim.path) as port:
        assert ask(port, "AT+CPIN?", b"10\r\n") == b"\r\n+CME ERROR: 10\r\n"


def test_a_fault_added_and_removed_at_run_time(sim: RunningModem) -> None:
    with opened(sim.path) as port:
        sim.fault("refuse=AT+CGMI")
        assert ask(port, "AT+CGMI", b"ERROR\r\n") == b"\r\nERROR\r\n"
        sim.fault("none")
        assert b"Quectel" in ask(port, "AT+CGMI")


def test_vanishing_hangs_up() -> None:
    with (
        simulated("quectel-eg25-g", faults=["vanish=AT+CGSN"]) as sim,
        opened(sim.path) as port,
    ):
        os.write(port, b"AT+CGSN\r")
        with pytest.raises((AssertionError, OSError)):
            read_until(port, b"OK")
        assert not os.path.lexists(sim.path)
        sim.replug()
        assert Path(sim.path).exists()


def test_an_unread_flood_costs_little(sim: RunningModem) -> None:
    sim.fault("nmea-mixed=1")
    with opened(sim.path) as port:
        started = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - started < 0.25
        assert OK in ask(port, "AT")


def test_a_response_takes_less_than_a_millisecond(sim: RunningModem) -> None:
    with opened(sim.path) as port:
        times = []
        for _ in range(201):
            started = time.perf_counter()
            ask(port, "AT")
            times.append(time.perf_counter() - started)
        assert sorted(times)[100] < 0.001


def test_64_modems_in_one_thread_differ_and_stay_fast() -> None:
    with simulated_fleet(["quectel-eg25-g"], count=64, faults=["echo-off"]) as sims:
        ports = [os.open(sim.path, os.O_RDWR | os.O_NOCTTY) for sim in sims]
        try:
            started = time.perf_counter()
            for line in (b"AT+CGSN\r", b"AT+QCCID\r", b"AT+CIMI\r"):
                for port in ports:
                    os.write(port, line)
                assert len({read_until(port, OK) for port in ports}) == 64
            assert time.perf_counter() - started < 1.0
        finally:
            for port in ports:
                os.close(port)


def test_tcp_serves_one_client_and_keeps_its_port() -> None:
    with simulated("telit-ge910-quad", tcp=True) as sim:
        assert sim.path.startswith("socket://127.0.0.1:")
        place = ("127.0.0.1", int(sim.path.rpartition(":")[2]))
        with socket.create_connection(place) as first:
            first.sendall(b"AT#CCID\r")
            wanted = b"AT#CCID\r\r\n#CCID: 8990010000000000887\r\n\r\nOK\r\n"
            assert read_until(first.fileno(), OK) == wanted
            with socket.create_connection(place) as second:
                assert second.recv(10) == b""
            sim.unplug()
            assert first.recv(10) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place)
        sim.replug()
        with socket.create_connection(place) as again:
            again.sendall(b"AT\r")
            assert read_until(again.fileno(), OK) == b"AT\r\r\nOK\r\n"
