"""One suite over every transport and both doors: what a port owes whoever opens it."""

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
from modemagent.channel.open import open_channel
from modemagent.errors import (
    DeadlinePassed,
    LineRefused,
    ModemAgentError,
    PortBusy,
    PortVanished,
)

LIMIT_S = 5.0


def asking(*lines: str, timeout_s: float = 2.0) -> Plan[list[Response]]:
    answers = []
    for line in lines:
        answer = yield Command(line, timeout_s)
        assert isinstance(answer, Response)
        answers.append(answer)
    return answers


def listening(quiet_s: float, limit_s: float) -> Plan[Received]:
    heard = yield Listen(quiet_s, limit_s)
    assert isinstance(heard, Received)
    return heard


# -- answers


def test_answers(far: Any, door: Any) -> None:
    far.reply = lambda line: line + b"\r\r\n+CPIN: READY\r\n\r\nOK\r\n"
    (answer,) = door(far.address, asking("AT+CPIN?"))
    assert (answer.lines, answer.ok, answer.echoed) == (("+CPIN: READY",), True, True)
    assert 0 < answer.elapsed_s < LIMIT_S
    assert far.received == b"AT+CPIN?\r"


def test_byte_by_byte(far: Any, door: Any) -> None:
    def reply(line: bytes) -> bytes:
        for byte in line + b"\r\r\n867698040000013\r\n\r\nO":
            far.say(bytes((byte,)))
        return b"K\r\n"

    far.reply = reply
    (answer,) = door(far.address, asking("AT+CGSN"))
    assert (answer.lines, answer.ok) == (("867698040000013",), True)


def test_questions_follow_each_other_at_once(far: Any, door: Any) -> None:
    begun = time.monotonic()
    answers = door(far.address, asking(*["AT"] * 50))
    assert all(answer.ok for answer in answers)
    assert time.monotonic() - begun < 3.0
    assert far.received == b"AT\r" * 50


def test_every_byte_value_passes(far: Any, door: Any) -> None:
    everything = bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"")
    far.reply = lambda line: everything + b"\r\nOK\r\n"
    (answer,) = door(far.address, asking("AT"))
    assert answer.ok
    assert answer.raw.startswith(everything)


def test_no_answer_ends_at_the_deadline(far: Any, door: Any) -> None:
    far.reply = lambda line: b"+CSQ: 1,99\r\n"
    (answer,) = door(far.address, asking("AT+CSQ", timeout_s=0.2))
    assert answer.timed_out
    assert answer.lines == ("+CSQ: 1,99",)
    assert 0.2 <= answer.elapsed_s < 0.5


def test_a_late_answer_is_not_the_next_one(far: Any, door: Any) -> None:
    answers = iter((b"", b"\r\nERROR\r\n"))
    far.reply = lambda line: next(answers)

    def plan() -> Plan[tuple[Response, Received, Response]]:
        late = yield Command("AT+CGSN", 0.1)
        far.say(b"AT+CGSN\r\r\n867698040000013\r\n\r\nOK\r\n")
        heard = yield Listen(0.3, 2.0)
        after = yield Command("AT+CIMI", 1.0)
        return late, heard, after  # type: ignore[return-value]

    late, heard, after = door(far.address, plan())
    assert late.timed_out
    assert "867698040000013" in heard.lines
    assert (after.lines, after.ok) == ((), False)


# -- listening


def test_listening_ends_with_silence(far: Any, door: Any) -> None:
    def plan() -> Plan[Received]:
        yield Command("AT", 1.0)
        far.say(b"\r\nRDY\r\n")
        heard = yield Listen(0.15, 3.0)
        return heard  # type: ignore[return-value]

    heard = door(far.address, plan())
    assert heard.lines == ("RDY",)
    assert heard.raw == b"\r\nRDY\r\n"
    assert 0.15 <= heard.elapsed_s < 1.0


