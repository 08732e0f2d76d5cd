"""One session with a modem: open its port, identify it and monitor it, or do so over ModemManager.

A session ends with an error, or without one when another session has to follow at once because
ModemManager has started or stopped. :mod:`modemagent.watching.modem_task` turns errors into a state
and a delay.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from modemagent.at import AUTO_BAUD, DEFAULT_BAUD
from modemagent.channel.channel import AsyncChannel, open_channel
from modemagent.channel.trace import Trace
from modemagent.discovery import udev
from modemagent.discovery.age import modem_age_s
from modemagent.discovery.candidate import LISTEN_S, Role, refuse_recovery
from modemagent.discovery.sysfs import describe, is_uart
from modemagent.errors import ModemAgentError, ModemManagerUnavailable, PortVanished
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import Log
from modemagent.modem.identify import NO_EXTRAS, Extras, identify
from modemagent.modem.serving_cell import read_serving_cell
from modemagent.modem.speed_scan import name_scan
from modemagent.modem.start_up import is_start_up_urc
from modemagent.modemmanager.client import NAME
from modemagent.real_path import real_path
from modemagent.report.message import PortPlace, Reason
from modemagent.settings import Settings
from modemagent.watching.consumer import ReadingConsumer
from modemagent.watching.drops import DropCounter
from modemagent.watching.events import EventBus
from modemagent.watching.local_imeis import LocalImeis
from modemagent.watching.modemmanager_arbiter import ModemManagerArbiter
from modemagent.watching.modemmanager_monitor import ModemManagerMonitor
from modemagent.watching.monitor import Monitor
from modemagent.watching.places import is_remote, modem_key, place_of
from modemagent.watching.port_state import PortCondition, PortState
from modemagent.watching.uart_opening import open_at_its_speed


@dataclass
class WatchContext:
    """Objects that all supervised modems share.

    :param settings: replaced when new settings are applied
    :param modemmanager: None if the settings exclude ModemManager
    :param trace: receives every line that crosses a port
    :param imeis: of the sessions in progress
    :param speeds: speed that was found by the id of a port, else by its path
    """

    settings: Settings
    consumer: ReadingConsumer
    events: EventBus
    log: Log
    modemmanager: ModemManagerArbiter | None = None
    trace: Trace | None = None
    imeis: LocalImeis = field(default_factory=LocalImeis)
    speeds: dict[str, int] = field(default_factory=dict)
    drops: DropCounter = field(init=False)

    def __post_init__(self) -> None:
        self.drops = DropCounter(self.log)


class Session:
    """One session at one port.

    :param appeared: when the modem appeared, on the loop's clock
    :param identified: called when the modem is identified, before its first reading is submitted;
        returns the reason to report a reading without changes
    :ivar place: where the port is; updated if the ids of the port change
    :ivar channel: the open port; None through ModemManager
    :ivar monitor: set while the modem is being monitored
    """

    def __init__(
        self,
        place: PortPlace,
        *,
        context: WatchContext,
        condition: PortCondition,
        appeared: float,
        may_open: bool,
        identified: Callable[[], Reason | None],
    ) -> None:
        self.place = place
        self._modem = modem_key(place)
        self._context = context
        self._condition = condition
        self._appeared = appeared
        self._may_open = may_open
        self._identified = identified
        self._extras = NO_EXTRAS
        self._restarted: float | None = None
        self.channel: AsyncChannel | None = None
        self.monitor: Monitor | ModemManagerMonitor | None = None

    async def run(self) -> None:
        """Identify and monitor the modem.

        :raises ModemAgentError: the reason why the session has ended
        """
        try:
            await self._run()
        finally:
            self._context.imeis.end(self._modem)

    async def _run(self) -> None:
        self._condition.enter(PortState.OPENING)
        arbiter = self._context.modemmanager
        if arbiter is not None:
            await arbiter.known.wait()
            if arbiter.modem_of(self.place):
                await self._run_through(arbiter)
                return
            if self.grace_s() > 0:
                await self._leave_to(arbiter)
                return
        self._refuse_to_open()
        channel = await self._open()
        try:
            await self._run_at(channel)
        finally:
            self.monitor = self.channel = None
            with contextlib.suppress(ModemAgentError):
                await channel.close()

    async def _open(self) -> AsyncChannel:
        """Open the port; that of a UART without a set speed at the one at which it answers."""
        port, context = self.place.path, self._context
        baud = context.settings.baud
        if isinstance(baud, int) or not is_uart(port):
            speed = baud if isinstance(baud, int) else DEFAULT_BAUD
            return await open_channel(port, baud=speed, trace=context.trace)
        key = self.place.id or port
        channel, speed = await open_at_its_speed(
            port,
            known=context.speeds.get(key),
            listen_s=initial_listen_s(port),
            trace=context.trace,
        )
        if context.speeds.get(key) != speed:
            context.log.info("speed_found", port=port, baud=speed)
        context.speeds[key] = speed
        return channel

    def request(self, extras: Extras) -> None:
        """Include more in the next reading."""
        self._extras = _union(self._extras, extras)

    def grace_s(self) -> float:
        """Return how long the port has to be left to ModemManager; 0 if it may be open."""
        arbiter = self._context.modemmanager
        if arbiter is None or arbiter.modem_of(self.place):
            return 0.0
        return arbiter.probe_grace_s(self.place, self._appeared)

    # -- at the port

    async def _run_at(self, channel: AsyncChannel) -> None:
        self.channel = channel
        if self.grace_s() > 0:  # ModemManager has started while the port was being opened
            self._context.log.info("port_released", port=self.place.path, to=NAME)
            return
        self._condition.enter(PortState.IDENTIFYING)
        try:
            reading = await self._identify(channel)
        except ModemAgentError as error:
            baud = self._context.settings.baud
            if isinstance(baud, int) and is_uart(self.place.path):
                name_scan(error, baud, f'the setting baud = "{AUTO_BAUD}"')
            raise
        self._begin(reading)
        context = self._context
        self.monitor = Monitor(
            channel,
            identify=lambda: self._identify(channel),
            submit=self._submit,
            baseline=lambda: context.consumer.baseline(self.place),
            poll_interval_s=context.settings.poll_interval,
            refresh_interval_s=context.settings.refresh_interval,
            on_urc=self._on_urc,
        )
        context.imeis.begin(self._modem, self.monitor.read_again)
        await self.monitor.run(reading)

    def _on_urc(self, line: str) -> None:
        if is_start_up_urc(line):
            self._restarted = asyncio.get_running_loop().time()
        self._context.drops.received(self.place, line)
        self._context.events.emit("port.urc", self.place, line=line)

    def _age_s(self) -> float | None:
        """Return how long the modem has been running, as far as that matters to its next reading.

        The first reading of a session awaits the start-up. A modem of unknown age whose SIM is
        known may have been restarted together with the agent: nothing is removed too early.
        """
        if self._restarted is not None:
            return asyncio.get_running_loop().time() - self._restarted
        if self.monitor is not None:
            return float("inf")
        age_s = modem_age_s(self.place.path)
        if age_s is None and self._context.consumer.baseline(self.place) is not None:
            return 0.0
        return age_s

    def _refuse_to_open(self) -> None:
        if not self._may_open:
            raise ModemManagerUnavailable(
                f"this modem can be read through {NAME} only, which does not have it now",
                hint="See: mmcli --list-modems",
            )
        port = self.place.path
        current = place_of(port).id
        if None not in (current, self.place.id) and current != self.place.id:
            # the kernel has given the name to another device since the last scan
            raise PortVanished(f"{port} belongs to another device now", port=port)
        refuse_recovery(port, describe(port))

    async def _identify(self, channel: AsyncChannel) -> Snapshot:
        settings = self._context.settings
        read_cell = read_serving_cell if settings.cell else None
        wanted = Extras(settings.eid_by_apdu, settings.network, read_cell)
        extras = _union(wanted, self._extras)
        self._extras = NO_EXTRAS
        plan = identify(
            self.place.path,
            port_id=self.place.id,
            extras=extras,
            early=self._submit_early,
            # a monitored modem is known to take AT commands
            listen_s=initial_listen_s(self.place.path) if self.monitor is None else 0.0,
            age=self._age_s,
            is_repeated=True,
        )
        now = asyncio.get_running_loop().time
        started = now()
        reading = await channel.run(plan)
        self._context.events.emit("port.read", self.place, elapsed_s=round(now() - started, 3))
        return self._context.imeis.note(self._modem, reading)

    def _submit(self, reading: Snapshot, default_reason: Reason | None) -> Reason | None:
        """Submit what the settings select, even if a client has requested more."""
        reading = self._context.imeis.note(self._modem, reading)
        if not self._context.settings.evidence:
            reading = reading._replace(evidence=())
        if not self._context.settings.network:
            reading = reading._replace(network=None)
        return self._context.consumer.submit(self.place, reading, default_reason=default_reason)

    def _submit_early(self, reading: Snapshot) -> None:
        """Report the modem's identity while its SIM is still starting."""
        if self._submit(reading, None):
            self._identified()

    def _begin(self, reading: Snapshot, **through: str) -> None:
        self._submit(reading, self._identified())
        message = f"read through {NAME}, which has it" if through else ""
        self._condition.enter(PortState.WATCHING, message=message)
        model = reading.modem.model
        self._context.log.info("watching", port=self.place.path, model=model, **through)

    # -- ModemManager

    async def _leave_to(self, arbiter: ModemManagerArbiter) -> None:
        """Wait until ModemManager has the modem, or has had enough time for it."""
        why = "which may probe it" if arbiter.running else "which may be restarting"
        self._condition.enter(PortState.STANDBY, message=f"left to {NAME}, {why}")
        while (left_s := self.grace_s()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await arbiter.changed.wait()

    async def _run_through(self, arbiter: ModemManagerArbiter) -> None:
        """Monitor a modem that ModemManager has, until ModemManager loses it."""
        monitor = ModemManagerMonitor(
            arbiter,
            place=lambda: self.place,
            submit=self._submit,
            refresh_interval_s=self._context.settings.refresh_interval,
        )
        reading = await monitor.read_now()
        self._condition.enter(PortState.IDENTIFYING)
        self._begin(reading, through=NAME)
        self.monitor = monitor
        try:
            await monitor.run(reading)
        finally:
            self.monitor = None


def initial_listen_s(port: str) -> float:
    """Return how long to listen at a port before the first byte is written to it.

    A port that is not known to take AT commands may be that of a GNSS receiver, which must not be
    written to and sends a sentence every second. Only modems are expected behind a pseudo terminal.

    :raises NotAModem: the device waits to be flashed; it must not be written to
    """
    candidate = None if is_remote(port) else describe(port, hints=udev.hints)
    refuse_recovery(port, candidate)
    takes_commands = candidate is not None and candidate.role in (Role.AT, Role.DATA)
    is_pseudo = candidate is None and real_path(port).startswith("/dev/pts/")
    return 0.0 if takes_commands or is_pseudo else LISTEN_S


def _union(one: Extras, other: Extras) -> Extras:
    return Extras(
        one.eid_by_apdu or other.eid_by_apdu,
        one.network or other.network,
        one.read_cell or other.read_cell,
    )
