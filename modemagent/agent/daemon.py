"""The daemon: outbox, courier, supervisor and control socket under one roof."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from modemagent import __version__
from modemagent.agent.control.handlers import Handlers
from modemagent.agent.control.server import ControlSocket
from modemagent.agent.crash_log import install_crash_logging, keep_faults_of
from modemagent.agent.delivery import sink_options
from modemagent.agent.health import HealthCheck, PortHealth
from modemagent.agent.reporting import Reporter
from modemagent.agent.systemd import notify, watchdog_interval_s
from modemagent.channel.aside import run_in_thread
from modemagent.control.address import socket_path
from modemagent.errors import ModemAgentError, OutboxError
from modemagent.logs import Log
from modemagent.report.delivery.courier import Courier
from modemagent.report.delivery.sinks.catalogue import open_sink
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.status import outbox_json, uplink_json
from modemagent.settings import Settings
from modemagent.watching.events import EventBus
from modemagent.watching.supervisor import Supervisor

if TYPE_CHECKING:
    from modemagent.agent.exposure import MetricsExporter
    from modemagent.agent.reload import SettingsChange

_COURIER_STOP_S = 0.5
_LOOK_EVERY_S = 30.0
_PORTS_STOP_S = 1.2


def main(
    settings: Settings, log: Log, again: Callable[[], Settings], *, log_wire: bool = False
) -> None:
    """Run until SIGTERM or SIGINT, then stop in order within two seconds.

    :param again: reads the settings anew, for SIGHUP
    :param log_wire: log every line that crosses a port
    :raises ModemAgentError: it can not begin
    :raises SystemExit: a fault of ours ended it; the log, which masks, has the traceback
    """
    install_crash_logging(log)
    try:
        _run(settings, log, again, log_wire=log_wire)
    except (ModemAgentError, ModuleNotFoundError):  # both are told with a remedy
        raise
    except Exception:  # nobody above would mask what its text may hold
        log.error("uncaught_exception", where="the daemon", exc_info=True)
        raise SystemExit(1) from None


def _run(settings: Settings, log: Log, again: Callable[[], Settings], *, log_wire: bool) -> None:
    sink = open_sink(sink_options(settings)) if settings.registry else None
    outbox = Outbox(
        settings.state_dir,
        gateway_id=settings.gateway_id,
        limit_bytes=settings.outbox_limit * 1024 * 1024,
        log=log,
    )
    try:
        courier = Courier(outbox, sink, log=log, spread_s=settings.boot_spread) if sink else None
        daemon = Daemon(settings, outbox, courier, log, again, log_wire=log_wire)
        asyncio.run(daemon.run())
        if daemon.courier:
            daemon.courier.stop(_COURIER_STOP_S)
    finally:
        outbox.close()


class Daemon:
    """All parts of the running agent."""

    def __init__(
        self,
        settings: Settings,
        outbox: Outbox,
        courier: Courier | None,
        log: Log,
        again: Callable[[], Settings],
        *,
        log_wire: bool,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self.courier = courier
        self._log = log
        self._again = again
        self._settings_trouble = ""
        self._exposure: MetricsExporter | None = None
        self._events = EventBus()
        self._news = Reporter(outbox, courier, log, self._events)
        trace = None
        if log_wire:
            from modemagent.agent.wire_log import WireLog

            trace = WireLog(log)
        self._supervisor = Supervisor(settings, self._news, log, self._events, trace)
        self._begun = time.monotonic()
        self._progress = HealthCheck(
            ports=lambda: {
                port: PortHealth(watched.condition.state, watched.due)
                for port, watched in self._supervisor.ports.items()
            },
            uplink=lambda: self.courier.uplink if self.courier else None,
            waiting=outbox.sendable,
        )

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        keep_faults_of(loop, self._log)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        hung_up = asyncio.Event()
        loop.add_signal_handler(signal.SIGHUP, hung_up.set)
        requests = Handlers(
            status=self._status,
            supervisor=self._supervisor,
            outbox=self._outbox,
            courier=lambda: self.courier,
            events=self._events,
        )
        control = ControlSocket(
            socket_path(self._settings.state_dir),
            requests.doers,
            self._log,
            visits=requests.visits,
        )
        try:
            await control.open()
        except OutboxError as error:
            # on a disk that takes no file, reports still go; with any other, somebody must act
            if not self._outbox.trouble:
                raise
            self._log.error("control_socket_unavailable", reason=error.message)
        if self.courier:
            self._set_off(self.courier)
        self._log.info(
            "started",
            version=__version__,
            gateway_id=self._outbox.gateway_id,
            stream_id=self._outbox.stream_id,
            registry=self._settings.registry,
        )
        await self._show_metrics()
        watching = asyncio.create_task(self._supervisor.run())
        alive = asyncio.create_task(self._give_signs_of_life())
        reloading = asyncio.create_task(self._reload_at(hung_up))
        stopping = asyncio.create_task(stop.wait())
        notify("READY=1")
        try:
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            notify("STOPPING=1")
            for task in (watching, alive, reloading, stopping):
                task.cancel()
            done, _ = await asyncio.wait({watching}, timeout=_PORTS_STOP_S)
            await control.close()
            if self._exposure is not None:
                await self._exposure.close()
            self._log.info("stopped", in_order=bool(done))
        if done and not watching.cancelled():
            watching.result()

    async def _give_signs_of_life(self) -> None:
        """Tell systemd that the daemon gets on, and people what is in its way."""
        interval_s = watchdog_interval_s() or _LOOK_EVERY_S
        pause_s = 1.0  # while modems come up, people see it soon
        obstacle, stuck = "", tuple[str, ...]()
        while True:
            look = self._progress.look()
            if look.obstacle:
                notify(f"STATUS=no progress: {look.obstacle}; {look.summary}")
            else:
                notify(f"WATCHDOG=1\nSTATUS={look.summary}")
            if look.obstacle != obstacle:
                say = self._log.error if look.obstacle else self._log.info
                say("no_progress" if look.obstacle else "progress", reason=look.obstacle)
            for port in set(look.stuck) - set(stuck):
                self._log.error("port_stuck", port=port, hint="It is begun anew, the others go on.")
                self._supervisor.ports[port].begin_anew()
            obstacle, stuck = look.obstacle, look.stuck
            await asyncio.sleep(min(pause_s, interval_s))
            pause_s = min(2 * pause_s, interval_s)

    def _set_off(self, courier: Courier) -> None:
        loop = asyncio.get_running_loop()

        def delivered(count: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(
                    functools.partial(self._events.emit, "report.delivered", count=count)
                )

        courier.on_delivery = delivered
        courier.start()

    # -- new settings

    async def _reload_at(self, hung_up: asyncio.Event) -> None:
        while True:
            await hung_up.wait()
            hung_up.clear()
            notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                from modemagent.agent.reload import change_from  # few ever need it

                change = change_from(self._settings, self._again, self._log)
                await self._take_over(change)
                self._settings_trouble = ""
            except ModemAgentError as error:
                self._settings_trouble = error.message
            except Exception:  # noqa: BLE001 - a fault of ours must not end what runs well
                self._settings_trouble = "a fault of modemagent, see the log"
                self._log.error("reload_error", exc_info=True)
            notify("READY=1")

    async def _take_over(self, change: SettingsChange) -> None:
        self._log.info("settings_reloaded", changed=sorted(change.keys))
        self._settings = change.settings
        if change.concerns_uplink:
            await self._redirect(change)
        if change.concerns_metrics:
            await self._show_metrics()
        await self._supervisor.follow(change.settings)

    async def _show_metrics(self) -> None:
        """Show metrics where the settings say, and no longer where they said before."""
        listen, file = self._settings.metrics_listen, self._settings.metrics_file
        if self._exposure is not None:
            await self._exposure.close(goes_on_with=file)
            self._exposure = None
        if not (listen or file):
            return
        from modemagent.agent.exposure import MetricsExporter
        from modemagent.agent.metrics import Metrics

        metrics = Metrics(self._events, status=self._status, outbox=self._outbox)
        self._exposure = MetricsExporter(metrics, self._log)
        await self._exposure.open(listen, file)

    async def _redirect(self, change: SettingsChange) -> None:
        if change.sink is None:
            if self.courier:
                run_in_thread(functools.partial(self.courier.stop, _COURIER_STOP_S))
            self.courier = self._news.courier = None
        elif self.courier is None:
            courier = Courier(self._outbox, change.sink, log=self._log, spread_s=0.0)
            self.courier = self._news.courier = courier
            self._set_off(courier)
        else:
            self.courier.redirect(change.sink)

    def _status(self) -> dict[str, object]:
        return {
            "version": __version__,
            "pid": os.getpid(),
            "running_s": round(time.monotonic() - self._begun, 1),
            "gateway_id": self._outbox.gateway_id,
            "stream_id": self._outbox.stream_id,
            "state_dir": str(self._settings.state_dir),
            "modems": self._supervisor.to_json(),
            "outbox": outbox_json(self._outbox),
            "uplink": uplink_json(self.courier),
            "settings": {"error": self._settings_trouble or None},
        }