def test_listening_ends_at_its_limit_though_it_never_gets_quiet(far: Any, door: Any) -> None:
    def reply(line: bytes) -> bytes:
        return b"\r\nOK\r\n" + b"^RSSI: 1\r\n" * 400

    far.reply = reply

    def plan() -> Plan[Received]:
        yield Command("AT", 1.0)
        heard = yield Listen(5.0, 0.2)
        return heard  # type: ignore[return-value]

    heard = door(far.address, plan())
    assert 0.2 <= heard.elapsed_s < 1.0


def test_what_waits_at_opening_is_kept_as_evidence(far_pty: Any, door: Any) -> None:
    far_pty.say(b"$GPGGA,1\r\n")
    heard = door(far_pty.address, listening(0.0, 0.0))
    assert heard.raw == b"$GPGGA,1\r\n"
    assert heard.elapsed_s < 0.1
    assert far_pty.received == b""


def test_what_waits_at_opening_comes_over_a_network(far_socket: Any, door: Any) -> None:
    far_socket._welcome = lambda: (far_socket.connected.set(), far_socket.say(b"RDY\r\n"))
    assert door(far_socket.address, listening(0.2, 2.0)).lines == ("RDY",)


def test_taking_what_waits_takes_all_of_it_and_no_time(far_pty: Any, door: Any) -> None:
    far_pty.say(b"+CREG: 1\r\n" * 300)
    heard = door(far_pty.address, listening(0.0, 0.0))
    assert len(heard.lines) == 300
    assert door(far_pty.address, listening(0.0, 5.0)).lines == ()


# -- the end of a port


def test_hang_up_is_noticed_at_once(far: Any, door: Any) -> None:
    far.reply = lambda line: None
    begun = time.monotonic()
    with pytest.raises(PortVanished) as vanished:
        door(far.address, asking("AT", timeout_s=30.0), timeout_s=30.0)
    assert time.monotonic() - begun < 2.0
    assert vanished.value.port == far.address
    assert vanished.value.hint


@pytest.mark.parametrize("size", range(7))
def test_vanish_at_each_byte(far: Any, door: Any, size: int) -> None:
    def reply(line: bytes) -> None:
        far.say(b"\r\nOK\r\n"[:size])

    far.reply = reply
    try:
        (answer,) = door(far.address, asking("AT", timeout_s=30.0), timeout_s=30.0)
    except PortVanished:
        assert size < 6 or far.address.startswith("/")  # a PTY may lose what was not read yet
    else:
        assert answer.ok
        assert size >= 5


def test_a_plan_may_keep_what_it_has_when_the_port_goes(far: Any, door: Any) -> None:
    answers = iter((b"\r\nOK\r\n", None))
    far.reply = lambda line: next(answers)

    def plan() -> Plan[str]:
        try:
            yield Command("AT", 2.0)
            yield Command("AT", 2.0)
        except PortVanished:
            return "one answer"
        return "two answers"

    assert door(far.address, plan()) == "one answer"


def test_a_plan_may_keep_what_it_has_when_time_is_up(far: Any, door: Any) -> None:
    far.reply = lambda line: b""

    def plan() -> Plan[str]:
        try:
            yield Command("AT", 30.0)
        except DeadlinePassed:
            return "what there was"
        return "an answer"

    begun = time.monotonic()
    assert door(far.address, plan(), timeout_s=0.7) == "what there was"
    assert time.monotonic() - begun < 2.0


def test_a_plan_that_asks_on_when_time_is_up_gets_no_more(far: Any, door: Any) -> None:
    far.reply = lambda line: b""

    def plan() -> Plan[None]:
        while True:
            try:
                yield Command("AT", 30.0)
            except DeadlinePassed:
                continue

    with pytest.raises(DeadlinePassed):
        door(far.address, plan(), timeout_s=0.7)
    assert far.received == b"AT\r"


