"""The blocking door beyond the conformance suite: side by side, each on its own, quick to start."""

import ast
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import modemagent.channel
from modemagent.at.steps import Command, Listen, Plan, Response
from modemagent.channel.blocking import run_plans
from modemagent.errors import DeadlinePassed, ModemAgentError, PortNotFound, PortVanished


def asking(line: str, *, times: int = 1, timeout_s: float = 2.0) -> Plan[int]:
    fine = 0
    for _ in range(times):
        answer = yield Command(line, timeout_s)
        fine += isinstance(answer, Response) and answer.ok
    return fine


def test_each_port_ends_in_its_own_way(another_far: Callable[[], Any], far_socket: Any) -> None:
    good, gone, mute, faulty = (another_far() for _ in range(4))
    gone.reply = lambda line: None
    mute.reply = lambda line: b""

    def wrong() -> Plan[int]:
        yield Command("AT", 1.0)
        raise ZeroDivisionError("a fault in a plan")

    plans = {
        good.address: asking("AT", times=3),
        gone.address: asking("AT"),
        mute.address: asking("AT", timeout_s=60.0),
        faulty.address: wrong(),
        far_socket.address: asking("AT", times=2),
        "/dev/ttyUSB_none": asking("AT"),
    }
    results = run_plans(plans, timeout_s=0.5)
    assert list(results) == list(plans)
    assert results[good.address] == 3
    assert results[far_socket.address] == 2
    assert isinstance(results[gone.address], PortVanished)
    assert isinstance(results[mute.address], DeadlinePassed)
    assert isinstance(results["/dev/ttyUSB_none"], PortNotFound)
    fault = results[faulty.address]
    assert isinstance(fault, ModemAgentError)
    assert isinstance(fault.__cause__, ZeroDivisionError)


def test_the_slow_do_not_hold_up_the_quick(another_far: Callable[[], Any]) -> None:
    quick, slow = another_far(), another_far()
    slow.reply = lambda line: b""
    ended: list[str] = []

    def noting(name: str, line: str, times: int, timeout_s: float) -> Plan[None]:
        yield from asking(line, times=times, timeout_s=timeout_s)
        ended.append(name)

    run_plans(
        {
            slow.address: noting("slow", "AT", 1, 0.4),
            quick.address: noting("quick", "AT", 100, 2.0),
        },
        timeout_s=5,
    )
    assert ended == ["quick", "slow"]


def test_a_port_that_never_pauses_does_not_hold_up_the_others(
    another_far: Callable[[], Any],
) -> None:
    loud, other = another_far(), another_far()
    loud.reply = lambda line: b"^RSSI: 1\r\n" * 20000

    def listening() -> Plan[str]:
        yield Command("AT", 0.1)
        yield Listen(5.0, 0.3)
        return "heard"

    begun = time.monotonic()
    results = run_plans(
        {loud.address: listening(), other.address: asking("AT", times=50)}, timeout_s=5
    )
    assert results == {loud.address: "heard", other.address: 50}
    assert time.monotonic() - begun < 2.0


def test_sixty_four_ports(another_far: Callable[[], Any]) -> None:
    fars = [another_far() for _ in range(64)]
    begun = time.monotonic()
    results = run_plans({far.address: asking("AT", times=3) for far in fars}, timeout_s=10)
    assert set(results.values()) == {3}
    # 0.1 s here, most of it in the far sides' own threads; the benchmark has the promise
    assert time.monotonic() - begun < 2.0


def test_no_descriptor_is_left(far_pty: Any) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(3):
        assert run_plans({far_pty.address: asking("AT")}, timeout_s=5) == {far_pty.address: 1}
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_no_ports_no_results() -> None:
    assert run_plans({}, timeout_s=5) == {}


def test_starting_is_cheap() -> None:
    code = "import modemagent.channel.blocking, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"asyncio", "serial", "serial_asyncio", "threading", "socket", "urllib.parse", "click"}
    assert not heavy & set(done.stdout.split())


def test_one_place_writes_and_one_place_makes_what_is_written() -> None:
    """Whatever is written to a modem has passed the allow-list, because there is no other way."""
    root = Path(modemagent.channel.__file__).parents[1]
    writes: dict[str, set[str]] = {}
    for package in ("channel", "modem", "agent", "dialects", "discovery"):
        for path in (root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    name = ast.unparse(node.func)
                    if name in ("os.write", "os.pwrite", "os.writev") or name.endswith(
                        "dialogue.send"
                    ):
                        writes.setdefault(path.relative_to(root).as_posix(), set()).add(name)
    assert writes == {
        "channel/port.py": {"os.write"},
        "channel/session.py": {"dialogue.send"},
    }
