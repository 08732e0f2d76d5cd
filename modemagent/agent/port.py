"""One watched port: open, identify, watch, and say what is wrong when something is.

Everything that can go wrong with a port ends in a state with a reason and a wait that grows;
nothing here ever retries in a hot loop, and nothing that fails here touches another port.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from modemagent.agent.events import Events
from modemagent.agent.lifecycle import Condition, PortState
from modemagent.agent.managed import ManagedVigil
from modemagent.agent.neighbour import Neighbour
from modemagent.agent.news import News
from modemagent.agent.presence import (
    is_remote,
    is_there,
    listening_s,
    modem_id,
    place_of,
    seat_of,
)
from modemagent.agent.vigil import Vigil
from modemagent.channel.drive import drive
from modemagent.channel.lock import Holder, busy, find_holder
from modemagent.channel.open import open_channel
from modemagent.errors import (
    DeadlinePassed,
    ModemAgentError,
    NeighbourAway,
    PortError,
    PortNotFound,
    PortVanished,
)
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import Log
from modemagent.modem.identify import Extras, identify
from modemagent.neighbours.modemmanager import NAME
from modemagent.report.message import PortPlace, Reason

if TYPE_CHECKING:
    from modemagent.channel.channel import Channel
    from modemagent.channel.record import Trace
    from modemagent.settings import Settings

_BROKEN_BASE_S = 1.0
_BROKEN_CAP_S = 30.0
_STANDBY_S = 5.0
# a remote port has no node that disappears: it is gone when connecting keeps failing
_REMOTE_GONE_AFTER = 3


class Claims:
    """Which port speaks for which modem: a USB modem with two AT ports is one modem."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, str], str] = {}

    def take(self, place: PortPlace, reading: Snapshot) -> str | None:
        """Claim the modem for this port; return the port that already speaks for it, if any."""
        device, imei = modem_id(place), reading.modem.imei
        if device is None or imei is None:
            return None
        holder = self._holders.setdefault((device, imei), place.path)
        return None if holder == place.path else holder

    def drop(self, port: str) -> None:
        self._holders = {key: held for key, held in self._holders.items() if held != port}