def test_a_stuck_far_side_does_not_hold_up_the_call(far: Any, door: Any) -> None:
    far.stall()
    if hasattr(far, "fill"):
        far.fill()
        begun = time.monotonic()
        (answer,) = door(far.address, asking("AT", timeout_s=0.3))
        assert answer.timed_out
    elif far.address.startswith("socket"):
        begun = time.monotonic()
        with pytest.raises(DeadlinePassed):
            door(far.address, asking("AT", timeout_s=30.0), timeout_s=0.3)
    else:
        pytest.skip("its negotiation needs a far side that reads; see the next test")
    assert time.monotonic() - begun < 0.3 + 1.0


def fill(channel: Any) -> None:
    """Write past all gates until the kernel takes no more."""
    try:
        while os.write(channel._port.fileno(), bytes(65536)):
            pass
    except BlockingIOError:
        pass


async def test_a_stuck_far_side_is_closed_within_a_second(far: Any, stall: Any) -> None:
    channel = await open_channel(far.address)
    far.stall()
    fill(channel)
    watch = asyncio.create_task(stall.watch())
    question = asyncio.create_task(channel.perform(Command("AT", 30.0)))
    await asyncio.sleep(0)
    begun = time.monotonic()
    await channel.close()
    assert time.monotonic() - begun < 1.0
    with pytest.raises(PortVanished):
        await question
    assert channel.closed.is_set()
    watch.cancel()
    assert stall.longest_s < 0.05


async def test_the_loop_never_stalls(far: Any, stall: Any) -> None:
    # pyserial's end and ours share one process here, and both take bytes one by one in Python;
    # a serial server never has more to say than its line gives, which is less than this
    flood = b"+CREG: 1\r\n" * (200 if far.address.startswith("rfc2217") else 2000)
    far.reply = lambda line: flood + b"\r\nOK\r\n"
    # on a machine with other things to do one slow turn proves nothing, three do
    for _ in range(3):
        stall.longest_s = 0.0
        watch = asyncio.create_task(stall.watch())
        channel = await open_channel(far.address)
        for _ in range(5):
            assert (await channel.perform(Command("AT", 5.0))).ok
        await channel.close()
        watch.cancel()
        if stall.longest_s < 0.05:
            return
    pytest.fail(f"{stall.longest_s:.3f} s without a turn of the loop")


async def test_closed_tells_of_a_hang_up_while_nothing_is_asked(far: Any) -> None:
    channel = await open_channel(far.address)
    assert (await channel.perform(Command("AT", 2.0))).ok
    far.hang_up()
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
def test_nothing_outside_the_allow_list_is_written(far_pty: Any, door: Any, line: str) -> None:
    with pytest.raises(LineRefused):
        door(far_pty.address, asking(line))
    (answer,) = door(far_pty.address, asking("AT"))
    assert answer.ok
    assert far_pty.received == b"AT\r"


def test_a_refused_line_is_refused_on_every_transport(far: Any, door: Any) -> None:
    with pytest.raises(LineRefused):
        door(far.address, asking("AT", "AT&F"))
    assert far.received == b"AT\r"


# -- the settings


def settings(far: Any) -> list[Any]:
    return termios.tcgetattr(far.terminal)


@pytest.fixture
def odd(far_pty: Any) -> list[Any]:
    """A terminal in a mood: cooked, 7E2, flow control on, VMIN 0, slow."""
    odd = settings(far_pty)
    odd[0] = termios.ICRNL | termios.IXON | termios.IXOFF | termios.ISTRIP | termios.INPCK
    odd[1] = termios.OPOST | termios.ONLCR
    odd[2] = termios.CS7 | termios.PARENB | termios.CSTOPB | termios.CREAD | termios.CRTSCTS
    odd[3] = termios.ICANON | termios.ECHO | termios.ISIG
    odd[4] = odd[5] = termios.B9600
    odd[6][termios.VINTR] = b"A"
    odd[6][termios.VMIN], odd[6][termios.VTIME] = b"\0", b"\7"
    termios.tcsetattr(far_pty.terminal, termios.TCSANOW, odd)
    return settings(far_pty)


