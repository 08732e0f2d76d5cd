"""The control socket: answers whatever is said to it, under any length of path."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from modemagent.agent.control.clients import ClientSlot, ClientSlots, Peer
from modemagent.agent.control.server import ClientConnection, ControlSocket, Request
from modemagent.control.address import short_name, socket_path
from modemagent.control.client import AgentError, ControlClient, ask
from modemagent.errors import AgentDenied, AgentNotRunning, PortBusy
from modemagent.logs import NullLog


async def echo(request: Request) -> dict[str, object]:
    return {"got": request.get("what")}


async def busy(_: Request) -> dict[str, object]:
    raise PortBusy("held", port="/dev/x", holder_pid=7, holder_name="minicom", hint="stop it")


async def faulty(_: Request) -> dict[str, object]:
    raise RuntimeError("boom")


async def stay(_: Request, visit: ClientConnection) -> dict[str, object]:
    async def nothing() -> None: ...

    visit.on_disconnect(nothing)
    return {}


@asynccontextmanager
async def listening(state_dir: Path, idle_s: float = 600.0) -> AsyncIterator[None]:
    state_dir.mkdir(parents=True, exist_ok=True)
    table = {"echo": echo, "busy": busy, "faulty": faulty}
    control = ControlSocket(
        socket_path(state_dir), table, NullLog(), visits={"stay": stay}, idle_s=idle_s
    )
    await control.open()
    try:
        yield
    finally:
        await control.close()


@pytest.mark.parametrize("name", ["short", "/".join(["a-very-long-name"] * 12)])
async def test_it_answers_and_is_for_its_group_only(tmp_path: Path, name: str) -> None:
    state_dir = tmp_path / name
    async with listening(state_dir):
        mode = socket_path(state_dir).stat().st_mode
        assert stat.S_IMODE(mode) == 0o660
        answer = await asyncio.to_thread(ask, state_dir, {"do": "echo", "what": "é\n"})
        assert answer == {"schema": 1, "got": "é\n"}
    assert not socket_path(state_dir).exists()


async def test_an_error_comes_with_its_code_exit_and_remedy(tmp_path: Path) -> None:
    async with listening(tmp_path):
        with pytest.raises(AgentError) as said:
            await asyncio.to_thread(ask, tmp_path, {"do": "busy"})
        assert (said.value.exit_status, said.value.hint) == (5, "stop it")
        assert said.value.to_json()["holder"] == {"pid": 7, "name": "minicom"}
        with pytest.raises(AgentError, match="boom"):
            await asyncio.to_thread(ask, tmp_path, {"do": "faulty"})


@pytest.mark.parametrize(
    "line", [b"\n", b"[]\n", b"{}\n", b'{"do": []}\n', b"\xff\xfe\n", b"[" * 5000 + b"\n", b"nul\n"]
)
async def test_nonsense_is_answered_and_the_line_stays_open(tmp_path: Path, line: bytes) -> None:
    async with listening(tmp_path):
        with short_name(socket_path(tmp_path)) as name:
            reader, writer = await asyncio.open_unix_connection(name)
        writer.write(line + b'{"do": "echo", "what": 1}\n')
        assert b"unknown request" in await reader.readline()
        assert await reader.readline() == b'{"schema": 1, "got": 1}\n'
        writer.close()
        await writer.wait_closed()


async def test_an_endless_line_ends_only_its_own_call(tmp_path: Path) -> None:
    async with listening(tmp_path):
        with short_name(socket_path(tmp_path)) as name:
            reader, writer = await asyncio.open_unix_connection(name)
        writer.write(b"x" * 200_000)
        with suppress(ConnectionError):
            assert b"at most" in await reader.read()
        writer.close()
        answer = await asyncio.to_thread(ask, tmp_path, {"do": "echo", "what": 1})
        assert answer == {"schema": 1, "got": 1}


def test_nobody_listening_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(AgentNotRunning) as error:
        ask(tmp_path, {"do": "status"})
    assert "modemagent run" in error.value.hint


async def test_who_asks_nothing_more_is_ended_unless_something_is_open(tmp_path: Path) -> None:
    async with listening(tmp_path, idle_s=0.05):
        with short_name(socket_path(tmp_path)) as name:
            reader, writer = await asyncio.open_unix_connection(name)
            idle, its_writer = await asyncio.open_unix_connection(name)
        writer.write(b'{"do": "stay"}\n')
        assert await reader.readline() == b'{"schema": 1}\n'
        its_writer.write(b'{"do": "echo"}\n')
        assert await idle.readline()
        assert await idle.read() == b"", "it came later and has its end"
        writer.write(b'{"do": "echo"}\n')
        assert await reader.readline() == b'{"schema": 1, "got": null}\n'
        writer.close()
        its_writer.close()


async def test_one_user_does_not_take_every_place(tmp_path: Path) -> None:
    def crowd() -> tuple[int, str]:
        with ExitStack() as stack:
            for count in range(100):
                call = stack.enter_context(ControlClient(tmp_path))
                try:
                    call.ask({"do": "stay"})
                except AgentDenied as denied:
                    return count, f"{denied}; {denied.hint}"
        return 100, ""

    async with listening(tmp_path):
        count, said = await asyncio.to_thread(crowd)
        assert count == 32
        assert f"32 clients of user {os.geteuid()}" in said and "End some" in said


async def test_who_is_idle_for_longest_makes_room_for_the_next(tmp_path: Path) -> None:
    def crowd() -> tuple[object, int]:
        with ExitStack() as stack:
            busy = stack.enter_context(ControlClient(tmp_path))
            busy.ask({"do": "stay"})
            calls = []
            for _ in range(33):
                calls.append(stack.enter_context(ControlClient(tmp_path)))
                calls[-1].ask({"do": "echo"})
            ended = sum(not answers(call) for call in calls)
            return busy.ask({"do": "echo", "what": 1})["got"], ended

    def answers(call: ControlClient) -> bool:
        try:
            call.ask({"do": "echo"})
        except AgentNotRunning:
            return False
        return True

    async with listening(tmp_path):
        assert await asyncio.to_thread(crowd) == (1, 2)


@pytest.mark.skipif(os.geteuid() != 0, reason="to be somebody else needs root")
async def test_another_user_at_its_limit_keeps_nobody_out() -> None:
    """Its group is that of the socket, as a member of the group modemagent has it."""
    program = (
        "import os, sys, pathlib; from modemagent.control.client import ControlClient\n"
        "os.setgroups([]); os.setgid(os.stat(sys.argv[1] + '/agent.sock').st_gid)\n"
        "os.setuid(12345)\n"
        "held = []\n"
        "try:\n"
        "    while len(held) < 100:\n"
        "        held.append(ControlClient(pathlib.Path(sys.argv[1])))\n"
        "        held[-1].ask({'do': 'stay'})\n"
        "except Exception as error: print(len(held), error, flush=True)\n"
        "input()\n"
    )
    with TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        async with listening(Path(folder)):
            with subprocess.Popen(
                [sys.executable, "-c", program, folder], stdin=subprocess.PIPE, text=True,
                stdout=subprocess.PIPE,
            ) as other:  # fmt: skip
                assert other.stdout
                said = await asyncio.to_thread(other.stdout.readline)
                assert said == "33 32 clients of user 12345 are talking to the agent already\n"
                answer = await asyncio.to_thread(ask, Path(folder), {"do": "echo"})
                assert answer == {"schema": 1, "got": None}
                other.communicate("\n")


def test_the_last_places_are_for_root_and_the_agents_own_user() -> None:
    places, ended = ClientSlots(), list[int]()

    def enter(stack: ExitStack, uid: int) -> ClientSlot:
        return stack.enter_context(
            places.taken_by(Peer(1, uid, frozenset()), lambda: ended.append(uid))
        )

    with ExitStack() as stack:
        strangers = [enter(stack, 1000 + number) for number in range(56)]
        with pytest.raises(AgentDenied, match="56 clients"):
            enter(stack, 2000)
        first = [enter(stack, 0 if number % 2 else os.geteuid()) for number in range(8)]
        with pytest.raises(AgentDenied, match="64 clients"):
            enter(stack, 0)
        first[0].idle_since = 1.0
        with pytest.raises(AgentDenied, match="64 clients"):
            enter(stack, 2000)
        strangers[3].idle_since, strangers[7].idle_since = 3.0, 2.0
        enter(stack, 2000)
        enter(stack, 0)
        assert ended == [1007, first[0].uid]
    with ExitStack() as stack:
        assert len([enter(stack, 1000 + number) for number in range(56)]) == 56
