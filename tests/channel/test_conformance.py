"""Conformance tests of ports, over every transport and with both runners."""

import asyncio
import os
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modemagent.at.steps import Command, Listen, Plan, Received, Response
from modemagent.channel.channel import open_channel
from modemagent.errors import (
    DeadlinePassed,
    LineRefused,
    ModemAgentError,
    PortBusy,
    PortVanished,
)

LIMIT_S = 5.0


def ask(*lines: str, timeout_s: float = 2.0) -> Plan[list[Response]]:
    responses = []
    for line in lines:
        response = yield Command(line, timeout_s)
        assert isinstance(response, Response)
        responses.append(response)
    return responses


def listen(quiet_s: float, limit_s: float) -> Plan[Received]:
    received = yield Listen(quiet_s, limit_s)
    assert isinstance(received, Received)
    return received


# -- responses


def test_response(peer: Any, run_plan: Any) -> None:
    peer.reply = lambda line: line + b"\r\r\n+CPIN: READY\r\n\r\nOK\r\n"
    (response,) = run_plan(peer.address, ask("AT+CPIN?"))
    assert (response.lines, response.ok, response.echoed) == (("+CPIN: READY",), True, True)
    assert 0 < response.elapsed_s < LIMIT_S
    assert peer.received == b"AT+CPIN?\r"


def test_response_byte_by_byte(peer: Any, run_plan: Any) -> None:
    def reply(line: bytes) -> bytes:
        for byte in line + b"\r\r\n867698040000013\r\n\r\nO":
            peer.send(bytes((byte,)))
        return b"K\r\n"

    peer.reply = reply
    (response,) = run_plan(peer.address, ask("AT+CGSN"))
    assert (response.lines, response.ok) == (("867698040000013",), True)


def test_commands_follow_each_other_without_delay(peer: Any, run_plan: Any) -> None:
    started = time.monotonic()
    responses = run_plan(peer.address, ask(*["AT"] * 50))
    assert all(response.ok for response in responses)
    assert time.monotonic() - started < 3.0
    assert peer.received == b"AT\r" * 50


def test_every_byte_value_passes(peer: Any, run_plan: Any) -> None:
    everything = bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"")
    peer.reply = lambda line: everything + b"\r\nOK\r\n"
    (response,) = run_plan(peer.address, ask("AT"))
    assert response.ok
    assert response.raw.startswith(everything)


def test_missing_final_result_ends_at_the_deadline(peer: Any, run_plan: Any) -> None:
    peer.reply = lambda line: b"+CSQ: 1,99\r\n"
    (response,) = run_plan(peer.address, ask("AT+CSQ", timeout_s=0.2))
    assert response.timed_out
    assert response.lines == ("+CSQ: 1,99",)
    assert 0.2 <= response.elapsed_s < 0.5


def test_a_late_response_is_not_the_next_one(peer: Any, run_plan: Any) -> None:
    responses = iter((b"", b"\r\nERROR\r\n"))
    peer.reply = lambda line: next(responses)

    def plan() -> Plan[tuple[Response, Received, Response]]:
        late = yield Command("AT+CGSN", 0.1)
        peer.send(b"AT+CGSN\r\r\n867698040000013\r\n\r\nOK\r\n")
        received = yield Listen(0.3, 2.0)
        after = yield Command("AT+CIMI", 1.0)
        return late, received, after  # type: ignore[return-value]

    late, received, after = run_plan(peer.address, plan())
    assert late.timed_out
    assert "867698040000013" in received.lines
    assert (after.lines, after.ok) == ((), False)


# -- listening


def test_listening_ends_with_silence(peer: Any, run_plan: Any) -> None:
    def plan() -> Plan[Received]:
        yield Command("AT", 1.0)
        peer.send(b"\r\nRDY\r\n")
        received = yield Listen(0.15, 3.0)
        return received  # type: ignore[return-value]

    received = run_plan(peer.address, plan())
    assert received.lines == ("RDY",)
    assert received.raw == b"\r\nRDY\r\n"
    assert 0.15 <= received.elapsed_s < 1.0


def test_listening_ends_at_its_limit_without_silence(peer: Any, run_plan: Any) -> None:
    def reply(line: bytes) -> bytes:
        return b"\r\nOK\r\n" + b"^RSSI: 1\r\n" * 400

    peer.reply = reply

    def plan() -> Plan[Received]:
        yield Command("AT", 1.0)
        received = yield Listen(5.0, 0.2)
        return received  # type: ignore[return-value]

    received = run_plan(peer.address, plan())
    assert 0.2 <= received.elapsed_s < 1.0


