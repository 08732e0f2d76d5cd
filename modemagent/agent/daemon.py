"""The daemon: outbox, courier, supervisor, control socket and metrics in one process."""

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
from modemagent.agent.crash_log import install_crash_logging, log_loop_errors
from modemagent.agent.health import HealthCheck, PortHealth
from modemagent.agent.reload import SettingsChange, change_from, load_metrics, sink_options
from modemagent.agent.reporting import Reporter
from modemagent.agent.systemd import notify, watchdog_interval_s
from modemagent.agent.wire_log import wire_log
from modemagent.channel.threads import run_in_thread
from modemagent.control.protocol import socket_path
from modemagent.errors import ModemAgentError, OutboxError
from modemagent.logs import Log
from modemagent.report.delivery.courier import Courier
from modemagent.report.delivery.sinks import open_sink
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.status import outbox_json, uplink_json
from modemagent.settings import Settings
from modemagent.watching.events import EventBus
from modemagent.watching.supervisor import Supervisor

if TYPE_CHECKING:
    from modemagent.agent.metrics_exporter import MetricsExporter

_STUCK_HINT = "This port is being reopened; other ports are not affected."
_COURIER_STOP_S = 0.5
_PORTS_STOP_S = 1.2
#: Interval of health checks without a systemd watchdog; the first check is early, so that
#: ``systemctl status`` is up to date while modems start.
_CHECK_INTERVAL_S, _FIRST_CHECK_S = 30.0, 1.0


def main(
    settings: Settings, log: Log, load_settings: Callable[[], Settings], *, log_wire: bool = False
) -> None:
    """Run until SIGTERM or SIGINT, then shut down within two seconds.

    :param load_settings: loads the settings again, for SIGHUP
    :param log_wire: log every line that crosses a port
    :raises ModemAgentError: the daemon cannot start
    :raises SystemExit: an internal error ended it; the traceback is in the masked log
    """
    install_crash_logging(log)
    try:
        _run(settings, log, load_settings, log_wire=log_wire)
    except (ModemAgentError, ModuleNotFoundError):  # both come with a remedy
        raise
    except Exception:  # the caller would print the traceback without masking
        log.error("uncaught_exception", where="the daemon", exc_info=True)
        raise SystemExit(1) from None


