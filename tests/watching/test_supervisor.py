"""Which ports have a task: one each, also when settings change and when modems are gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modemagent.channel.channel import AsyncChannel
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import NullLog
from modemagent.modemmanager.client import MmModem
from modemagent.report.message import PortPlace
from modemagent.settings import Settings
from modemagent.simulator.bench import simulated
from modemagent.watching.events import EventBus, ModemEvent
from modemagent.watching.selection import seat_of
from modemagent.watching.supervisor import Supervisor
from modemagent.watching.watch_only import EventOnlyConsumer

EG25 = "quectel-eg25-g"


class Kept(NullLog):
    """A log whose warnings and errors are kept."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def warning(self, event: str, **_: Any) -> None:
        self.events.append(event)

    error = warning


class Remembering(EventOnlyConsumer):
    """What an earlier run knew."""

    def __init__(self, events: EventBus, *places: PortPlace) -> None:
        super().__init__(events)
        self._places = places
        self.gone: list[str] = []
        self._told: asyncio.Queue[str] = asyncio.Queue()

    def known_places(self) -> list[PortPlace]:
        return list(self._places)

    def known(self, place: PortPlace) -> Snapshot | None:
        is_known = place in self._places and seat_of(place) not in self.gone
        return NOBODY if is_known else super().known(place)

    def removed(self, place: PortPlace) -> bool:
        if self.known(place) is None:
            return False
        self.gone.append(seat_of(place))
        self._told.put_nowait(seat_of(place))
        return True

    async def next_gone(self) -> str:
        return await asyncio.wait_for(self._told.get(), 10)


class Supervised:
    """A supervisor at work, and the states of its ports as they come."""

    def __init__(self, settings: Settings, *known: PortPlace) -> None:
        self.events, self.log = EventBus(), Kept()
        self.news = Remembering(self.events, *known)
        self.supervisor = Supervisor(settings, self.news, self.log, self.events)
        self._states: asyncio.Queue[ModemEvent] = asyncio.Queue()
        self.events.subscribe(self._states.put_nowait)

    async def until(self, state: str) -> list[str]:
        """Wait until a port is in this state; return the states that were told on the way."""
        passed: list[str] = []
        while not passed or passed[-1] != state:
            event = await asyncio.wait_for(self._states.get(), 20)
            if event.name == "port.state":
                passed.append(str(event.data["state"]))
        return passed

    def tasks(self, port: str) -> int:
        return sum(task.get_name() == f"port {port}" for task in asyncio.all_tasks())


@contextlib.asynccontextmanager
async def running(settings: Settings, *known: PortPlace) -> AsyncIterator[Supervised]:
    supervised = Supervised(settings, *known)
    task = asyncio.create_task(supervised.supervisor.run())
    yield supervised
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without modems of its own and without ModemManager, up for an hour."""
    monkeypatch.setattr("modemagent.watching.modemmanager.has_library", lambda: False)
    monkeypatch.setattr("modemagent.watching.selection.scan", lambda hints: ())
    monkeypatch.setattr("modemagent.report.origin.uptime_ms", lambda: 3_600_000)
    monkeypatch.setattr("modemagent.watching.removal._COMES_BACK_S", 0.0)


async def test_a_port_that_was_read_through_modemmanager_is_opened_when_the_settings_say_so(
    tmp_path: Path,
) -> None:
    with simulated(EG25) as modem:
        port = os.path.realpath(modem.path)
        told = {"Modem.Device": str(tmp_path), "Modem.EquipmentIdentifier": "867698040000013"}
        managed = MmModem("/Modem/0", str(tmp_path), (port.removeprefix("/dev/"),), told, ())
        settings = Settings(discovery=True)
        async with running(settings) as supervised:
            neighbour = supervised.supervisor._neighbour
            while neighbour is None or not neighbour.known.is_set():
                await asyncio.sleep(0)
                neighbour = supervised.supervisor._neighbour
            neighbour._take((managed,), running=True)
            await supervised.until("watching")
            assert not modem.lines_received
            by_port = replace(settings, via="port", discovery=False, port=(port,))
            await supervised.supervisor.follow(by_port)
            await supervised.until("watching")
            assert modem.lines_received


async def test_a_named_port_that_is_absent_and_known_has_one_task(tmp_path: Path) -> None:
    path = str(tmp_path / "ttyUSB2")
    place = PortPlace(path=path, id="usb:1-2:1.2", usb_vid="2c7c", usb_pid="0125")
    async with running(Settings(discovery=False, port=(path,)), place) as supervised:
        assert await supervised.news.next_gone() == "usb:1-2"
        assert supervised.tasks(path) == 1
        assert list(supervised.supervisor.ports) == [path]
    assert supervised.tasks(path) == 0


async def test_two_modems_that_had_the_same_name_are_both_reported_as_removed(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "ttyUSB2")
    first = PortPlace(path=path, id="usb:1-2:1.2", usb_vid="2c7c", usb_pid="0125")
    second = replace(first, id="usb:1-3:1.2")
    async with running(Settings(discovery=False), first, second) as supervised:
        gone = {await supervised.news.next_gone(), await supervised.news.next_gone()}
        assert gone == {"usb:1-2", "usb:1-3"}
        assert supervised.tasks(path) <= 1


async def test_a_port_that_is_reopened_is_not_opened_before_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closing, may_close = asyncio.Event(), asyncio.Event()
    close = AsyncChannel.close

    async def slowly(channel: AsyncChannel) -> None:
        closing.set()
        await may_close.wait()
        await close(channel)

    with simulated(EG25) as modem:
        settings = Settings(discovery=False, port=(modem.path,))
        async with running(settings) as supervised:
            await supervised.until("watching")
            monkeypatch.setattr(AsyncChannel, "close", slowly)
            supervisor, looks = supervised.supervisor, asyncio.Semaphore(0)
            look = supervisor._look

            def noted() -> None:
                look()
                looks.release()

            monkeypatch.setattr(supervisor, "_look", noted)
            following = asyncio.create_task(supervisor.follow(replace(settings, baud=9600)))
            await closing.wait()
            supervisor._lookout.request()
            await looks.acquire()
            assert supervised.tasks(modem.path) == 1, "the one that closes it"
            may_close.set()
            await following
            assert "broken" not in await supervised.until("watching")
            assert supervised.log.events == []


async def test_a_fault_in_a_look_is_told_once_and_does_not_end_the_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modemagent.watching.supervisor._LOOK_AGAIN_S", 0.0)
    with simulated(EG25) as modem:
        supervised = Supervised(Settings(discovery=False, port=(modem.path,)))
        supervisor, look, faults = supervised.supervisor, supervised.supervisor._look, 0

        def fail_three_times() -> None:
            nonlocal faults
            faults += 1
            if faults <= 3:
                raise OSError("a fault")
            look()

        monkeypatch.setattr(supervisor, "_look", fail_three_times)
        task = asyncio.create_task(supervisor.run())
        await supervised.until("watching")
        assert supervised.log.events == ["rescan_error"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_never_fits_is_not_looked_at_fifty_times_a_second() -> None:
    supervisor = Supervised(Settings(discovery=False)).supervisor
    supervisor._presence.renew()
    pauses = [supervisor._pause_s() for _ in range(8)]
    assert pauses[:3] == [0.02, 0.04, 0.08] and pauses[-1] == 0.5
    supervisor._presence.renewed = False
    assert supervisor._pause_s() > 0.5
    supervisor._presence.renew()
    assert supervisor._pause_s() == 0.02


NOBODY = Snapshot.from_json({"port": "/dev/ttyUSB2", "dialect": "generic", "modem": {}, "sims": []})
