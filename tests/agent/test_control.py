"""The control socket: answers whatever is said to it, under any length of path."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from modemagent.agent.address import short_name, socket_path
from modemagent.agent.caller import AgentSaysNo, ask
from modemagent.agent.control import ControlSocket, Request
from modemagent.errors import AgentNotRunning, PortBusy
from modemagent.logs import Silence


async def echo(request: Request) -> dict[str, object]:
    return {"got": request.get("what")}


async def busy(_: Request) -> dict[str, object]:
    raise PortBusy("held", port="/dev/x", holder_pid=7, holder_name="minicom", hint="stop it")


async def faulty(_: Request) -> dict[str, object]:
    raise RuntimeError("boom")


@asynccontextmanager
async def listening(state_dir: Path) -> AsyncIterator[None]:
    state_dir.mkdir(parents=True, exist_ok=True)
    table = {"echo": echo, "busy": busy, "faulty": faulty}
    control = ControlSocket(socket_path(state_dir), table, Silence())
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
        with pytest.raises(AgentSaysNo) as said:
            await asyncio.to_thread(ask, tmp_path, {"do": "busy"})
        assert (said.value.exit_status, said.value.hint) == (5, "stop it")
        assert said.value.to_json()["holder"] == {"pid": 7, "name": "minicom"}
        with pytest.raises(AgentSaysNo, match="boom"):
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
