"""One supervised modem: choice of its port, ModemManager, removal, internal errors in its task."""

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

from modemagent.agent.health import PORT_STUCK_S, HealthCheck, PortHealth
from modemagent.at.steps import Command, Plan
from modemagent.channel.port import Port
from modemagent.channel.url import open_port
from modemagent.modem.identify import Extras
from modemagent.report.message import PortPlace
from modemagent.settings import Settings
from modemagent.watching import monitor
from modemagent.watching.consumer import EventOnlyConsumer
from modemagent.watching.events import EventBus, ModemEvent
from modemagent.watching.modem_session import WatchContext
from modemagent.watching.modem_task import ModemTask
from modemagent.watching.modemmanager_arbiter import ModemManagerArbiter
from modemagent.watching.port_state import PortState
from tests.simulated import RunningModem, simulated
from tests.watching.recorded import RecordingLog, States, names

EG25 = "quectel-eg25-g"


class Watched:
    """A supervised modem with its states and its log.

    :ivar arbiter: reports ModemManager as absent until the test changes that
    :ivar requested: state at each request of a scan
    """

    def __init__(self, *places: PortPlace, settings: Settings | None = None) -> None:
        self.places = places
        self.requested: list[PortState] = []
        self.log, self.events = RecordingLog(), EventBus()
        self.states = States(self.events)
        self.arbiter = ModemManagerArbiter(self.log, changed=self.scan)
        self.arbiter.known.set()
        self.consumer = EventOnlyConsumer(self.events)
        settings = settings or Settings(discovery=False)
        self.context = WatchContext(settings, self.consumer, self.events, self.log, self.arbiter)
        self.task = ModemTask(
            "usb:1-2" if places[0].id else places[0].path,
            places[0],
            context=self.context,
            changed=lambda: self.requested.append(self.task.condition.state),
        )

    def scan(self) -> None:
        """Do what a scan does that shows the ports of the modem."""
        self.task.on_found(self.places)

    def start_modemmanager(self) -> None:
        self.arbiter._started = asyncio.get_running_loop().time()
        self.arbiter._update((), running=True)


@contextlib.asynccontextmanager
async def running(*places: PortPlace, settings: Settings | None = None) -> AsyncIterator[Watched]:
    watched = Watched(*places, settings=settings)
    task = asyncio.create_task(watched.task.run())
    watched.scan()
    yield watched
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert watched.task.condition.state is PortState.STOPPED


def usb(path: str, interface: int = 2) -> PortPlace:
    return PortPlace(path=path, id=f"usb:1-2:1.{interface}", usb_vid="2c7c", usb_pid="0125")


@pytest.fixture
def silent() -> Iterator[str]:
    """A port that nothing answers at."""
    master, terminal = os.openpty()
    tty.setraw(terminal)
    yield os.ttyname(terminal)
    os.close(master)
    os.close(terminal)


@contextlib.contextmanager
def busy(path: str) -> Iterator[None]:
    with Path(path).open("rb", buffering=0) as port:
        fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


# -- ports


async def test_next_port_is_tried_at_once_after_a_failure(silent: str) -> None:
    with simulated(EG25) as modem, busy(silent):
        async with running(usb(silent, 2), usb(modem.path, 3)) as watched:
            states = await watched.states.until(PortState.WATCHING)
            assert [(each["state"], each["port"]) for each in states] == [
                ("opening", silent),
                ("broken", silent),
                ("opening", modem.path),
                ("identifying", modem.path),
                ("watching", modem.path),
            ]


async def test_working_port_is_kept_when_a_better_one_appears(silent: str) -> None:
    with simulated(EG25) as modem:
        async with running(usb(modem.path, 3)) as watched:
            await watched.states.until(PortState.WATCHING)
            watched.task.on_found((usb(silent, 2), usb(modem.path, 3)))
            await watched.task.read_now(Extras())
            assert watched.task.port == modem.path


