"""The control socket: requests, errors, invalid input, and the limit of clients."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from modemagent.agent.control.server import ClientConnection, ControlSocket, Request
from modemagent.control.client import ControlClient, ask
from modemagent.control.protocol import short_name, socket_path
from modemagent.errors import AgentDenied, AgentError, AgentNotRunning, PortBusy
from modemagent.logs import NullLog


async def echo(request: Request, _: ClientConnection) -> dict[str, object]:
    return {"got": request.get("what")}


async def busy(_: Request, __: ClientConnection) -> dict[str, object]:
    raise PortBusy("held", port="/dev/x", holder_pid=7, holder_name="minicom", hint="stop it")


async def faulty(_: Request, __: ClientConnection) -> dict[str, object]:
    raise RuntimeError("boom")


async def stay(_: Request, client: ClientConnection) -> dict[str, object]:
    async def nothing() -> None: ...

    client.on_disconnect(nothing)
    return {}


@asynccontextmanager
async def listening(state_dir: Path, idle_s: float = 600.0) -> AsyncIterator[None]:
    state_dir.mkdir(parents=True, exist_ok=True)
    handlers = {"echo": echo, "busy": busy, "faulty": faulty, "stay": stay}
    control = ControlSocket(socket_path(state_dir), handlers, NullLog(), idle_s=idle_s)
    await control.open()
    try:
        yield
    finally:
        await control.close()


@pytest.mark.parametrize("name", ["short", "/".join(["a-very-long-name"] * 12)])
async def test_request_is_answered_and_the_socket_is_private(tmp_path: Path, name: str) -> None:
    state_dir = tmp_path / name
    async with listening(state_dir):
        mode = socket_path(state_dir).stat().st_mode
        assert stat.S_IMODE(mode) == 0o660
        answer = await asyncio.to_thread(ask, state_dir, {"do": "echo", "what": "é\n"})
        assert answer == {"schema": 1, "got": "é\n"}
    assert not socket_path(state_dir).exists()


async def test_error_has_code_exit_status_and_hint(tmp_path: Path) -> None:
    async with listening(tmp_path):
        with pytest.raises(AgentError) as error:
            await asyncio.to_thread(ask, tmp_path, {"do": "busy"})
        assert (error.value.exit_status, error.value.hint) == (5, "stop it")
        assert error.value.to_json()["holder"] == {"pid": 7, "name": "minicom"}
        with pytest.raises(AgentError, match="boom"):
            await asyncio.to_thread(ask, tmp_path, {"do": "faulty"})


@pytest.mark.parametrize(
    "line", [b"\n", b"[]\n", b"{}\n", b'{"do": []}\n', b"\xff\xfe\n", b"[" * 5000 + b"\n", b"nul\n"]
)
async def test_invalid_request_leaves_the_connection_open(tmp_path: Path, line: bytes) -> None:
    async with listening(tmp_path):
        with short_name(socket_path(tmp_path)) as name:
            reader, writer = await asyncio.open_unix_connection(name)
        writer.write(line + b'{"do": "echo", "what": 1}\n')
        assert b"unknown request" in await reader.readline()
        assert await reader.readline() == b'{"schema": 1, "got": 1}\n'
        writer.close()
        await writer.wait_closed()


async def test_endless_line_ends_its_own_connection_only(tmp_path: Path) -> None:
    async with listening(tmp_path):
        with short_name(socket_path(tmp_path)) as name:
            reader, writer = await asyncio.open_unix_connection(name)
        writer.write(b"x" * 200_000)
        with suppress(ConnectionError):
            assert b"at most" in await reader.read()
        writer.close()
        answer = await asyncio.to_thread(ask, tmp_path, {"do": "echo", "what": 1})
        assert answer == {"schema": 1, "got": 1}


def test_missing_agent_has_a_hint_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(AgentNotRunning) as error:
        ask(tmp_path, {"do": "status"})
    assert "modemagent run" in error.value.hint


async def test_idle_client_is_closed_unless_something_is_open(tmp_path: Path) -> None:
    async with listening(tmp_path, idle_s=0.05):
        with short_name(socket_path(tmp_path)) as name:
            reader, writer = await asyncio.open_unix_connection(name)
            idle, its_writer = await asyncio.open_unix_connection(name)
        writer.write(b'{"do": "stay"}\n')
        assert await reader.readline() == b'{"schema": 1}\n'
        its_writer.write(b'{"do": "echo"}\n')
        assert await idle.readline()
        assert await idle.read() == b""
        writer.write(b'{"do": "echo"}\n')
        assert await reader.readline() == b'{"schema": 1, "got": null}\n'
        writer.close()
        its_writer.close()


@pytest.fixture
def two_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemagent.agent.control.server._MAX_CLIENTS", 2)


@pytest.mark.usefixtures("two_clients")
async def test_limit_of_active_clients(tmp_path: Path) -> None:
    def connect_three() -> None:
        with ExitStack() as stack:
            for _ in range(2):
                stack.enter_context(ControlClient(tmp_path)).ask({"do": "stay"})
            with pytest.raises(AgentDenied, match="2 clients") as denied:
                stack.enter_context(ControlClient(tmp_path)).ask({"do": "stay"})
            assert "End some" in denied.value.hint

    async with listening(tmp_path):
        await asyncio.to_thread(connect_three)
        answer = await asyncio.to_thread(ask, tmp_path, {"do": "echo", "what": 1})
        assert answer["got"] == 1


@pytest.mark.usefixtures("two_clients")
async def test_longest_idle_client_makes_room(tmp_path: Path) -> None:
    def connect_four() -> tuple[object, list[bool]]:
        with ExitStack() as stack:
            active = stack.enter_context(ControlClient(tmp_path))
            active.ask({"do": "stay"})
            idle = []
            for _ in range(3):
                idle.append(stack.enter_context(ControlClient(tmp_path)))
                idle[-1].ask({"do": "echo"})
            return active.ask({"do": "echo", "what": 1})["got"], [answers(each) for each in idle]

    def answers(client: ControlClient) -> bool:
        try:
            client.ask({"do": "echo"})
        except AgentNotRunning:
            return False
        return True

    async with listening(tmp_path):
        assert await asyncio.to_thread(connect_four) == (1, [False, False, True])
