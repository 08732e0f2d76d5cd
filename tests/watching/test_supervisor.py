"""Which modems have a task: one each, also when settings change and when modems are unplugged."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modemagent.channel.channel import AsyncChannel
from modemagent.identity.snapshot import Snapshot
from modemagent.modemmanager.managed_modem import MmModem
from modemagent.report.message import PortPlace
from modemagent.settings import Settings
from modemagent.watching.consumer import EventOnlyConsumer
from modemagent.watching.events import EventBus
from modemagent.watching.places import baseline_key
from modemagent.watching.port_state import PortState
from modemagent.watching.supervisor import Supervisor
from tests.simulated import simulated
from tests.watching.recorded import RecordingLog, States, names

EG25 = "quectel-eg25-g"
EMPTY = Snapshot.from_json({"port": "/dev/ttyUSB2", "dialect": "generic", "modem": {}, "sims": []})


class StoredBaselines(EventOnlyConsumer):
    """Baselines of an earlier run."""

    def __init__(self, events: EventBus, *places: PortPlace) -> None:
        super().__init__(events)
        self._places = places
        self.removals: list[str] = []
        self._queue: asyncio.Queue[str] = asyncio.Queue()

    def baseline_places(self) -> list[PortPlace]:
        return list(self._places)

    def baseline(self, place: PortPlace) -> Snapshot | None:
        is_stored = place in self._places and baseline_key(place) not in self.removals
        return EMPTY if is_stored else super().baseline(place)

    def removed(self, place: PortPlace) -> bool:
        if self.baseline(place) is None:
            return False
        self.removals.append(baseline_key(place))
        self._queue.put_nowait(baseline_key(place))
        return True

    async def next_removal(self) -> str:
        return await asyncio.wait_for(self._queue.get(), 10)


class Supervised:
    """A supervisor with the states of its ports."""

    def __init__(self, settings: Settings, *stored: PortPlace) -> None:
        events, self.log = EventBus(), RecordingLog()
        self.states = States(events)
        self.consumer = StoredBaselines(events, *stored)
        self.supervisor = Supervisor(settings, self.consumer, self.log, events)

    def tasks(self, key: str) -> int:
        return sum(task.get_name() == f"modem {key}" for task in asyncio.all_tasks())


@contextlib.asynccontextmanager
async def running(settings: Settings, *stored: PortPlace) -> AsyncIterator[Supervised]:
    supervised = Supervised(settings, *stored)
    task = asyncio.create_task(supervised.supervisor.run())
    yield supervised
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a machine without modems and without ModemManager, up for an hour."""
    monkeypatch.setattr("modemagent.watching.modemmanager_arbiter.has_library", lambda: False)
    monkeypatch.setattr("modemagent.watching.selection.scan", lambda hints: ())
    monkeypatch.setattr("modemagent.report.origin.uptime_ms", lambda: 3_600_000)
    monkeypatch.setattr("modemagent.watching.removal._RESET_GRACE_S", 0.0)


async def test_modem_of_modemmanager_is_opened_with_via_port(tmp_path: Path) -> None:
    with simulated(EG25) as modem:
        port = os.path.realpath(modem.path)
        told = {"Modem.Device": str(tmp_path), "Modem.EquipmentIdentifier": "867698040000013"}
        managed = MmModem("/Modem/0", str(tmp_path), (port.removeprefix("/dev/"),), told, ())
        settings = Settings(discovery=True)
        async with running(settings) as supervised:
            arbiter = supervised.supervisor._context.modemmanager
            while arbiter is None or not arbiter.known.is_set():
                await asyncio.sleep(0)
                arbiter = supervised.supervisor._context.modemmanager
            arbiter._update((managed,), running=True)
            await supervised.states.until(PortState.WATCHING)
            assert not modem.lines_received
            only_ports = settings._replace(via="port", discovery=False, port=(port,))
            await supervised.supervisor.apply_settings(only_ports)
            await supervised.states.until(PortState.WATCHING)
            assert modem.lines_received