def test_bytes_waiting_at_open_are_kept(pty_peer: Any, run_plan: Any) -> None:
    pty_peer.send(b"$GPGGA,1\r\n")
    received = run_plan(pty_peer.address, listen(0.0, 0.0))
    assert received.raw == b"$GPGGA,1\r\n"
    assert received.elapsed_s < 0.1
    assert pty_peer.received == b""


def test_bytes_waiting_at_open_are_kept_over_a_network(socket_peer: Any, run_plan: Any) -> None:
    socket_peer._welcome = lambda: (socket_peer.connected.set(), socket_peer.send(b"RDY\r\n"))
    assert run_plan(socket_peer.address, listen(0.2, 2.0)).lines == ("RDY",)


def test_zero_listen_takes_all_waiting_bytes_at_once(pty_peer: Any, run_plan: Any) -> None:
    pty_peer.send(b"+CREG: 1\r\n" * 300)
    received = run_plan(pty_peer.address, listen(0.0, 0.0))
    assert len(received.lines) == 300
    assert run_plan(pty_peer.address, listen(0.0, 5.0)).lines == ()


# -- the end of a port


def test_hang_up_is_detected_at_once(peer: Any, run_plan: Any) -> None:
    peer.reply = lambda line: None
    started = time.monotonic()
    with pytest.raises(PortVanished) as vanished:
        run_plan(peer.address, ask("AT", timeout_s=30.0), timeout_s=30.0)
    assert time.monotonic() - started < 2.0
    assert vanished.value.port == peer.address
    assert vanished.value.hint


@pytest.mark.parametrize("size", range(7))
def test_hang_up_after_each_byte(peer: Any, run_plan: Any, size: int) -> None:
    def reply(line: bytes) -> None:
        peer.send(b"\r\nOK\r\n"[:size])

    peer.reply = reply
    try:
        (response,) = run_plan(peer.address, ask("AT", timeout_s=30.0), timeout_s=30.0)
    except PortVanished:
        assert size < 6 or peer.address.startswith("/")  # a PTY may lose unread bytes
    else:
        assert response.ok
        assert size >= 5


def test_a_plan_may_return_early_if_the_port_vanishes(peer: Any, run_plan: Any) -> None:
    responses = iter((b"\r\nOK\r\n", None))
    peer.reply = lambda line: next(responses)

    def plan() -> Plan[str]:
        try:
            yield Command("AT", 2.0)
            yield Command("AT", 2.0)
        except PortVanished:
            return "one response"
        return "two responses"

    assert run_plan(peer.address, plan()) == "one response"


def test_a_plan_may_return_early_at_the_deadline(peer: Any, run_plan: Any) -> None:
    peer.reply = lambda line: b""

    def plan() -> Plan[str]:
        try:
            yield Command("AT", 30.0)
        except DeadlinePassed:
            return "what there was"
        return "an response"

    started = time.monotonic()
    assert run_plan(peer.address, plan(), timeout_s=0.7) == "what there was"
    assert time.monotonic() - started < 2.0


def test_a_plan_cannot_continue_after_the_deadline(peer: Any, run_plan: Any) -> None:
    peer.reply = lambda line: b""

    def plan() -> Plan[None]:
        while True:
            try:
                yield Command("AT", 30.0)
            except DeadlinePassed:
                continue

    with pytest.raises(DeadlinePassed):
        run_plan(peer.address, plan(), timeout_s=0.7)
    assert peer.received == b"AT\r"


def test_a_stalled_peer_does_not_delay_the_call(peer: Any, run_plan: Any) -> None:
    peer.stall()
    if hasattr(peer, "fill"):
        peer.fill()
        started = time.monotonic()
        (response,) = run_plan(peer.address, ask("AT", timeout_s=0.3))
        assert response.timed_out
    elif peer.address.startswith("socket"):
        started = time.monotonic()
        with pytest.raises(DeadlinePassed):
            run_plan(peer.address, ask("AT", timeout_s=30.0), timeout_s=0.3)
    else:
        pytest.skip("its negotiation needs a peer that reads; see the next test")
    assert time.monotonic() - started < 0.3 + 1.0


def fill(channel: Any) -> None:
    """Write past the allow-list until the kernel's buffer is full."""
    try:
        while os.write(channel._port.fileno(), bytes(65536)):
            pass
    except BlockingIOError:
        pass