def _run(
    settings: Settings, log: Log, load_settings: Callable[[], Settings], *, log_wire: bool
) -> None:
    sink = open_sink(sink_options(settings)) if settings.registry else None
    load_metrics(settings)
    outbox = Outbox(
        settings.state_dir,
        gateway_id=settings.gateway_id,
        limit_bytes=settings.outbox_limit * 1024 * 1024,
        log=log,
    )
    try:
        courier = Courier(outbox, sink, log=log, spread_s=settings.boot_spread) if sink else None
        daemon = Daemon(settings, outbox, courier, log, load_settings, log_wire=log_wire)
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
        load_settings: Callable[[], Settings],
        *,
        log_wire: bool,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self.courier = courier
        self._log = log
        self._load_settings = load_settings
        self._settings_error = ""
        self._exporter: MetricsExporter | None = None
        self._events = EventBus()
        self._reporter = Reporter(outbox, log, self._events)
        trace = wire_log(log) if log_wire else None
        self._supervisor = Supervisor(settings, self._reporter, log, self._events, trace)
        self._started = time.monotonic()
        self._health = HealthCheck(
            ports=lambda: {
                port: PortHealth(task.condition.state, task.due)
                for port, task in self._supervisor.modems.items()
            },
            uplink=lambda: self.courier.uplink if self.courier else None,
            waiting=outbox.sendable,
        )

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        log_loop_errors(loop, self._log)
        stop, reload_requested = asyncio.Event(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, reload_requested.set)
        control = await self._open_control()
        if self.courier:
            self._start_courier(self.courier)
        self._log.info(
            "started",
            version=__version__,
            gateway_id=self._outbox.identity.gateway_id,
            stream_id=self._outbox.identity.stream_id,
            registry=self._settings.registry,
        )
        await self._export_metrics()
        watching = asyncio.create_task(self._supervisor.run())
        stopping = asyncio.create_task(stop.wait())
        others = [
            stopping,
            asyncio.create_task(self._check_health()),
            asyncio.create_task(self._reload_on(reload_requested)),
        ]
        notify("READY=1")
        try:
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            notify("STOPPING=1")
            for task in (watching, *others):
                task.cancel()
            done, _ = await asyncio.wait({watching}, timeout=_PORTS_STOP_S)
            await control.close()
            if self._exporter is not None:
                await self._exporter.close()
            self._log.info("stopped", clean=bool(done))
        if done and not watching.cancelled():
            watching.result()

    async def _open_control(self) -> ControlSocket:
        handlers = Handlers(
            status=self._status,
            supervisor=self._supervisor,
            outbox=self._outbox,
            courier=lambda: self.courier,
            events=self._events,
        )
        control = ControlSocket(socket_path(self._settings.state_dir), handlers.table, self._log)
        try:
            await control.open()
        except OutboxError as error:
            # reports can still be sent if the disk is full; any other error needs an operator
            if not self._outbox.error:
                raise
            self._log.error("control_socket_unavailable", reason=error.message)
        return control

    async def _check_health(self) -> None:
        """Feed the systemd watchdog while checks pass; log failures, and restart stuck ports."""
        interval_s = watchdog_interval_s() or _CHECK_INTERVAL_S
        pause_s = _FIRST_CHECK_S
        error, stuck = "", tuple[str, ...]()
        while True:
            report = self._health.check()
            if report.error:
                notify(f"STATUS=no progress: {report.error}; {report.summary}")
            else:
                notify(f"WATCHDOG=1\nSTATUS={report.summary}")
            if report.error != error:
                write = self._log.error if report.error else self._log.info
                write("no_progress" if report.error else "progress_resumed", reason=report.error)
            for port in set(report.stuck) - set(stuck):
                self._log.error("port_stuck", port=port, hint=_STUCK_HINT)
                self._supervisor.modems[port].restart()
            error, stuck = report.error, report.stuck
            await asyncio.sleep(min(pause_s, interval_s))
            pause_s = min(2 * pause_s, interval_s)

    def _start_courier(self, courier: Courier) -> None:
        loop = asyncio.get_running_loop()

        def delivered(count: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(
                    functools.partial(self._events.emit, "report.delivered", count=count)
                )

        courier.on_delivery = delivered
        courier.start()

    # -- reload

    async def _reload_on(self, reload_requested: asyncio.Event) -> None:
        while True:
            await reload_requested.wait()
            reload_requested.clear()
            notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                await self._apply(change_from(self._settings, self._load_settings, self._log))
                self._settings_error = ""
            except ModemAgentError as error:
                self._settings_error = error.message
            except Exception:  # noqa: BLE001 - an error in reloading must not stop the daemon
                self._settings_error = "internal error, see the log"
                self._log.error("reload_error", exc_info=True)
            notify("READY=1")

    async def _apply(self, change: SettingsChange) -> None:
        self._log.info("settings_reloaded", changed=sorted(change.keys))
        self._settings = change.settings
        if change.affects_uplink:
            self._change_uplink(change)
        if change.affects_metrics:
            await self._export_metrics()
        await self._supervisor.apply_settings(change.settings)

    def _change_uplink(self, change: SettingsChange) -> None:
        if change.sink is None:
            if self.courier:
                run_in_thread(functools.partial(self.courier.stop, _COURIER_STOP_S))
            self.courier = None
        elif self.courier is None:
            self.courier = Courier(self._outbox, change.sink, log=self._log, spread_s=0.0)
            self._start_courier(self.courier)
        else:
            self.courier.redirect(change.sink)

    async def _export_metrics(self) -> None:
        """Replace the exporter of the previous settings with that of the current ones."""
        listen, file = self._settings.metrics_listen, self._settings.metrics_file
        if self._exporter is not None:
            await self._exporter.close(replaced_by=file)
            self._exporter = None
        if exporter := load_metrics(self._settings):
            self._exporter = exporter(self._events, self._status, self._outbox, self._log)
            await self._exporter.open(listen, file)

    def _status(self) -> dict[str, object]:
        token_file = self._settings.token_file
        return {
            "version": __version__,
            "pid": os.getpid(),
            "running_s": round(time.monotonic() - self._started, 1),
            "gateway_id": self._outbox.identity.gateway_id,
            "stream_id": self._outbox.identity.stream_id,
            "state_dir": str(self._settings.state_dir),
            "modems": self._supervisor.to_json(),
            "drops": [drops.to_json() for drops in self._supervisor.drops()],
            "outbox": outbox_json(self._outbox),
            "uplink": uplink_json(self.courier),
            "settings": {
                "error": self._settings_error or None,
                "token_file": str(token_file.absolute()) if token_file else None,
            },
        }
