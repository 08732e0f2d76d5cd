"""The registry's server process: listening, signals, certificates, clean shutdown."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

from modemagent.errors import SettingsError
from modemagent.registry.acceptor import Acceptor
from modemagent.registry.api import metrics
from modemagent.registry.api.addresses import Network
from modemagent.registry.api.app import HOLD_BACK_S, create_app
from modemagent.registry.api.connection import RegistryConnection
from modemagent.registry.api.connection_groups import Connections
from modemagent.registry.api.health import metrics_app
from modemagent.registry.equipment.verdict import Status
from modemagent.registry.first_link import first_link
from modemagent.registry.listeners import (
    Address,
    SideListeners,
    connection_of_eir,
    listening_line,
    open_listener,
)
from modemagent.registry.log_output import log_in_background
from modemagent.registry.outbound.mail import MailOptions
from modemagent.registry.process_limits import allow_many_files, return_large_buffers
from modemagent.registry.store.database.engine import Database, is_sqlite_url
from modemagent.registry.tls import ServerCertificate
from modemagent.registry.workers import run_workers

_STOP_WITHIN_S = 10
_TLS_HANDSHAKE_WITHIN_S = 10.0
_BACKLOG = 2048
#: Time that a thread may keep the interpreter while another one waits for it. The writer takes it
#: many times in a batch, and would wait the usual 5 ms each time while the event loop is busy.
_SWITCH_S = 0.0005
#: New objects after which the garbage collector runs: a batch has thousands, and hardly a cycle.
_GC_OBJECTS = 10_000
_HEADERS = [("x-content-type-options", "nosniff")]
_HSTS = ("strict-transport-security", "max-age=31536000")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What a registry listens on.

    :param metrics_listen: address of the listener for metrics, which needs no token
    :param trusted_proxies: networks of reverse proxies that set ``X-Forwarded-For``
    :param certificate: PEM file for TLS, with its key; None: no TLS
    :param workers: number of processes; more than one needs PostgreSQL
    :param hold_back_s: how long events wait for missing reports
    :param secret: key of ids and references, if the database is created
    :param keep_bodies_days: how long bodies of reports are kept; None: without limit
    :param public_url: origin of the pages for browsers, if it is not that of the listener
    :param webhook_networks: networks that are not public, which webhooks may be in
    :param mail: where digests of new errors are sent; None: nowhere
    :param eir_listen: address of the listener for equipment status, which needs no token
    :param eir_default: status of equipment that is on no list; None: unknown
    """

    listen: Address
    metrics_listen: Address | None = None
    trusted_proxies: Sequence[Network] = ()
    certificate: Path | None = None
    key: Path | None = None
    workers: int = 1
    hold_back_s: float = HOLD_BACK_S
    secret: bytes | None = None
    keep_bodies_days: int | None = None
    public_url: str | None = None
    webhook_networks: Sequence[Network] = ()
    mail: MailOptions | None = None
    eir_listen: Address | None = None
    eir_default: Status | None = None


def serve(database_url: str, options: ServerOptions) -> None:
    """Serve until SIGTERM or SIGINT; port 0 selects a free port. SIGHUP loads the certificate.

    Prints ``listening on http://HOST:PORT`` to stderr once connections are accepted.

    :raises RegistryStoreError: the database cannot be used
    :raises SettingsError: listening on an address failed, the certificate cannot be used, or the
        database takes only one process
    :raises KeyboardInterrupt: stopped by SIGINT
    """
    certificate = None
    if options.certificate is not None and options.key is not None:
        certificate = ServerCertificate(options.certificate, options.key)
    if options.workers > 1 and is_sqlite_url(database_url):
        raise SettingsError(
            f"--workers {options.workers} needs a PostgreSQL database: SQLite has one writer",
            hint="Give --database postgresql://HOST/NAME, or omit --workers.",
        )
    if options.workers == 1:
        app = _application(database_url, options)
    listener = open_listener(*options.listen)
    others = SideListeners(
        open_listener(*options.metrics_listen) if options.metrics_listen else None,
        open_listener(*options.eir_listen) if options.eir_listen else None,
    )
    allow_many_files()
    return_large_buffers()
    sys.setswitchinterval(_SWITCH_S)
    scheme = "https" if certificate else "http"
    if options.workers == 1:
        first = first_link(app.state.database, listener, scheme, options.public_url)
        interrupted = _run(app, listener, others, certificate, lambda line: _announce(first + line))
    else:
        database = Database(database_url, secret=options.secret)  # created once, for all workers
        first = first_link(database, listener, scheme, options.public_url)
        database.close()
        with tempfile.TemporaryDirectory(prefix="modemagent-metrics-", dir=_memory()) as found:
            folder = Path(found)

            def work(worker: int, ready: Callable[[], None]) -> None:
                metrics.share(folder, worker)
                app = _application(database_url, options)
                _run(app, listener, others, certificate, lambda _: ready())

            interrupted = run_workers(
                options.workers,
                work,
                first + listening_line(scheme, listener, others),
                died=lambda worker: metrics.forget_gauges(folder, worker),
            )
    if interrupted:
        raise KeyboardInterrupt


