"""A watched port whose look at the modem never ends: found late, and begun anew."""

from __future__ import annotations

import asyncio

import pytest

from modemagent.agent.health import PORT_STUCK_S, HealthCheck, PortHealth
from modemagent.at.steps import Command, Plan
from modemagent.logs import NullLog
from modemagent.modem.identify import Extras
from modemagent.report.message import PortPlace
from modemagent.settings import Settings
from modemagent.simulator.bench import simulated
from modemagent.watching import monitor
from modemagent.watching.claims import Claims
from modemagent.watching.events import EventBus, ModemEvent
from modemagent.watching.lifecycle import PortState
from modemagent.watching.modem_task import ModemTask
from modemagent.watching.session import AgentContext
from modemagent.watching.watch_only import EventOnlyConsumer

EG25 = "quectel-eg25-g"


class Told:
    """The states of a port, as its task tells them."""

    def __init__(self, events: EventBus) -> None:
        self._states: asyncio.Queue[tuple[object, object]] = asyncio.Queue()
        events.subscribe(self._take)

    def _take(self, event: ModemEvent) -> None:
        if event.name == "port.state":
            self._states.put_nowait((event.data["state"], event.data.get("reason")))

    async def until(self, state: PortState) -> object:
        """Wait for a state; return the reason for it."""
        while (told := await self._states.get())[0] != state:
            pass
        return told[1]


def test_a_look_that_never_ends_is_found_and_the_port_begun_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(path: str) -> None:
        place, events = PortPlace(path=path), EventBus()
        told, rounds = Told(events), asyncio.Semaphore(0)

        def endless(*_: object, **__: object) -> Plan[bool]:
            while True:
                yield Command("AT", 5.0)
                rounds.release()

        watched = ModemTask(
            place,
            settings=Settings(discovery=False, poll_interval=0.1),
            around=AgentContext(EventOnlyConsumer(events), Claims(), events, NullLog()),
        )
        loop, later_s = asyncio.get_running_loop(), 0.0
        progress = HealthCheck(
            ports=lambda: {path: PortHealth(watched.condition.state, watched.due)},
            uplink=lambda: None, waiting=lambda: 0, clock=lambda: loop.time() + later_s,
        )  # fmt: skip
        with monkeypatch.context() as patched:
            patched.setattr(monitor, "poll", endless)
            task = asyncio.create_task(watched.run())
            watched.seen(place)
            await told.until(PortState.WATCHING)
            await rounds.acquire()
            due = watched.due
            await rounds.acquire()
            # it talks all the time, and takes no step
            assert due is not None and watched.due == due
            later_s = due - loop.time() + PORT_STUCK_S + 1
            assert progress.look().stuck == ()
            assert progress.look().stuck == (path,)
            watched.begin_anew()
            assert await told.until(PortState.BROKEN) == "timeout"
        later_s = 0.0
        await told.until(PortState.WATCHING)
        await watched.read_now(Extras())
        assert progress.look()[:2] == ("", ())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert watched.condition.state is PortState.STOPPED

    with simulated(EG25) as modem:
        asyncio.run(scenario(modem.path))
