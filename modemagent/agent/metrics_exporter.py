"""Metrics over HTTP and in a file for the node exporter.

Requires the extra ``metrics`` (prometheus-client); imported only if the settings ask for metrics.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modemagent.agent.metrics import Metrics
from modemagent.logs import Log
from modemagent.watching.events import EventBus

if TYPE_CHECKING:
    from modemagent.report.outbox.outbox import Outbox

_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FILE_INTERVAL_S: Final = 15.0
_REQUEST_TIMEOUT_S: Final = 5.0
_REQUEST_BYTES: Final = 8192
#: Connections at a time: other programs that reach the port must not exhaust the file descriptors
#: that modems need.
_MAX_CONNECTIONS: Final = 8

_IN_USE: Final = "Stop the other program that listens there, or change metrics_listen."
_UNKNOWN_NAME: Final = "Use an address instead of this name, such as 127.0.0.1:9470."
#: Remedies for a file that cannot be written, by errno; docs/metrics.md has more.
_REMEDIES: Final = {
    errno.EROFS: "The unit must allow it: systemctl edit modemagent, [Service], "
    "ReadWritePaths=-{folder}, then restart.",
    errno.EACCES: "Let the daemon's group write there: chgrp modemagent {folder}; "
    "chmod g+w {folder}.",
    errno.ENOENT: "Create the directory {folder}, or change metrics_file.",
    errno.EISDIR: "metrics_file must name a file, such as {folder}/modemagent.prom.",
}


class MetricsExporter:
    """Serves metrics at an address and writes them to a file, until closed.

    An address or a file that cannot be used is logged and does not stop the daemon. The listener
    and the writing of the file are not the library's: its listener runs in threads without a limit,
    and its temporary file follows links in a directory where other users may write.
    """

    def __init__(
        self, events: EventBus, status: Callable[[], Mapping[str, Any]], outbox: Outbox, log: Log
    ) -> None:
        self._metrics = Metrics(events, status=status, outbox=outbox)
        self._log = log
        self._server: asyncio.Server | None = None
        self._connections = 0
        self._writer: asyncio.Task[None] | None = None
        self._file: Path | None = None
        self._file_error = ""

    async def open(self, listen: str | None, file: Path | None) -> None:
        if listen:
            host, _, port = listen.rpartition(":")
            try:
                self._server = await asyncio.start_server(
                    self._serve, host.strip("[]"), int(port),
                    limit=_REQUEST_BYTES, backlog=_MAX_CONNECTIONS,
                )  # fmt: skip
            except OSError as error:
                self._log.error(
                    "metrics_listener_failed", address=listen, reason=error.strerror or str(error),
                    hint=_UNKNOWN_NAME if isinstance(error, socket.gaierror) else _IN_USE,
                )  # fmt: skip
            else:
                bound = self._server.sockets[0].getsockname()
                self._log.info("metrics_listening", address=f"http://{bound[0]}:{bound[1]}/metrics")
        self._file = file
        if file:
            self._writer = asyncio.create_task(self._write_periodically(file))

    async def close(self, *, replaced_by: Path | None = None) -> None:
        """Stop serving, and remove the file: the node exporter would show its values forever.

        :param replaced_by: the file of the next exporter, which is kept
        """
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        if self._file is not None and self._file != replaced_by:
            with contextlib.suppress(OSError):
                self._file.unlink()
        self._metrics.close()

    def _text(self) -> str:
        try:
            return self._metrics.text()
        except Exception:  # noqa: BLE001 - an internal error here must not stop the daemon
            self._log.error("metrics_error", exc_info=True)
            return ""

    # -- the listener

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= _MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections += 1
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._response(head))
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            pass  # not a request, or a client that does not read the response
        finally:
            self._connections -= 1
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                writer.transport.abort()

    def _response(self, head: bytes) -> bytes:
        method, path, *_ = (*head.split(b"\r\n", 1)[0].split(b" "), b"", b"")
        if path.partition(b"?")[0] != b"/metrics":
            return _http("404 Not Found", "Not found; see /metrics.\n")
        if method not in (b"GET", b"HEAD"):
            return _http("405 Method Not Allowed", "Use GET.\n", "Allow: GET, HEAD\r\n")
        response = _http("200 OK", self._text(), kind=_CONTENT_TYPE)
        return response if method == b"GET" else response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    # -- the file

    async def _write_periodically(self, file: Path) -> None:
        while True:
            self._write(file)
            await asyncio.sleep(_FILE_INTERVAL_S)

    def _write(self, file: Path) -> None:
        """Write a temporary file and rename it, so that readers never see a part of it."""
        temporary = file.with_name(f".{file.name}.new")
        try:
            temporary.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as new:
                new.write(self._text())
                os.fchmod(new.fileno(), 0o644)
            temporary.replace(file)
        except OSError as error:
            reason = error.strerror or str(error)
            if reason != self._file_error:
                self._log.error(
                    "metrics_file_failed", file=str(file), reason=reason,
                    hint=_REMEDIES.get(error.errno or 0, "").format(folder=file.parent),
                )  # fmt: skip
            self._file_error = reason
            with contextlib.suppress(OSError):
                temporary.unlink()
        else:
            self._file_error = ""


def _http(status: str, body: str, headers: str = "", kind: str = "text/plain") -> bytes:
    content = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
    return f"{head}{headers}Connection: close\r\n\r\n".encode() + content
