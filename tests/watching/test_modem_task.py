"""A watched port: ModemManager that comes at any moment, and faults that must not end its task."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import threading
import tty
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from modemagent.channel.drive import run
from modemagent.channel.open import open_channel
from modemagent.channel.port import Port
from modemagent.channel.url import open_port
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import NullLog
from modemagent.modem.identify import identify
from modemagent.report.message import PortPlace
from modemagent.settings import Settings
from modemagent.simulator.bench import simulated
from modemagent.watching.claims import Claims
from modemagent.watching.events import EventBus, ModemEvent
from modemagent.watching.lifecycle import PortState
from modemagent.watching.modem_task import ModemTask
from modemagent.watching.modemmanager import ModemManagerArbiter
from modemagent.watching.session import AgentContext
from modemagent.watching.watch_only import EventOnlyConsumer

EG25 = "quectel-eg25-g"


class Kept(NullLog):
    """A log whose events are kept."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def info(self, event: str, **_: Any) -> None:
        self.events.append(event)

    warning = error = info


class Watched:
    """A port that is being watched: its states as they come, and what was logged of it.

    :ivar neighbour: runs as soon as the test says so
    """

    def __init__(self, path: str, port_id: str | None = None) -> None:
        self.place = PortPlace(path=path, id=port_id)
        self.log, self.claims, events = Kept(), Claims(), EventBus()
        self.neighbour = ModemManagerArbiter(self.log, changed=lambda: None)
        self.neighbour.known.set()
        self.news = EventOnlyConsumer(events)
        self.port = ModemTask(
            self.place,
            settings=Settings(discovery=False),
            around=AgentContext(self.news, self.claims, events, self.log, self.neighbour),
        )
        self._states: asyncio.Queue[tuple[object, object]] = asyncio.Queue()
        events.subscribe(self._take)

    def _take(self, event: ModemEvent) -> None:
        if event.name == "port.state":
            self._states.put_nowait((event.data["state"], event.data.get("message")))

    async def next(self) -> tuple[object, object]:
        return await asyncio.wait_for(self._states.get(), 20)

    async def until(self, state: PortState) -> list[tuple[object, object]]:
        """Wait for a state; return those on the way to it."""
        passed = [await self.next()]
        while passed[-1][0] != state:
            passed.append(await self.next())
        return passed

    def modemmanager_comes(self) -> None:
        self.neighbour._came = asyncio.get_running_loop().time()
        self.neighbour._take((), running=True)


@contextlib.asynccontextmanager
async def running(watched: Watched) -> AsyncIterator[Watched]:
    task = asyncio.create_task(watched.port.run())
    watched.port.seen(watched.place)
    yield watched
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert watched.port.condition.state is PortState.STOPPED


@pytest.fixture
def silent() -> Iterator[str]:
    """A port at which nobody answers."""
    master, terminal = os.openpty()
    tty.setraw(terminal)
    yield os.ttyname(terminal)
    os.close(master)
    os.close(terminal)


async def test_a_port_is_given_back_while_its_modem_is_identified(silent: str) -> None:
    async with running(Watched(silent, "usb:1-2:1.2")) as watched:
        await watched.until(PortState.IDENTIFYING)
        watched.modemmanager_comes()
        assert [state for state, _ in await watched.until(PortState.STANDBY)] == [
            PortState.OPENING,
            PortState.STANDBY,
        ]
        assert watched.log.events == ["modemmanager", "port_released"]


async def test_a_port_is_given_back_that_was_being_opened_when_it_came(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, opening, may_go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slowly(url: str, **options: Any) -> Port:
        loop.call_soon_threadsafe(opening.set)
        may_go_on.wait(20)
        return open_port(url, **options)

    monkeypatch.setattr("modemagent.channel.open.open_port", slowly)
    async with running(Watched(silent, "usb:1-2:1.2")) as watched:
        await opening.wait()
        watched.modemmanager_comes()
        may_go_on.set()
        assert [state for state, _ in await watched.until(PortState.STANDBY)] == [
            PortState.OPENING,
            PortState.OPENING,
            PortState.STANDBY,
        ]
        assert watched.log.events == ["modemmanager", "port_released"]
        with Path(silent).open("rb", buffering=0) as port:
            fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody has it


async def test_one_that_goes_and_comes_while_its_session_ends_is_not_called_given_back() -> None:
    with simulated(EG25) as modem:
        async with running(Watched(modem.path)) as watched:
            await watched.until(PortState.WATCHING)
            watched.port.not_seen(counts=True)
            watched.port.seen(watched.place)
            assert [state for state, _ in await watched.until(PortState.WATCHING)] == [
                PortState.ABSENT,
                PortState.OPENING,
                PortState.IDENTIFYING,
                PortState.WATCHING,
            ]
            assert watched.log.events == ["watching", "port_removed", "watching"]


async def test_the_second_port_of_a_modem_is_not_opened_again_before_the_first_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modemagent.watching.modem_task._TAKES_OVER_S", 0.0)
    with simulated(EG25) as modem:
        watched = Watched(modem.path, "usb:1-2:1.3")
        first = PortPlace(path="/dev/ttyUSB2", id="usb:1-2:1.2")
        reading = await read(modem.path)
        assert watched.claims.take(first, reading) is None
        async with running(watched):
            [*_, (_, message)] = await watched.until(PortState.STANDBY)
            assert message == "/dev/ttyUSB2 speaks for the same modem"
            heard = len(modem.lines_received)
            # another one's claim is nothing to it
            watched.claims.drop("/dev/ttyUSB7")
            for _ in range(50):  # time enough for what waits no longer
                await asyncio.sleep(0)
            assert watched.port.condition.state is PortState.STANDBY
            assert len(modem.lines_received) == heard
            watched.claims.drop(first.path)
            await watched.until(PortState.WATCHING)


async def test_the_second_port_of_a_modem_that_is_pulled_is_not_tried() -> None:
    with simulated(EG25) as modem:
        watched = Watched(modem.path, "usb:1-2:1.3")
        first = PortPlace(path="/dev/ttyUSB2", id="usb:1-2:1.2")
        watched.claims.take(first, await read(modem.path))
        async with running(watched):
            await watched.until(PortState.STANDBY)
            watched.claims.drop(first.path)
            watched.port.not_seen(counts=True)
            assert await watched.next() == (PortState.ABSENT, "the port is not there")


async def read(path: str) -> Snapshot:
    channel = await open_channel(path)
    try:
        return await run(identify(path), channel)
    finally:
        await channel.close()


async def test_a_fault_while_it_is_seen_off_does_not_end_its_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modemagent.watching.modem_task._BROKEN_BASE_S", 0.01)

    def fail(_: PortPlace) -> bool:
        raise RuntimeError("a fault")

    with simulated(EG25) as modem:
        async with running(Watched(modem.path)) as watched:
            await watched.until(PortState.WATCHING)
            monkeypatch.setattr(watched.news, "removed", fail)
            watched.port.not_seen(counts=True)
            _, broken = await watched.until(PortState.BROKEN)
            assert broken[1] == "a fault of modemagent: RuntimeError: a fault"
            assert watched.log.events[-1] == "port_error"
            await watched.until(PortState.ABSENT)
            watched.port.seen(watched.place)
            await watched.until(PortState.WATCHING)
