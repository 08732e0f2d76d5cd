"""One time with a modem: by its port, or through ModemManager that has it.

Opens, identifies, watches; errors are raised, and :mod:`modemagent.watching.modem_task` turns them
into a state and a delay.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from modemagent.channel.drive import run
from modemagent.channel.open import open_channel
from modemagent.discovery.candidate import refuse_recovery
from modemagent.discovery.sysfs import describe
from modemagent.errors import ModemAgentError, ModemManagerUnavailable, PortVanished
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import Log
from modemagent.modem.identify import NO_EXTRAS, Extras, identify
from modemagent.modemmanager.client import NAME
from modemagent.report.message import PortPlace, Reason
from modemagent.watching.claims import Claims
from modemagent.watching.consumer import ReadingConsumer
from modemagent.watching.events import EventBus
from modemagent.watching.lifecycle import PortCondition, PortState
from modemagent.watching.modemmanager import ModemManagerArbiter
from modemagent.watching.modemmanager_monitor import ModemManagerMonitor
from modemagent.watching.monitor import Monitor
from modemagent.watching.selection import initial_listen_s, place_of

if TYPE_CHECKING:
    from modemagent.channel.channel import AsyncChannel
    from modemagent.channel.trace import Trace
    from modemagent.settings import Settings


class AgentContext(NamedTuple):
    """What all watched ports have in common.

    :param news: takes readings and removals
    :param claims: which port speaks for which modem
    :param neighbour: ModemManager, None when the settings leave it aside
    :param trace: told of every line that crosses a port
    """

    news: ReadingConsumer
    claims: Claims
    events: EventBus
    log: Log
    neighbour: ModemManagerArbiter | None = None
    trace: Trace | None = None


class Sessions:
    """The sessions of one port, one after another.

    :param may_open: False for a modem that only ModemManager can read
    :ivar place: where the port is now
    :ivar appeared: when it came, by the loop's clock
    :ivar channel: open, while a session by the port lasts
    :ivar vigil: while the modem is being watched
    :ivar was_read: a modem has answered here since the agent was started
    """

    def __init__(
        self,
        place: PortPlace,
        *,
        settings: Settings,
        around: AgentContext,
        condition: PortCondition,
        may_open: bool,
    ) -> None:
        self.place = place
        self.settings = settings
        self._around = around
        self._condition = condition
        self._may_open = may_open
        self.appeared = 0.0
        self.channel: AsyncChannel | None = None
        self.vigil: Monitor | ModemManagerMonitor | None = None
        self.was_read = False
        self._asked = NO_EXTRAS

    def ask_besides(self, extras: Extras) -> None:
        """Read this as well with the next reading."""
        self._asked = _both(self._asked, extras)

    async def run(self) -> str | None:
        """Identify and watch; return the port that speaks for the same modem, or raise.

        None: another session should follow at once, for the way to the modem has changed.
        """
        self._condition.enter(PortState.OPENING)
        neighbour = self._around.neighbour
        if neighbour is not None:
            await neighbour.known.wait()
            if neighbour.modem_of(self.place):
                return await self._through(neighbour)
            if self._left_for_s() > 0:
                await self._leave_to(neighbour)
                return None
        return await self._by_port()

    # -- by the port

    async def _by_port(self) -> str | None:
        self._refuse_to_open()
        port, settings = self.place.path, self.settings
        channel = await open_channel(port, baud=settings.baud, trace=self._around.trace)
        try:
            self.channel = channel
            if self._left_for_s() > 0:
                # it has come while the port was being opened, when claimed() had nothing to give
                self._around.log.info("port_released", port=port, to=NAME)
                return None
            self._condition.enter(PortState.IDENTIFYING)
            reading = await self._identify(channel)
            if holder := self._around.claims.take(self.place, reading):
                return holder
            self._begin(reading)
            self.vigil = Monitor(
                channel,
                identify=lambda: self._identify(channel),
                report=self._tell,
                known=lambda: self._around.news.known(self.place),
                poll_interval_s=settings.poll_interval,
                refresh_interval_s=settings.refresh_interval,
                heard=lambda line: self._around.events.emit("port.urc", self.place, line=line),
            )
            await self.vigil.run(reading)
        finally:
            self.vigil = self.channel = None
            with contextlib.suppress(ModemAgentError):
                await channel.close()
        return None

    def _refuse_to_open(self) -> None:
        if not self._may_open:
            raise ModemManagerUnavailable(
                f"only {NAME} can read this modem, and does not have it now",
                hint="See: mmcli --list-modems",
            )
        now = place_of(self.place.path).id
        if None not in (now, self.place.id) and now != self.place.id:
            # another device has got the name since the supervisor looked
            port = self.place.path
            raise PortVanished(f"{port} is another device's now", port=port)
        refuse_recovery(self.place.path, describe(self.place.path))

    async def _identify(self, channel: AsyncChannel) -> Snapshot:
        asked, self._asked = self._asked, NO_EXTRAS
        extras = _both(Extras(self.settings.eid_by_apdu, self.settings.network), asked)
        plan = identify(
            self.place.path,
            port_id=self.place.id,
            extras=extras,
            early=self._tell_early,
            # a modem that is being watched is no stranger any more
            listen_s=initial_listen_s(self.place.path) if self.vigil is None else 0.0,
        )
        begun = asyncio.get_running_loop().time()
        reading = await run(plan, channel)
        elapsed_s = asyncio.get_running_loop().time() - begun
        self._around.events.emit("port.read", self.place, elapsed_s=round(elapsed_s, 3))
        return reading

    # -- what is read

    def _begin(self, reading: Snapshot, **through: str) -> None:
        """Report the first reading of a session; from now on the modem is being watched."""
        self._tell(reading, None if self.was_read else Reason.REFRESH)
        self.was_read = True
        message = f"read through {NAME}, which has it" if through else ""
        self._condition.enter(PortState.WATCHING, message=message)
        model = reading.modem.model
        self._around.log.info("watching", port=self.place.path, model=model, **through)

    def _tell(self, reading: Snapshot, otherwise: Reason | None) -> Reason | None:
        """Report what the settings say, which may be less than somebody has asked for."""
        if not self.settings.evidence:
            reading = replace(reading, evidence=())
        if not self.settings.network:
            reading = replace(reading, network=None)
        return self._around.news.submit(self.place, reading, otherwise=otherwise)

    def _tell_early(self, reading: Snapshot) -> None:
        """Report who the modem is while its card keeps everybody waiting."""
        if not self._around.claims.take(self.place, reading) and self._tell(reading, None):
            self.was_read = True

    # -- beside ModemManager

    def _left_for_s(self) -> float:
        """Return for how many seconds the port is to be left to ModemManager."""
        neighbour = self._around.neighbour
        if neighbour is None or neighbour.modem_of(self.place):
            return 0.0
        return neighbour.probe_grace_s(self.place, self.appeared)

    async def _leave_to(self, neighbour: ModemManagerArbiter) -> None:
        """Wait until ModemManager has the modem, or has had its time."""
        why = "which may look at it" if neighbour.running else "which may be starting again"
        self._condition.enter(PortState.STANDBY, message=f"left to {NAME}, {why}")
        while (left_s := self._left_for_s()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await neighbour.turn.wait()

    async def claimed(self) -> None:
        """Wait until ModemManager has been started and may look at a port that is open here."""
        neighbour = self._around.neighbour
        if neighbour is None:
            await asyncio.Event().wait()
            return
        while True:
            await neighbour.turn.wait()
            if self.channel is not None and self._left_for_s() > 0:
                return

    async def _through(self, neighbour: ModemManagerArbiter) -> str | None:
        """Watch a modem that ModemManager has, until it has it no longer."""
        vigil = ModemManagerMonitor(
            neighbour,
            place=lambda: self.place,
            report=self._tell,
            refresh_interval_s=self.settings.refresh_interval,
        )
        reading = await vigil.ask()
        self._condition.enter(PortState.IDENTIFYING)
        if holder := self._around.claims.take(self.place, reading):
            return holder
        self._begin(reading, through=NAME)
        self.vigil = vigil
        try:
            await vigil.run(reading)
        finally:
            self.vigil = None
        self._around.claims.drop(self.place.path)
        return None


def _both(one: Extras, other: Extras) -> Extras:
    return Extras(one.eid_by_apdu or other.eid_by_apdu, one.network or other.network)