def usb(path: Path, device: str) -> PortPlace:
    return PortPlace(path=str(path), id=f"usb:{device}:1.2", usb_vid="2c7c", usb_pid="0125")


async def test_named_port_of_a_missing_modem_has_one_task(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB2"
    settings = Settings(discovery=False, port=(str(path),))
    async with running(settings, usb(path, "1-2")) as supervised:
        assert await supervised.consumer.next_removal() == "usb:1-2"
        assert supervised.tasks("usb:1-2") == 1
        assert list(supervised.supervisor.modems) == [str(path)]
    assert supervised.tasks("usb:1-2") == 0


async def test_two_modems_with_the_same_path_are_both_removed(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB2"
    stored = usb(path, "1-2"), usb(path, "1-3")
    async with running(Settings(discovery=False), *stored) as supervised:
        consumer = supervised.consumer
        assert {await consumer.next_removal(), await consumer.next_removal()} == {
            "usb:1-2", "usb:1-3"
        }  # fmt: skip
        while supervised.supervisor.modems:
            await asyncio.sleep(0.01)


async def test_other_ids_at_a_named_path_are_another_modem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with simulated(EG25) as modem:
        path = tmp_path / "ttyUSB2"
        path.symlink_to(modem.path)
        place = usb(path, "1-3")
        monkeypatch.setattr("modemagent.watching.supervisor.place_of", lambda _: place)
        settings = Settings(discovery=False, port=(str(path),))
        async with running(settings, usb(path, "1-2")) as supervised:
            await supervised.states.until(PortState.WATCHING)
            assert await supervised.consumer.next_removal() == "usb:1-2"


async def test_port_that_is_reopened_is_closed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    closing, may_close = asyncio.Event(), asyncio.Event()
    close = AsyncChannel.close

    async def slowly(channel: AsyncChannel) -> None:
        closing.set()
        await may_close.wait()
        await close(channel)

    with simulated(EG25) as modem:
        settings = Settings(discovery=False, port=(modem.path,))
        async with running(settings) as supervised:
            await supervised.states.until(PortState.WATCHING)
            monkeypatch.setattr(AsyncChannel, "close", slowly)
            supervisor, scans = supervised.supervisor, asyncio.Semaphore(0)
            scan = supervisor._scan

            def counted() -> None:
                scan()
                scans.release()

            monkeypatch.setattr(supervisor, "_scan", counted)
            following = asyncio.create_task(supervisor.apply_settings(settings._replace(baud=9600)))
            await closing.wait()
            supervisor._rescan.request()
            await scans.acquire()
            assert supervised.tasks(modem.path) == 1, "the one that closes the port"
            may_close.set()
            await following
            assert "broken" not in names(await supervised.states.until(PortState.WATCHING))
            assert supervised.log.errors == []


async def test_failing_scan_is_logged_once_and_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modemagent.watching.supervisor._RETRY_SCAN_S", 0.0)
    with simulated(EG25) as modem:
        supervised = Supervised(Settings(discovery=False, port=(modem.path,)))
        supervisor, scan, failures = supervised.supervisor, supervised.supervisor._scan, 0

        def fail_three_times() -> None:
            nonlocal failures
            failures += 1
            if failures <= 3:
                raise OSError("an unexpected error")
            scan()

        monkeypatch.setattr(supervisor, "_scan", fail_three_times)
        task = asyncio.create_task(supervisor.run())
        await supervised.states.until(PortState.WATCHING)
        assert supervised.log.errors == ["rescan_error"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_status_shows_modems_with_the_same_imei() -> None:
    with simulated(EG25) as one, simulated(EG25) as other:
        settings = Settings(discovery=False, via="port", port=(one.path, other.path))
        async with running(settings) as supervised:
            for _ in range(2):
                await supervised.states.until(PortState.WATCHING)
            entries = supervised.supervisor.to_json()
            assert [entry["verdict"] for entry in entries] == ["error", "error"]
            assert all(
                "cross.imei_duplicate" in [each["code"] for each in entry["problems"]]
                for entry in entries
            )