async def test_late_port_ends_the_delay_after_a_failure(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemagent.watching.port_state._RETRY_S", 3600.0)
    monkeypatch.setattr("modemagent.watching.port_state._RETRY_MAX_S", 3600.0)
    with simulated(EG25) as modem, busy(silent):
        async with running(usb(silent, 2)) as watched:
            await watched.states.until(PortState.BROKEN)
            watched.task.on_found((usb(silent, 2), usb(modem.path, 3)))
            await watched.states.until(PortState.WATCHING)
            assert watched.task.port == modem.path


async def test_all_ports_are_tried_again_after_all_have_failed(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemagent.watching.port_state._RETRY_S", 0.01)
    with simulated(EG25) as modem, contextlib.ExitStack() as held:
        held.enter_context(busy(modem.path))
        with busy(silent):
            async with running(usb(modem.path, 2), usb(silent, 3)) as watched:
                for port in (modem.path, silent, modem.path, silent):
                    assert (await watched.states.until(PortState.BROKEN))[-1]["port"] == port
                held.close()
                await watched.states.until(PortState.WATCHING)
                assert watched.task.port == modem.path
                assert watched.log.errors.count("port_broken") == 2, "each error is logged once"


async def test_renumbered_modem_is_reopened_and_not_removed(tmp_path: Path) -> None:
    with simulated(EG25) as modem:
        link = tmp_path / "ttyUSB2"
        link.symlink_to(modem.path)
        removed: list[ModemEvent] = []
        async with running(usb(str(link))) as watched:
            watched.events.subscribe(
                lambda event: removed.append(event) if event.name == "modem.removed" else None
            )
            await watched.states.until(PortState.WATCHING)
            link.unlink()
            watched.places = (usb(modem.path),)
            watched.scan()
            assert names(await watched.states.until(PortState.WATCHING)) == [
                "absent", "opening", "identifying", "watching"
            ]  # fmt: skip
            assert not removed
            assert watched.log.events == ["watching", "port_removed", "watching"]


async def test_port_that_returns_while_its_session_ends_is_reopened() -> None:
    with simulated(EG25) as modem:
        async with running(PortPlace(path=modem.path)) as watched:
            await watched.states.until(PortState.WATCHING)
            watched.task.on_missing(has_other_ports=False)
            watched.scan()
            assert names(await watched.states.until(PortState.WATCHING)) == [
                "absent", "opening", "identifying", "watching"
            ]  # fmt: skip
            assert watched.log.events == ["watching", "port_removed", "watching"]


async def test_port_that_is_missing_from_the_start_is_logged_once() -> None:
    watched = Watched(PortPlace(path="/dev/ttyNONE"))
    for _ in range(2):
        watched.task.on_missing(has_other_ports=False)
    assert watched.log.events == ["port_missing"]
    assert watched.task.condition.message == "the port does not exist"


# -- removal


@pytest.mark.parametrize("has_other_ports", [False, True])
async def test_usb_modem_is_removed_after_the_time_of_a_reset(
    has_other_ports: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        f"modemagent.watching.removal._{'MODEM_START' if has_other_ports else 'RESET'}_GRACE_S",
        0.0,
    )
    with simulated(EG25) as modem:
        async with running(usb(modem.path)) as watched:
            await watched.states.until(PortState.WATCHING)
            watched.task.on_missing(has_other_ports=has_other_ports)
            await watched.states.until(PortState.ABSENT)
            watched.task.on_missing(has_other_ports=not has_other_ports)
            await asyncio.sleep(0)
            assert watched.task.awaits_return
            watched.task.on_missing(has_other_ports=has_other_ports)
            while watched.task.awaits_return:
                await asyncio.sleep(0)


async def test_missing_modem_is_not_removed_shortly_after_boot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modemagent.report.origin.uptime_ms", lambda: 100_000)
    with simulated(EG25) as modem:
        async with running(PortPlace(path=modem.path)) as watched:
            await watched.states.until(PortState.WATCHING)
            watched.task.on_missing(has_other_ports=False)
            await watched.states.until(PortState.ABSENT)
            watched.task._read_at = None  # as after a restart of the agent
            for _ in range(3):
                watched.task.on_missing(has_other_ports=False)
                await asyncio.sleep(0)
            assert watched.task.awaits_return


# -- ModemManager


async def test_port_is_released_while_its_modem_is_identified(silent: str) -> None:
    async with running(usb(silent)) as watched:
        await watched.states.until(PortState.IDENTIFYING)
        watched.start_modemmanager()
        assert names(await watched.states.until(PortState.STANDBY)) == ["opening", "standby"]
        assert watched.log.events == ["modemmanager", "port_released"]


async def test_port_is_released_if_modemmanager_starts_during_open(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, opening, may_go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slowly(url: str, **options: Any) -> Port:
        loop.call_soon_threadsafe(opening.set)
        may_go_on.wait(120)
        return open_port(url, **options)

    monkeypatch.setattr("modemagent.channel.channel.open_port", slowly)
    async with running(usb(silent)) as watched:
        await opening.wait()
        watched.start_modemmanager()
        may_go_on.set()
        states = names(await watched.states.until(PortState.STANDBY))
        assert states == ["opening", "opening", "standby"]
        assert watched.log.events == ["modemmanager", "port_released"]
        with busy(silent):
            pass


# -- internal errors


async def test_error_during_removal_does_not_end_the_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modemagent.watching.port_state._RETRY_S", 0.01)

    def fail(_: PortPlace) -> bool:
        raise RuntimeError("an unexpected error")

    with simulated(EG25) as modem:
        async with running(PortPlace(path=modem.path)) as watched:
            await watched.states.until(PortState.WATCHING)
            monkeypatch.setattr(watched.consumer, "removed", fail)
            watched.task.on_missing(has_other_ports=False)
            await watched.states.until(PortState.ABSENT)
            watched.task.on_missing(has_other_ports=False)
            [*_, broken] = await watched.states.until(PortState.BROKEN)
            assert broken["message"] == "internal error: RuntimeError: an unexpected error"
            assert watched.log.events[-1] == "port_error"
            await watched.states.until(PortState.ABSENT)
            watched.scan()
            await watched.states.until(PortState.WATCHING)


async def test_endless_poll_is_detected_and_the_session_restarted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = asyncio.Semaphore(0)

    def endless(*_: object, **__: object) -> Plan[bool]:
        while True:
            yield Command("AT", 5.0)
            rounds.release()

    async def scenario(modem: RunningModem, patched: pytest.MonkeyPatch) -> None:
        place, later_s = PortPlace(path=modem.path), 0.0
        loop = asyncio.get_running_loop()
        patched.setattr(monitor, "poll", endless)
        settings = Settings(discovery=False, poll_interval=0.1)
        async with running(place, settings=settings) as watched:
            task = watched.task
            health = HealthCheck(
                ports=lambda: {modem.path: PortHealth(task.condition.state, task.due)},
                uplink=lambda: None, waiting=lambda: 0, clock=lambda: loop.time() + later_s,
            )  # fmt: skip
            await watched.states.until(PortState.WATCHING)
            await rounds.acquire()
            due = task.due
            await rounds.acquire()
            assert due is not None and task.due == due, "commands alone are not progress"
            later_s = due - loop.time() + PORT_STUCK_S + 1
            assert health.check().stuck == ()
            assert health.check().stuck == (modem.path,)
            task.restart()
            [*_, broken] = await watched.states.until(PortState.BROKEN)
            assert broken["reason"] == "timeout"
            patched.undo()
            later_s = 0.0
            await watched.states.until(PortState.WATCHING)
            await task.read_now(Extras())
            assert health.check()[:2] == ("", ())

    with simulated(EG25) as modem, monkeypatch.context() as patched:
        await scenario(modem, patched)


async def test_other_intervals_apply_without_reopening() -> None:
    with simulated(EG25) as modem:
        settings = Settings(discovery=False, poll_interval=3600)
        async with running(PortPlace(path=modem.path), settings=settings) as watched:
            await watched.states.until(PortState.WATCHING)
            watched.context.settings = settings._replace(poll_interval=0.05)
            watched.task.retime()
            polls = len(modem.lines_received)
            while len(modem.lines_received) == polls:
                await asyncio.sleep(0.01)
            assert watched.task.condition.state is PortState.WATCHING


async def test_removal_of_a_flapping_modem_waits_for_its_return(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with simulated(EG25) as modem:
        async with running(PortPlace(path=modem.path)) as watched:
            await watched.states.until(PortState.WATCHING)
            for count in range(1, 8):
                watched.task.on_missing(has_other_ports=False)
                await watched.states.until(PortState.ABSENT)
                watched.task.on_missing(has_other_ports=False)
                while count <= 5 and watched.task.awaits_return:
                    await asyncio.sleep(0)
                assert watched.task.awaits_return == (count > 5)
                watched.scan()
                await watched.states.until(PortState.WATCHING)
            assert watched.context.drops.of(watched.task.place).total == 7
            assert watched.log.events.count("modem_drops") == 1
            monkeypatch.setattr("modemagent.watching.drops._CALM_S", 0.0)
            watched.task.on_missing(has_other_ports=False)
            await watched.states.until(PortState.ABSENT)
            watched.task.on_missing(has_other_ports=False)
            while watched.task.awaits_return:
                await asyncio.sleep(0)


async def test_restarts_of_a_watched_modem_are_counted() -> None:
    with simulated(EG25) as modem:
        async with running(PortPlace(path=modem.path)) as watched:
            await watched.states.until(PortState.WATCHING)
            for count in range(1, 4):
                for line in ("RDY", "APP RDY"):
                    modem.urc(line)
                while watched.context.drops.of(watched.task.place).total < count:
                    await asyncio.sleep(0.01)
            assert "modem_drops" in watched.log.events


async def test_lost_connection_to_a_server_is_one_drop() -> None:
    with simulated(EG25, tcp=True) as modem:
        async with running(PortPlace(path=modem.path)) as watched:
            await watched.states.until(PortState.WATCHING)
            modem.unplug()
            await watched.states.until(PortState.BROKEN)
            await watched.states.until(PortState.BROKEN)
            assert watched.requested == [PortState.BROKEN] * 2  # none on the way to WATCHING
            assert watched.context.drops.of(watched.task.place).total == 1
