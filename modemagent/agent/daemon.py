"""The daemon: outbox, courier, supervisor and control socket under one roof."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from modemagent import __version__
from modemagent.agent.address import socket_path
from modemagent.agent.control import ControlSocket, Request
from modemagent.agent.delivery import sink_options
from modemagent.agent.newsroom import Newsroom
from modemagent.agent.notify import notify, watchdog_interval_s
from modemagent.agent.progress import Progress
from modemagent.agent.supervisor import Supervisor
from modemagent.errors import RegistryRefused, RegistryUnreachable, SettingsError, UsageError
from modemagent.logs import Log
from modemagent.report.courier import Courier, UplinkState
from modemagent.report.outbox import Outbox
from modemagent.report.sinks.catalogue import open_sink
from modemagent.report.views import listing, uplink_json
from modemagent.settings import Settings

_COURIER_STOP_S = 0.5
_LOOK_EVERY_S = 30.0
_PORTS_STOP_S = 1.2
T = TypeVar("T")


def main(settings: Settings, log: Log) -> None:
    """Run until SIGTERM or SIGINT, then stop in order within two seconds."""
    sink = open_sink(sink_options(settings)) if settings.registry else None
    outbox = Outbox(settings.state_dir, gateway_id=settings.gateway_id, log=log)
    try:
        courier = Courier(outbox, sink, log=log) if sink else None
        asyncio.run(Daemon(settings, outbox, courier, log).run())
        if courier:
            courier.stop(_COURIER_STOP_S)
    finally:
        outbox.close()


class Daemon:
    """All parts of the running agent."""

    def __init__(
        self, settings: Settings, outbox: Outbox, courier: Courier | None, log: Log
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._courier = courier
        self._log = log
        self._news = Newsroom(outbox, courier, log)
        self._supervisor = Supervisor(settings, self._news, log)
        self._begun = time.monotonic()
        self._progress = Progress(
            ports=lambda: {
                port: watched.condition for port, watched in self._supervisor.ports.items()
            },
            uplink=lambda: courier.uplink if courier else None,
            waiting=lambda: outbox.depth()[0],
        )

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        control = ControlSocket(
            socket_path(self._settings.state_dir),
            {
                "status": self._status,
                "outbox.list": self._outbox_list,
                "outbox.flush": self._outbox_flush,
                "identify": self._identify,
            },
            self._log,
        )
        await control.open()
        if self._courier:
            self._courier.start()
        self._log.info(
            "started",
            version=__version__,
            gateway_id=self._outbox.gateway_id,
            stream_id=self._outbox.stream_id,
            registry=self._settings.registry,
        )
        watching = asyncio.create_task(self._supervisor.run())
        alive = asyncio.create_task(self._give_signs_of_life())
        stopping = asyncio.create_task(stop.wait())
        notify("READY=1")
        try:
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            notify("STOPPING=1")
            for task in (watching, alive, stopping):
                task.cancel()
            done, _ = await asyncio.wait({watching}, timeout=_PORTS_STOP_S)
            await control.close()
            self._log.info("stopped", in_order=bool(done))
        if done and not watching.cancelled():
            watching.result()

    async def _give_signs_of_life(self) -> None:
        """Tell systemd that the daemon gets on, and people what is in its way."""
        interval_s = watchdog_interval_s() or _LOOK_EVERY_S
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
                self._log.error("port_stuck", port=port, hint="The others go on without it.")
            obstacle, stuck = look.obstacle, look.stuck
            await asyncio.sleep(interval_s)

    # -- what can be asked for

    async def _status(self, _: Request) -> dict[str, object]:
        waiting, set_aside = self._outbox.depth()
        return {
            "version": __version__,
            "pid": os.getpid(),
            "running_s": round(time.monotonic() - self._begun, 1),
            "gateway_id": self._outbox.gateway_id,
            "stream_id": self._outbox.stream_id,
            "state_dir": str(self._settings.state_dir),
            "modems": self._supervisor.to_json(),
            "outbox": {
                "waiting": waiting,
                "set_aside": set_aside,
                "trouble": self._news.trouble or None,
            },
            "uplink": uplink_json(self._courier),
        }

    async def _outbox_list(self, request: Request) -> dict[str, object]:
        limit = request.get("limit", 1000)
        if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= 1_000_000:
            raise UsageError("limit must be between 1 and 1000000")
        return listing(self._outbox, limit)

    async def _outbox_flush(self, request: Request) -> dict[str, object]:
        timeout_s = request.get("timeout_s", 30.0)
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
            raise UsageError("timeout_s must be a number")
        courier = self._courier
        if courier is None:
            raise SettingsError("the agent has no registry", hint="Start it with --registry URL.")
        before, _ = self._outbox.depth()
        uplink = await _in_daemon_thread(lambda: courier.flush(float(timeout_s)))
        waiting, set_aside = self._outbox.depth()
        if uplink.state is UplinkState.REFUSED:
            raise RegistryRefused(uplink.reason, status=0, hint=uplink.hint)
        if uplink.reason or waiting:
            reason = uplink.reason or f"{waiting} reports still wait after {timeout_s:g} s"
            raise RegistryUnreachable(reason, hint=uplink.hint)
        return {"flushed": before, "waiting": waiting, "set_aside": set_aside}

    async def _identify(self, request: Request) -> dict[str, object]:
        reading = await self._supervisor.read_now(str(request.get("port")))
        return {"snapshot": reading.to_json(evidence=True)}


async def _in_daemon_thread(work: Callable[[], T]) -> T:
    """Run something that may hang, in a thread that does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)  # type: ignore[arg-type]  # what the work returned

    def run() -> None:
        value, error = None, None
        try:
            value = work()
        except Exception as failed:  # noqa: BLE001 - handed to whoever awaits
            error = failed
        with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, daemon=True).start()
    return await result