async def test_a_stalled_peer_is_closed_within_a_second(peer: Any, stall: Any) -> None:
    channel = await open_channel(peer.address)
    peer.stall()
    fill(channel)
    watch = asyncio.create_task(stall.watch())
    command = asyncio.create_task(channel.perform(Command("AT", 30.0)))
    await asyncio.sleep(0)
    started = time.monotonic()
    await channel.close()
    assert time.monotonic() - started < 1.0
    with pytest.raises(PortVanished):
        await command
    assert channel.closed.is_set()
    assert watch.cancel(), "it watches until here"
    assert stall.longest_s < 0.05


async def test_the_loop_never_stalls(peer: Any, stall: Any) -> None:
    # pyserial's client and server share one process here, and both handle single bytes in Python;
    # the serial line of a real server delivers less than this
    flood = b"+CREG: 1\r\n" * (200 if peer.address.startswith("rfc2217") else 2000)
    peer.reply = lambda line: flood + b"\r\nOK\r\n"
    # on a busy machine one slow iteration proves nothing, three do
    for _ in range(3):
        stall.longest_s = 0.0
        watch = asyncio.create_task(stall.watch())
        channel = await open_channel(peer.address)
        for _ in range(5):
            assert (await channel.perform(Command("AT", 5.0))).ok
        await channel.close()
        assert watch.cancel(), "it watches until here"
        if stall.longest_s < 0.05:
            return
    pytest.fail(f"{stall.longest_s:.3f} s between two iterations of the loop")


async def test_closed_is_set_by_a_hang_up_while_idle(peer: Any) -> None:
    channel = await open_channel(peer.address)
    assert (await channel.perform(Command("AT", 2.0))).ok
    peer.hang_up()
    async with asyncio.timeout(2.0):
        await channel.closed.wait()
        assert [line async for line in channel.urcs] == []
    with pytest.raises(PortVanished):
        await channel.perform(Command("AT", 2.0))
    await channel.close()
    await channel.close()


# -- what may be written


@pytest.mark.parametrize(
    "line",
    ["AT+CFUN=1,1", "AT+EGMR=1,7,1", "AT+CGSN\rAT+CFUN=0", "AT;\nATZ", "AT+CGSN;+CFUN=0", "", "A/"],
)
def test_nothing_outside_the_allow_list_is_written(pty_peer: Any, run_plan: Any, line: str) -> None:
    with pytest.raises(LineRefused):
        run_plan(pty_peer.address, ask(line))
    (response,) = run_plan(pty_peer.address, ask("AT"))
    assert response.ok
    assert pty_peer.received == b"AT\r"


def test_a_line_is_refused_on_every_transport(peer: Any, run_plan: Any) -> None:
    with pytest.raises(LineRefused):
        run_plan(peer.address, ask("AT", "AT&F"))
    assert peer.received == b"AT\r"


# -- the settings


def settings(peer: Any) -> list[Any]:
    return termios.tcgetattr(peer.terminal)


@pytest.fixture
def odd(pty_peer: Any) -> list[Any]:
    """A terminal with unusual settings: cooked, 7E2, flow control on, VMIN 0, slow."""
    odd = settings(pty_peer)
    odd[0] = termios.ICRNL | termios.IXON | termios.IXOFF | termios.ISTRIP | termios.INPCK
    odd[1] = termios.OPOST | termios.ONLCR
    odd[2] = termios.CS7 | termios.PARENB | termios.CSTOPB | termios.CREAD | termios.CRTSCTS
    odd[3] = termios.ICANON | termios.ECHO | termios.ISIG
    odd[4] = odd[5] = termios.B9600
    odd[6][termios.VINTR] = b"A"
    odd[6][termios.VMIN], odd[6][termios.VTIME] = b"\0", b"\7"
    termios.tcsetattr(pty_peer.terminal, termios.TCSANOW, odd)
    return settings(pty_peer)


def test_every_terminal_setting_is_made_and_restored(
    pty_peer: Any, run_plan: Any, odd: list[Any]
) -> None:
    meanwhile: list[Any] = []

    def plan() -> Plan[Response]:
        meanwhile.extend(settings(pty_peer))
        return (yield Command("AT", 2.0))  # type: ignore[return-value]

    assert run_plan(pty_peer.address, plan()).ok
    # not checked: parity and width, which a PTY's driver does not change
    assert meanwhile[:2] == [0, 0]
    assert meanwhile[2] & termios.CLOCAL
    assert not meanwhile[2] & (termios.HUPCL | termios.CRTSCTS | termios.CSTOPB)
    assert meanwhile[3:6] == [0, termios.B115200, termios.B115200]
    assert meanwhile[6][termios.VMIN] in (1, b"\1")
    assert settings(pty_peer) == odd
    assert pty_peer.received == b"AT\r"