def test_every_setting_is_made_and_put_back(far_pty: Any, door: Any, odd: list[Any]) -> None:
    meanwhile: list[Any] = []

    def plan() -> Plan[Response]:
        meanwhile.extend(settings(far_pty))
        return (yield Command("AT", 2.0))  # type: ignore[return-value]

    assert door(far_pty.address, plan()).ok
    # bits that a PTY's driver keeps as they are: it knows no parity and no other width
    assert meanwhile[:2] == [0, 0]
    assert meanwhile[2] & termios.CLOCAL
    assert not meanwhile[2] & (termios.HUPCL | termios.CRTSCTS | termios.CSTOPB)
    assert meanwhile[3:6] == [0, termios.B115200, termios.B115200]
    assert meanwhile[6][termios.VMIN] in (1, b"\1")
    assert settings(far_pty) == odd
    assert far_pty.received == b"AT\r"


def test_settings_are_put_back_when_a_plan_fails(far_pty: Any, door: Any, odd: list[Any]) -> None:
    with pytest.raises(LineRefused):
        door(far_pty.address, asking("AT&F"))
    assert settings(far_pty) == odd


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
def holder(far_pty: Any, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the port open, in the manner asked for."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, far_pty.address, request.param],
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
    far_pty: Any, door: Any, holder: subprocess.Popen[str]
) -> None:
    before = settings(far_pty)
    with pytest.raises(PortBusy) as busy:
        door(far_pty.address, asking("AT"))
    comm = Path(f"/proc/{holder.pid}/comm").read_text().strip()
    assert (busy.value.holder_pid, busy.value.holder_name) == (holder.pid, comm)
    assert str(holder.pid) in busy.value.message
    assert busy.value.exit_status == 5
    assert far_pty.received == b""
    assert settings(far_pty) == before


@pytest.mark.parametrize("holder", ["flock", "exclusive"], indirect=True)
def test_the_port_is_free_when_its_holder_was_killed(
    far_pty: Any, door: Any, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait(LIMIT_S)
    # the far side keeps the terminal open, so the kernel keeps the dead process's TIOCEXCL
    (answer,) = door(far_pty.address, asking("AT"))
    assert answer.ok


@pytest.mark.parametrize("holder", ["open"], indirect=True)
def test_merely_open_elsewhere_is_not_busy(
    far_pty: Any, door: Any, holder: subprocess.Popen[str]
) -> None:
    (answer,) = door(far_pty.address, asking("AT"))
    assert answer.ok


@pytest.mark.parametrize("content", ["{:>10}\n", "binary"])
@pytest.mark.parametrize("holder", ["open"], indirect=True)
def test_a_lock_file_names_the_holder(
    far_pty: Any, door: Any, holder: subprocess.Popen[str], content: str
) -> None:
    folder = Path("/run/lock")
    if not os.access(folder, os.W_OK):
        pytest.skip("lock files can not be written here")
    file = folder / ("LCK.." + far_pty.address.removeprefix("/dev/").replace("/", "_"))
    binary = holder.pid.to_bytes(4, sys.byteorder)
    file.write_bytes(binary if content == "binary" else content.format(holder.pid).encode())
    try:
        with pytest.raises(PortBusy) as busy:
            door(far_pty.address, asking("AT"))
        assert busy.value.holder_pid == holder.pid
        file.write_text(f"{2**22 - 1:>10}\n")  # nobody's: left over
        assert door(far_pty.address, asking("AT"))[0].ok
    finally:
        file.unlink()


async def test_our_own_lock_counts_and_a_link_is_the_same_port(
    far_pty: Any, tmp_path: Path
) -> None:
    link = tmp_path / "modem"
    link.symlink_to(far_pty.address)
    channel = await open_channel(far_pty.address)
    with pytest.raises(PortBusy) as busy:
        await open_channel(str(link))
    assert (busy.value.holder_pid, busy.value.port) == (os.getpid(), str(link))
    assert (await channel.perform(Command("AT", 2.0))).ok
    await channel.close()
    again = await open_channel(str(link))
    await again.close()


def test_the_refused_is_an_expected_failure(far_pty: Any, door: Any) -> None:
    with pytest.raises(ModemAgentError):
        door(far_pty.address + "0000", asking("AT"))
