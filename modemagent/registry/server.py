"""The registry's server process: listening, signals, clean shutdown."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

from modemagent.errors import SettingsError
from modemagent.registry.api.app import create_app

_STOP_WITHIN_S = 10


def serve(database_url: str, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; port 0 selects a free port.

    Prints ``listening on http://HOST:PORT`` to stderr once connections are accepted.

    :raises RegistryStoreError: the database cannot be used
    :raises SettingsError: listening on the address failed
    :raises KeyboardInterrupt: stopped by SIGINT
    """
    app = create_app(database_url)
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # a path may contain an identifier
        lifespan="on",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_STOP_WITHIN_S,
        backlog=2048,
    )
    server = _Server(config)
    server.end_streams = lambda: app.state.notifier.close()
    server.run(sockets=[listener])
    if server.interrupted:
        raise KeyboardInterrupt


class _Server(uvicorn.Server):
    """Server that prints its address when ready, and ends event streams before a shutdown."""

    end_streams: Callable[[], None]
    interrupted = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit or not sockets:
            return
        host, port = sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"listening on http://{shown}:{port}", file=sys.stderr, flush=True)  # noqa: T201

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.end_streams()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Shut down on a signal, with exit status 0 on SIGTERM."""
        # not the method of the parent class, which sends the signal again after the shutdown
        self.interrupted = sig == signal.SIGINT
        self.force_exit |= self.should_exit and self.interrupted
        self.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="Choose another --listen HOST:PORT; port 0 selects a free port.",
        ) from error
    return listener