def test_terminal_settings_are_restored_if_a_plan_fails(
    pty_peer: Any, run_plan: Any, odd: list[Any]
) -> None:
    with pytest.raises(LineRefused):
        run_plan(pty_peer.address, ask("AT&F"))
    assert settings(pty_peer) == odd


# -- one at a time

HOLDS = """
import fcntl, os, sys, termios
held = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
if sys.argv[2] == "flock":
    fcntl.flock(held, fcntl.LOCK_EX)
elif sys.argv[2] == "exclusive":
    fcntl.ioctl(held, termios.TIOCEXCL)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(pty_peer: Any, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the port open, with the lock of the parameter."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, pty_peer.address, request.param],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.stdin.close()
    process.stdout.close()
    process.wait(LIMIT_S)


@pytest.mark.parametrize("holder", ["flock", "exclusive"], indirect=True)
def test_a_second_open_names_the_holder(
    pty_peer: Any, run_plan: Any, holder: subprocess.Popen[str]
) -> None:
    before = settings(pty_peer)
    with pytest.raises(PortBusy) as busy:
        run_plan(pty_peer.address, ask("AT"))
    comm = Path(f"/proc/{holder.pid}/comm").read_text().strip()
    assert (busy.value.holder_pid, busy.value.holder_name) == (holder.pid, comm)
    assert str(holder.pid) in busy.value.message
    assert busy.value.exit_status == 5
    assert pty_peer.received == b""
    assert settings(pty_peer) == before


@pytest.mark.parametrize("holder", ["flock", "exclusive"], indirect=True)
def test_the_port_is_free_after_its_holder_was_killed(
    pty_peer: Any, run_plan: Any, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait(LIMIT_S)
    # the peer keeps the terminal open, so the kernel keeps the dead process's TIOCEXCL
    (response,) = run_plan(pty_peer.address, ask("AT"))
    assert response.ok


@pytest.mark.parametrize("holder", ["open"], indirect=True)
def test_merely_open_elsewhere_is_not_busy(
    pty_peer: Any, run_plan: Any, holder: subprocess.Popen[str]
) -> None:
    (response,) = run_plan(pty_peer.address, ask("AT"))
    assert response.ok


@pytest.mark.parametrize("content", ["{:>10}\n", "binary"])
@pytest.mark.parametrize("holder", ["open"], indirect=True)
def test_a_lock_file_names_the_holder(
    pty_peer: Any, run_plan: Any, holder: subprocess.Popen[str], content: str
) -> None:
    folder = Path("/run/lock")
    if not os.access(folder, os.W_OK):
        pytest.skip("lock files cannot be written here")
    file = folder / ("LCK.." + pty_peer.address.removeprefix("/dev/").replace("/", "_"))
    binary = holder.pid.to_bytes(4, sys.byteorder)
    file.write_bytes(binary if content == "binary" else content.format(holder.pid).encode())
    try:
        with pytest.raises(PortBusy) as busy:
            run_plan(pty_peer.address, ask("AT"))
        assert busy.value.holder_pid == holder.pid
        file.write_text(f"{2**22 - 1:>10}\n")  # stale: there is no such process
        assert run_plan(pty_peer.address, ask("AT"))[0].ok
    finally:
        file.unlink()


async def test_own_lock_counts_and_a_link_is_the_same_port(pty_peer: Any, tmp_path: Path) -> None:
    link = tmp_path / "modem"
    link.symlink_to(pty_peer.address)
    channel = await open_channel(pty_peer.address)
    with pytest.raises(PortBusy) as busy:
        await open_channel(str(link))
    assert (busy.value.holder_pid, busy.value.port) == (os.getpid(), str(link))
    assert (await channel.perform(Command("AT", 2.0))).ok
    await channel.close()
    again = await open_channel(str(link))
    await again.close()


def test_a_failed_open_is_an_expected_failure(pty_peer: Any, run_plan: Any) -> None:
    with pytest.raises(ModemAgentError):
        run_plan(pty_peer.address + "0000", ask("AT"))
