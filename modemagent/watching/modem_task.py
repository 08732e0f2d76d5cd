"""The task of one modem: choose a port, run sessions at it, and handle failures and removal.

Every failure leads to a state with a reason, and to a retry after a growing delay. A failure of one
modem does not affect the others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from modemagent.channel.channel import AsyncChannel
from modemagent.channel.port_lock import Holder, busy, find_holder
from modemagent.channel.threads import run_in_thread
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
from modemagent.report.message import PortPlace, Reason
from modemagent.watching.modem_session import Session, WatchContext
from modemagent.watching.modemmanager_monitor import ModemManagerMonitor
from modemagent.watching.monitor import Monitor
from modemagent.watching.places import baseline_key, is_there, place_of
from modemagent.watching.port_choice import PortChoice
from modemagent.watching.port_state import PortCondition, PortState
from modemagent.watching.removal import Absence, is_remote_lost

#: After a failure for one of these reasons, another port of the modem may still work.
_TRY_NEXT_PORT = ("no_answer", "not_a_modem", "busy", "permission")
#: States in which a scan may show where the modem is. The way of a modem from OPENING to WATCHING
#: needs none: with 16 modems that are plugged in together, scans took a third of the time.
_LOST = (PortState.ABSENT, PortState.BROKEN)
_NOT_THERE = "the port does not exist"


class ModemTask:
    """Supervision of one modem through one of its ports.

    :param key: socket or device id of a cellular modem, path of any other port
    :param place: the port to begin with
    :param may_open: False if the modem can be read through ModemManager only
    :param changed: called when the port was lost, and when a removal was reported: a scan may show
        another one
    :ivar place: the current port
    """

    def __init__(
        self,
        key: str,
        place: PortPlace,
        *,
        context: WatchContext,
        may_open: bool = True,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.key = key
        self.place = place
        self.condition = PortCondition(changed=self._on_change)
        self._context = context
        self._may_open = may_open
        self._changed = changed
        self._ports = PortChoice()
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._absence = Absence()
        self._appeared = 0.0
        #: path at which the modem was last read since the agent started
        self._read_at: str | None = None
        self._session: Session | None = None
        self._running: asyncio.Task[None] | None = None
        #: called when the session has ended that is being cancelled; may return an error
        self._interruption: Callable[[], ModemAgentError | None] | None = None

    @property
    def port(self) -> str:
        return self.place.path

    @property
    def due(self) -> float | None:
        """When the next step is due, on the loop's clock; None without a limit."""
        if self.condition.state in (PortState.OPENING, PortState.IDENTIFYING):
            return self.condition.since
        monitor = self._session.monitor if self._session else None
        return monitor.due if isinstance(monitor, Monitor) else None

    # -- called by the supervisor

    def serves(self, path: str) -> bool:
        """Return True if a path belongs to this modem."""
        return path == self.port or self._ports.at(path) is not None

    def on_found(self, places: tuple[PortPlace, ...]) -> None:
        """Adopt the ports found by a scan, best first."""
        was_absent = not self._ports.places
        if self._ports.update(places):
            self._wake.set()
        same = self._ports.at(self.port)
        arbiter = self._context.modemmanager
        if arbiter is not None and (same is None or was_absent):
            self._appeared = arbiter.appeared(places[0])
        self._absence.end()
        if same is not None and same.id is not None:
            self.place = same
            if self._session is not None:
                self._session.place = same
        session = self._session
        if session is not None:
            if same is None and place_of(self.port).id != self.place.id:
                self._interrupt(self._enter_absent)
            elif session.channel is not None and session.grace_s() > 0:
                self._interrupt(self._released)

    def on_missing(self, *, has_other_ports: bool) -> None:
        """Note that a scan found no usable port of the modem.

        :param has_other_ports: other ports of the device exist
        """
        self._absence.begin()
        self._ports.places = ()
        self._wake.set()
        if self._session is not None:
            self._interrupt(self._enter_absent)
        elif self.condition.state is PortState.ABSENT:
            if not self.condition.message:  # missing since the start
                self._context.log.info("port_missing", port=self.port)
                self.condition.enter(PortState.ABSENT, message=_NOT_THERE)
            self._absence.decide(
                self.place,
                has_other_ports=has_other_ports,
                was_read=self._read_at is not None,
                may_report=self._context.drops.may_report(self.place),
            )

    @property
    def awaits_return(self) -> bool:
        """True while an absent modem may return without having been removed."""
        return not self._ports.places and self._context.consumer.baseline(self.place) is not None

    def retime(self) -> None:
        """Apply new intervals; the port stays open, and nothing is sent."""
        settings = self._context.settings
        if self._session is not None and self._session.monitor is not None:
            self._session.monitor.retime(settings.poll_interval, settings.refresh_interval)

    def restart(self) -> None:
        """End a session that makes no progress; it is repeated as after any failure."""
        self._interrupt(self._stuck)

    def _interrupt(self, then: Callable[[], ModemAgentError | None]) -> None:
        if self._running is not None and self._interruption is None:
            self._interruption = then
            self._running.cancel()

    def _enter_absent(self) -> None:
        self._ports.forget_failures()
        if not isinstance(self.condition.error, PortVanished):  # counted then
            self._context.drops.lost(self.place)
        self._context.log.info("port_removed", port=self.port)
        self.condition.enter(PortState.ABSENT, message=_NOT_THERE)

    def _released(self) -> None:
        self._context.log.info("port_released", port=self.port, to=NAME)

    def _stuck(self) -> ModemAgentError:
        text = f"{self.port} has made no progress for minutes"
        return DeadlinePassed(text, port=self.port, hint="See the log.")

    # -- requests of clients

    async def read_now(self, extras: Extras) -> Snapshot:
        """Return a fresh reading.

        :param extras: what to read besides what the settings select
        :raises PortError: the modem is not being monitored; the message says why
        """
        await self._settled(PortState.OPENING, PortState.IDENTIFYING)
        if self._session is None or self._session.monitor is None:
            raise self._not_watched()
        self._session.request(extras)
        return await self._session.monitor.read_now()

    def retry_now(self) -> None:
        """Make the next attempt at once if the last one has failed."""
        if self.condition.state is PortState.BROKEN:
            self._wake.set()

    def reconnect(self) -> None:
        """Begin another session at once: another modem is at the port."""
        self._interrupt(lambda: None)
        self._wake.set()

    async def channel(self) -> AsyncChannel:
        """Return the open channel of the port.

        :raises PortError: the port is not open; the message says why
        """
        await self._settled(PortState.OPENING)
        session = self._session
        if session is not None and session.channel is not None:
            return session.channel
        if session is not None and isinstance(session.monitor, ModemManagerMonitor):
            # reading the descriptors of every process takes time
            holder = await run_in_thread(lambda: find_holder(self.port))
            raise busy(self.port, holder or Holder(None, NAME))
        raise self._not_watched()

    async def _settled(self, *transient: PortState) -> None:
        while self.condition.state in transient:
            await self._moved.wait()

    def _not_watched(self) -> PortError:
        reason = self.condition.message or f"its state is {self.condition.state}"
        return PortError(
            f"{self.port} cannot be read right now: {reason}",
            port=self.port,
            hint=self.condition.hint,
        )

    def _on_change(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
        shown = self.condition.to_json()
        del shown["since_s"]
        self._context.events.emit("port.state", self.place, **shown)
        if self.condition.state in _LOST:
            self._changed()

    # -- the task

    async def run(self) -> None:
        """Watch the modem until cancelled."""
        try:
            while True:
                try:
                    if self._ports.places:
                        await self._run_session()
                    else:
                        await self._wait_for_return()
                except Exception as error:  # noqa: BLE001 - an internal error must not end the task
                    await self._survive_error(error)
        finally:
            self.condition.enter(PortState.STOPPED)

    async def _wait_for_return(self) -> None:
        if self.condition.state is not PortState.ABSENT:
            self._enter_absent()
        if self._absence.is_removal:
            self._absence.is_removal = False
            if self._report_removal():
                self._changed()
        self._wake.clear()
        await self._wake.wait()

    def _report_removal(self) -> bool:
        is_reported = self._context.consumer.removed(self.place)
        if is_reported:
            self._context.drops.reported(self.place)
        return is_reported

    async def _run_session(self) -> None:
        self._choose_port()
        self._wake.clear()
        session = self._session = Session(
            self.place,
            context=self._context,
            condition=self.condition,
            appeared=self._appeared,
            may_open=self._may_open,
            identified=self._identified,
        )
        self._running = asyncio.create_task(session.run(), name=f"session {self.port}")
        error: ModemAgentError | None = None
        try:
            await self._running
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this is None or this.cancelling():
                raise  # the task itself is being cancelled, not its session
            error = (self._interruption or self._stuck)()
        except ModemAgentError as failure:
            error = failure
        finally:
            self._session = self._running = self._interruption = None
        if isinstance(error, PortVanished | PortNotFound) and not is_there(self.port):
            # the device file disappears a moment after the connection breaks
            self._ports.places = ()
        elif error is not None:
            await self._handle_failure(error)

    def _choose_port(self) -> None:
        chosen = self._ports.best(self.port)
        if baseline_key(chosen) != baseline_key(self.place):
            # the registry follows the ports of such a device separately
            self._context.consumer.removed(self.place)
        if chosen.path != self.port or chosen.id is not None:
            self.place = chosen

    async def _handle_failure(self, error: ModemAgentError) -> None:
        if self.condition.mark_broken(error):
            self._context.log.warning(
                "port_broken",
                port=self.port,
                reason=self.condition.reason,
                message=error.message,
                hint=error.hint,
            )
        drops = self._context.drops
        if isinstance(error, PortVanished):
            drops.lost(self.place)
        is_lost = is_remote_lost(self.port, error, self.condition.failures)
        if is_lost and drops.may_report(self.place):
            self._report_removal()
        if self.condition.reason in _TRY_NEXT_PORT and self._ports.fail(self.port):
            return
        await self._rest(self.condition.retry_s())

    async def _rest(self, pause_s: float) -> None:
        """Wait before the next attempt, at most until the ports of the modem change."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._wake.wait()

    async def _survive_error(self, error: Exception) -> None:
        """Report an internal error and wait before the next attempt."""
        self._context.log.error("port_error", port=self.port, exc_info=True)
        text = f"internal error: {type(error).__name__}: {error}"
        self.condition.mark_broken(ModemAgentError(text, hint="See the log."))
        await asyncio.sleep(self.condition.retry_s())

    def _identified(self) -> Reason | None:
        """Return why a session's first reading is reported even if nothing changed, else None."""
        self._ports.forget_failures()
        is_known, self._read_at = self._read_at == self.port, self.port
        return None if is_known else Reason.REFRESH
