"""One watched port: its task, its state, and what is wrong when something is.

Everything that can go wrong with a port ends in a state with a reason and a wait that grows;
nothing here ever retries in a hot loop, and nothing that fails here touches another port.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from modemagent.channel.aside import run_in_thread
from modemagent.channel.lock import Holder, busy, find_holder
from modemagent.errors import (
    DeadlinePassed,
    ModemAgentError,
    PortError,
    PortNotFound,
    PortVanished,
)
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import Extras
from modemagent.modemmanager.client import NAME
from modemagent.report.message import PortPlace
from modemagent.watching.lifecycle import PortCondition, PortState
from modemagent.watching.modemmanager_monitor import ModemManagerMonitor
from modemagent.watching.monitor import Monitor
from modemagent.watching.selection import is_remote, is_there, seat_of
from modemagent.watching.session import AgentContext, Sessions

if TYPE_CHECKING:
    from modemagent.channel.channel import AsyncChannel
    from modemagent.settings import Settings

_BROKEN_BASE_S = 1.0
_BROKEN_CAP_S = 30.0
#: The other AT port of a modem waits until the first one is given up, and so long for it to come
#: back; it looks by itself only because a claim might be held by mistake.
_TAKES_OVER_S, _LOOKS_ITSELF_S = 2.0, 3600.0
_NOT_THERE = "the port is not there"
# a remote port has no node that disappears: it is gone when connecting keeps failing
_REMOTE_GONE_AFTER = 3


class ModemTask:
    """The task of one port, and what ``status`` shows of it.

    :param around: what all ports have in common
    :param may_open: False for a modem that only ModemManager can read
    :param stir: called after each change of state
    """

    def __init__(
        self,
        place: PortPlace,
        *,
        settings: Settings,
        around: AgentContext,
        may_open: bool = True,
        stir: Callable[[], None] = lambda: None,
    ) -> None:
        self.condition = PortCondition(changed=self._tell_state)
        self._sessions = Sessions(
            place, settings=settings, around=around, condition=self.condition, may_open=may_open
        )
        self._around = around
        self._stir = stir
        self._moved = asyncio.Event()
        self._present = asyncio.Event()
        self._absent = asyncio.Event()
        self._absent.set()
        self._absence_counts = False
        self._stuck = asyncio.Event()

    @property
    def place(self) -> PortPlace:
        return self._sessions.place

    @property
    def port(self) -> str:
        return self.place.path

    @property
    def was_read(self) -> bool:
        """A modem has answered here since the agent was started."""
        return self._sessions.was_read

    # -- what the supervisor says

    def seen(self, place: PortPlace) -> None:
        self._sessions.place = place
        if self._absent.is_set() and self._around.neighbour is not None:
            self._sessions.appeared = self._around.neighbour.appeared(place)
        self._absent.clear()
        self._present.set()

    def not_seen(self, *, counts: bool) -> None:
        """The port is not there; ``counts`` is False while devices may still be coming up."""
        self._absence_counts = counts
        self._present.clear()
        self._absent.set()
        if counts and self.condition.state is PortState.ABSENT:
            self._removed()

    def follow(self, settings: Settings) -> None:
        """Go by other settings from now on; the port stays as it is, and nothing is sent."""
        self._sessions.settings = settings
        if (vigil := self._sessions.vigil) is not None:
            vigil.retime(settings.poll_interval, settings.refresh_interval)

    @property
    def due(self) -> float | None:
        """When the next step should have been taken, in the loop's time; None for any time."""
        if self.condition.state in (PortState.OPENING, PortState.IDENTIFYING):
            return self.condition.since
        vigil = self._sessions.vigil
        return vigil.due if isinstance(vigil, Monitor) else None

    def begin_anew(self) -> None:
        """End a session that makes no step; it is tried again as after any failure."""
        self._stuck.set()

    async def read_now(self, extras: Extras) -> Snapshot:
        """Return a fresh reading, made by the one who holds the port.

        :param extras: what is read besides what the settings say
        :raises PortError: the port is not being watched, and why
        """
        await self._settled(PortState.OPENING, PortState.IDENTIFYING)
        if self._sessions.vigil is None:
            raise self._unattended()
        self._sessions.ask_besides(extras)
        return await self._sessions.vigil.ask()

    async def channel(self) -> AsyncChannel:
        """Return the open channel, for plans that wait their turn on it.

        :raises PortError: the port is not open, and why
        """
        await self._settled(PortState.OPENING)
        if self._sessions.channel is not None:
            return self._sessions.channel
        if isinstance(self._sessions.vigil, ModemManagerMonitor):
            # it looks through the descriptors of every process
            holder = await run_in_thread(lambda: find_holder(self.port))
            raise busy(self.port, holder or Holder(None, NAME))
        raise self._unattended()

    async def _settled(self, *passing: PortState) -> None:
        while self.condition.state in passing:
            await self._moved.wait()

    def _unattended(self) -> PortError:
        why = self.condition.message or f"it is {self.condition.state}"
        return PortError(
            f"{self.port} can not be asked now: {why}", port=self.port, hint=self.condition.hint
        )

    def _tell_state(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
        told = self.condition.to_json()
        del told["since_s"]
        self._around.events.emit("port.state", self.place, **told)
        self._stir()

    # -- the task

    async def run(self) -> None:
        """Watch until cancelled; a fault of ours is shown, and then it is tried again."""
        try:
            while True:
                await self._present.wait()
                try:
                    await self._attempt()
                except Exception as fault:  # noqa: BLE001 - the other ways out of here end it
                    await self._outlive(fault)
        finally:
            self.condition.enter(PortState.STOPPED)

    async def _attempt(self) -> None:
        session = asyncio.create_task(self._sessions.run(), name=f"session {self.port}")
        absence = asyncio.create_task(self._absent.wait())
        claim = asyncio.create_task(self._sessions.claimed())
        self._stuck.clear()
        stuck = asyncio.create_task(self._stuck.wait())
        others = (absence, claim, stuck)
        try:
            await asyncio.wait({session, *others}, return_when=asyncio.FIRST_COMPLETED)
            if not session.done():
                session.cancel()
            standby = await session
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this is None or this.cancelling():
                raise  # it is we who are to stop, not the session that was stopped by us
            if absence.done() or self._absent.is_set():
                self._gone_and_back() if self._present.is_set() else self._gone()
            elif stuck.done():
                said = f"{self.port} made no step for minutes"
                await self._broken(DeadlinePassed(said, port=self.port, hint="See the log."))
            else:
                claim.result()
                self._around.claims.drop(self.port)
                self._around.log.info("port_released", port=self.port, to=NAME)
        except PortVanished as error:
            # the node of an unplugged device goes a moment after its bytes do
            self._gone() if not is_there(self.port) else await self._broken(error)
        except ModemAgentError as error:
            await self._broken(error)
        else:
            if standby:
                self.condition.enter(
                    PortState.STANDBY, message=f"{standby} speaks for the same modem"
                )
                await self._stand_by(standby)
        finally:
            for task in (session, *others):
                task.cancel()
            await asyncio.gather(session, *others, return_exceptions=True)

    async def _outlive(self, fault: Exception) -> None:
        """Show a fault and wait; nothing is done here that may have been its cause."""
        self._around.log.error("port_error", port=self.port, exc_info=True)
        text = f"a fault of modemagent: {type(fault).__name__}: {fault}"
        self.condition.mark_broken(ModemAgentError(text, hint="See the log."))
        self._around.claims.drop(self.port)
        await asyncio.sleep(self._pause_s())
        if self._absent.is_set():
            self._present.clear()
            self.condition.enter(PortState.ABSENT, message=_NOT_THERE)

    def _gone_and_back(self) -> None:
        """It went and came while its session was being ended."""
        self._gone()
        self.seen(self.place)

    def _gone(self) -> None:
        self._present.clear()
        self._absent.set()
        self.condition.enter(PortState.ABSENT, message=_NOT_THERE)
        self._around.claims.drop(self.port)
        self._around.log.info("port_removed", port=self.port)
        if seat_of(self.place) == self.port:
            self._removed()  # a USB modem may come back under another name: see the supervisor

    def _removed(self) -> None:
        if self._absence_counts or self.was_read:
            self._around.news.removed(self.place)

    async def _broken(self, error: ModemAgentError) -> None:
        if self.condition.mark_broken(error):
            self._around.log.warning(
                "port_broken",
                port=self.port,
                reason=self.condition.reason,
                message=error.message,
                hint=error.hint,
            )
        failures = self.condition.failures
        lost = isinstance(error, PortNotFound | PortVanished) and is_remote(self.port)
        if lost and failures == _REMOTE_GONE_AFTER:
            self._around.news.removed(self.place)
        self._around.claims.drop(self.port)
        is_first_loss = isinstance(error, PortVanished) and failures == 1
        await self._rest(0.1 if is_first_loss else self._pause_s())

    def _pause_s(self) -> float:
        doublings = min(self.condition.failures - 1, 10)
        pause_s = min(_BROKEN_CAP_S, _BROKEN_BASE_S * 2.0**doublings)
        return pause_s * random.uniform(0.8, 1.2)

    async def _stand_by(self, holder: str) -> None:
        """Wait until the port that speaks for the same modem is given up."""
        waits = [
            asyncio.create_task(self._around.claims.dropped_by(holder)),
            asyncio.create_task(self._absent.wait()),
        ]
        try:
            await asyncio.wait(waits, timeout=_LOOKS_ITSELF_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        await self._rest(_TAKES_OVER_S)

    async def _rest(self, pause_s: float) -> None:
        """Wait, but not longer than the port is there."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._absent.wait()
        if self._absent.is_set():
            self._gone()