class WatchedPort:
    """The task of one port, and what ``status`` shows of it."""

    def __init__(
        self,
        place: PortPlace,
        *,
        settings: Settings,
        news: News,
        claims: Claims,
        events: Events,
        log: Log,
        neighbour: Neighbour | None = None,
        may_open: bool = True,
        trace: Trace | None = None,
        stir: Callable[[], None] = lambda: None,
    ) -> None:
        self.place = place
        self._neighbour = neighbour
        self._may_open = may_open
        self._appeared = 0.0
        self._stir = stir
        self.condition = Condition(changed=self._tell_state)
        self._settings = settings
        self._news = news
        self._claims = claims
        self._events = events
        self._log = log
        self._trace = trace
        self._moved = asyncio.Event()
        self._asked = Extras()
        self._channel: Channel | None = None
        self._present = asyncio.Event()
        self._absent = asyncio.Event()
        self._absent.set()
        self._absence_counts = False
        self._vigil: Vigil | ManagedVigil | None = None
        self._restarted = True
        self._stuck = asyncio.Event()

    @property
    def port(self) -> str:
        return self.place.path

    @property
    def was_read(self) -> bool:
        """A modem has answered here since the agent was started."""
        return not self._restarted

    # -- what the supervisor says

    def seen(self, place: PortPlace) -> None:
        self.place = place
        if self._absent.is_set() and self._neighbour is not None:
            self._appeared = self._neighbour.appeared(place)
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
        self._settings = settings
        if self._vigil is not None:
            self._vigil.retime(settings.poll_interval, settings.refresh_interval)

    @property
    def due(self) -> float | None:
        """When the next step should have been taken, in the loop's time; None for any time."""
        if self.condition.state in (PortState.OPENING, PortState.IDENTIFYING):
            return self.condition.since
        return self._vigil.due if isinstance(self._vigil, Vigil) else None

    def begin_anew(self) -> None:
        """End a session that makes no step; it is tried again as after any failure."""
        self._stuck.set()

    async def read_now(self, extras: Extras) -> Snapshot:
        """Return a fresh reading, made by the one who holds the port.

        :param extras: what is read besides what the settings say
        :raises PortError: the port is not being watched, and why
        """
        await self._settled(PortState.OPENING, PortState.IDENTIFYING)
        if self._vigil is None:
            raise self._unattended()
        self._asked = _both(self._asked, extras)
        return await self._vigil.ask()

    async def channel(self) -> Channel:
        """Return the open channel, for plans that wait their turn on it.

        :raises PortError: the port is not open, and why
        """
        await self._settled(PortState.OPENING)
        if self._channel is None:
            if isinstance(self._vigil, ManagedVigil):
                raise busy(self.port, find_holder(self.port) or Holder(None, NAME))
            raise self._unattended()
        return self._channel

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
        self._events.tell("port.state", self.place, **told)
        self._stir()

    # -- the task

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                await self._present.wait()
                await self._attempt()
        finally:
            self.condition.enter(PortState.STOPPED)

    async def _attempt(self) -> None:
        session = asyncio.create_task(self._session(), name=f"session {self.port}")
        absence = asyncio.create_task(self._absent.wait())
        claim = asyncio.create_task(self._claimed())
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
            if self._absent.is_set():
                self._gone()
            elif self._stuck.is_set():
                said = f"{self.port} made no step for minutes"
                await self._broken(DeadlinePassed(said, port=self.port, hint="See the log."))
            else:
                self._claims.drop(self.port)
                self._log.info("port_given_back", port=self.port, to=NAME)
        except PortVanished as error:
            # the node of an unplugged device goes a moment after its bytes do
            self._gone() if not is_there(self.port) else await self._broken(error)
        except ModemAgentError as error:
            await self._broken(error)
        except Exception as fault:  # noqa: BLE001 - a fault of ours stops one port's attempt only
            self._log.error("port_fault", port=self.port, exc_info=True)
            text = f"a fault of modemagent: {type(fault).__name__}: {fault}"
            await self._broken(ModemAgentError(text, hint="See the log."))
        else:
            if standby:
                self.condition.enter(
                    PortState.STANDBY, message=f"{standby} speaks for the same modem"
                )
                await self._rest(_STANDBY_S)
        finally:
            for task in (session, *others):
                task.cancel()
            await asyncio.gather(session, *others, return_exceptions=True)

    def _gone(self) -> None:
        self._present.clear()
        self._absent.set()
        self.condition.enter(PortState.ABSENT, message="the port is not there")
        self._claims.drop(self.port)
        self._log.info("port_gone", port=self.port)
        if seat_of(self.place) == self.port:
            self._removed()  # a USB modem may come back under another name: see the supervisor

    def _removed(self) -> None:
        if self._absence_counts or not self._restarted:
            self._news.removed(self.place)

    async def _broken(self, error: ModemAgentError) -> None:
        if self.condition.break_down(error):
            self._log.warning(
                "port_broken",
                port=self.port,
                reason=self.condition.reason,
                message=error.message,
                hint=error.hint,
            )
        failures = self.condition.failures
        lost = isinstance(error, PortNotFound | PortVanished) and is_remote(self.port)
        if lost and failures == _REMOTE_GONE_AFTER:
            self._news.removed(self.place)
        self._claims.drop(self.port)
        pause_s = min(_BROKEN_CAP_S, _BROKEN_BASE_S * 2.0 ** min(failures - 1, 10))
        if isinstance(error, PortVanished) and failures == 1:
            pause_s = 0.1
        await self._rest(pause_s * random.uniform(0.8, 1.2))

    async def _rest(self, pause_s: float) -> None:
        """Wait, but not longer than the port is there."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._absent.wait()
        if self._absent.is_set():
            self._gone()

    # -- one time with the port open

    async def _session(self) -> str | None:
        """Identify and watch; return the port that speaks for the same modem, or raise."""
        self.condition.enter(PortState.OPENING)
        if self._neighbour is not None:
            await self._neighbour.known.wait()
            if self._neighbour.modem_of(self.place):
                return await self._accompany(self._neighbour)
            if self._left_for_s() > 0:
                await self._leave_it(self._neighbour)
                return None
        if not self._may_open:
            raise NeighbourAway(
                f"only {NAME} can read this modem, and does not have it now",
                hint="See: mmcli --list-modems",
            )
        self._refuse_a_stranger()
        channel = await open_channel(self.port, baud=self._settings.baud, trace=self._trace)
        try:
            self._channel = channel
            self.condition.enter(PortState.IDENTIFYING)
            reading = await self._identify(channel)
            if holder := self._claims.take(self.place, reading):
                return holder
            otherwise = Reason.REFRESH if self._restarted else None
            self._tell(reading, otherwise)
            self._restarted = False
            self.condition.enter(PortState.WATCHING)
            self._log.info("watching", port=self.port, model=reading.modem.model)
            self._vigil = Vigil(
                channel,
                identify=lambda: self._identify(channel),
                report=self._tell,
                known=lambda: self._news.known(self.place),
                poll_interval_s=self._settings.poll_interval,
                refresh_interval_s=self._settings.refresh_interval,
                heard=lambda line: self._events.tell("port.urc", self.place, line=line),
            )
            await self._vigil.run(reading)
        finally:
            self._vigil = self._channel = None
            with contextlib.suppress(ModemAgentError):
                await channel.close()
        return None

    def _refuse_a_stranger(self) -> None:
        """Open no port whose name another device has got since the supervisor looked."""
        now = place_of(self.port).id
        if None not in (now, self.place.id) and now != self.place.id:
            raise PortVanished(f"{self.port} is another device's now", port=self.port)

    # -- beside ModemManager

    def _left_for_s(self) -> float:
        """Return for how many seconds the port is to be left to ModemManager."""
        if self._neighbour is None or self._neighbour.modem_of(self.place):
            return 0.0
        return self._neighbour.looks_for_s(self.place, self._appeared)

    async def _leave_it(self, neighbour: Neighbour) -> None:
        """Wait until ModemManager has the modem, or has had its time."""
        why = "which may look at it" if neighbour.running else "which may be starting again"
        self.condition.enter(PortState.STANDBY, message=f"left to {NAME}, {why}")
        while (left_s := self._left_for_s()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await neighbour.turn.wait()

    async def _claimed(self) -> None:
        """Wait until ModemManager has been started and may look at a port that is open here."""
        if self._neighbour is None:
            await asyncio.Event().wait()
            return
        while True:
            await self._neighbour.turn.wait()
            if self._channel is not None and self._left_for_s() > 0:
                return

    async def _accompany(self, neighbour: Neighbour) -> str | None:
        """Watch a modem that ModemManager has, until it has it no longer."""
        vigil = ManagedVigil(
            neighbour,
            place=lambda: self.place,
            report=self._tell,
            refresh_interval_s=self._settings.refresh_interval,
        )
        reading = await vigil.ask()
        self.condition.enter(PortState.IDENTIFYING)
        if holder := self._claims.take(self.place, reading):
            return holder
        self._tell(reading, Reason.REFRESH if self._restarted else None)
        self._restarted = False
        self.condition.enter(PortState.WATCHING, message=f"read through {NAME}, which has it")
        self._log.info("watching", port=self.port, model=reading.modem.model, through=NAME)
        self._vigil = vigil
        try:
            await vigil.run(reading)
        finally:
            self._vigil = None
        self._claims.drop(self.port)
        return None

    async def _identify(self, channel: Channel) -> Snapshot:
        asked, self._asked = self._asked, Extras()
        extras = _both(Extras(self._settings.eid_by_apdu, self._settings.network), asked)
        plan = identify(
            self.port,
            port_id=self.place.id,
            extras=extras,
            early=self._tell_early,
            # a modem that is being watched is no stranger any more
            listen_s=listening_s(self.port) if self._vigil is None else 0.0,
        )
        begun = asyncio.get_running_loop().time()
        reading = await drive(plan, channel)
        elapsed_s = asyncio.get_running_loop().time() - begun
        self._events.tell("port.read", self.place, elapsed_s=round(elapsed_s, 3))
        return reading

    def _tell(self, reading: Snapshot, otherwise: Reason | None) -> Reason | None:
        """Report what the settings say, which may be less than somebody has asked for."""
        if not self._settings.evidence:
            reading = replace(reading, evidence=())
        if not self._settings.network:
            reading = replace(reading, network=None)
        return self._news.tell(self.place, reading, otherwise=otherwise)

    def _tell_early(self, reading: Snapshot) -> None:
        """Report who the modem is while its card keeps everybody waiting."""
        if not self._claims.take(self.place, reading) and self._tell(reading, None):
            self._restarted = False


def _both(one: Extras, other: Extras) -> Extras:
    return Extras(one.eid_by_apdu or other.eid_by_apdu, one.network or other.network)