def _memory() -> str | None:
    """Return a folder in memory: on a full disk, writing to a mapped file ends the process."""
    return next(filter(lambda path: os.access(path, os.W_OK), ["/dev/shm"]), None)  # noqa: S108


def _application(database_url: str, options: ServerOptions) -> Starlette:
    return create_app(
        database_url,
        options.trusted_proxies,
        hold_back_s=options.hold_back_s,
        secret=options.secret,
        keep_bodies_days=options.keep_bodies_days,
        public_url=options.public_url,
        webhook_networks=options.webhook_networks,
        mail=options.mail,
        eir_default=options.eir_default,
    )


def _announce(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _run(
    app: Starlette,
    listener: socket.socket,
    others: SideListeners,
    certificate: ServerCertificate | None,
    announce: Callable[[str], None],
) -> bool:
    """Serve until a signal; return True if it was SIGINT."""
    config = uvicorn.Config(
        app.state.gate,
        http=RegistryConnection,
        loop="uvloop",
        log_config=None,
        access_log=False,  # a path may contain an identifier
        lifespan="on",
        ws="none",
        proxy_headers=False,
        server_header=False,
        headers=[*_HEADERS, _HSTS] if certificate else _HEADERS,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
    )
    server = _Server(config, app, certificate, others, announce)
    with log_in_background():
        server.run(sockets=[listener])
    return server.interrupted


class _Server(uvicorn.Server):
    """Server with limited connections, TLS, a listener for metrics, and a clean shutdown."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: Starlette,
        certificate: ServerCertificate | None,
        others: SideListeners,
        announce: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self.interrupted = False
        self._app = app
        self._certificate = certificate
        self._others = others
        self._connections = Connections(app.state.metrics, app.state.addresses)
        self._acceptor: Acceptor | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._reload_certificate)
        listener = (sockets or [])[0]
        tls: dict[str, Any] = {}
        if self._certificate is not None:
            tls = {
                "ssl": self._certificate.context,
                "ssl_handshake_timeout": _TLS_HANDSHAKE_WITHIN_S,
                "ssl_shutdown_timeout": 1.0,
            }
        protocol = self._protocol(self.config)
        self.servers = []
        listener.listen(_BACKLOG)
        self._acceptor = Acceptor(listener, protocol, tls)
        self._acceptor.start()
        await self._serve_beside(metrics_app(self._app.state), self._others.metrics, {})
        kind = connection_of_eir()
        await self._serve_beside(self._app.state.eir, self._others.eir, tls, kind)
        gc.freeze()  # else each full collection searches the modules again, for 50 ms
        gc.set_threshold(_GC_OBJECTS)
        self.started = True
        scheme = "https" if self._certificate else "http"
        self._announce(listening_line(scheme, listener, self._others))

    async def _serve_beside(
        self,
        app: ASGIApp,
        listener: socket.socket | None,
        tls: dict[str, Any],
        kind: type[RegistryConnection] = RegistryConnection,
    ) -> None:
        """Serve another application on a listener of its own."""
        if listener is None:
            return
        config = uvicorn.Config(
            app, http=RegistryConnection, log_config=None, access_log=False, server_header=False,
            proxy_headers=False,
        )  # fmt: skip
        config.load()
        loop, protocol = asyncio.get_running_loop(), self._protocol(config, kind)
        self.servers.append(await loop.create_server(protocol, sock=listener, **tls))

    def _protocol(
        self, config: uvicorn.Config, kind: type[RegistryConnection] = RegistryConnection
    ) -> Callable[[], RegistryConnection]:
        return lambda: kind(config, self.server_state, self.lifespan.state, self._connections)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # once a second
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, RegistryConnection):
                    connection.check_deadlines(now)
            self._app.state.metrics.sample()
            if self._certificate is not None:
                self._certificate.reload_if_changed()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the requests in progress, and refuse new ones meanwhile with status 503."""
        self._app.state.gate.is_stopping = self._app.state.eir.is_stopping = True
        self._app.state.streams.close()
        deadline = time.monotonic() + _STOP_WITHIN_S
        while self.server_state.tasks and not self.force_exit and time.monotonic() < deadline:
            await asyncio.wait(self.server_state.tasks, timeout=0.5)
        for connection in list(self.server_state.connections):
            if isinstance(connection, RegistryConnection) and not connection.is_busy:
                connection.transport.close()
        if self._acceptor is not None:
            self._acceptor.stop()
        await super().shutdown([*(sockets or []), *filter(None, self._others)])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Shut down on a signal, with exit status 0 on SIGTERM."""
        # not the method of the parent class, which sends the signal again after the shutdown
        self.interrupted = sig == signal.SIGINT
        self.force_exit |= self.should_exit and self.interrupted
        self.should_exit = True

    def _reload_certificate(self) -> None:
        if self._certificate is not None:
            self._certificate.reload()
