"""How metrics are shown: a small HTTP answer to GET /metrics, and a file for the node exporter."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from modemagent.agent.metrics import CONTENT_TYPE, Metrics
from modemagent.logs import Log

_FILE_EVERY_S: Final = 15.0
_REQUEST_S: Final = 5.0
_LONGEST_REQUEST: Final = 8192
#: Collectors are few. Whoever else can reach the port must not be able to take the descriptors
#: that modems need.
_MOST_CLIENTS: Final = 8

_IN_USE: Final = "Is another program listening there? Change metrics_listen."
_NO_SUCH_NAME: Final = "This name is not known here: write an address, as 127.0.0.1:9470."
#: What to do about a file that can not be written, by the system's error; docs/metrics.md has more.
REMEDIES: Final = {
    errno.EROFS: "The unit must allow it: systemctl edit modemagent, [Service], "
    "ReadWritePaths=-{folder}, then restart.",
    errno.EACCES: "Let the daemon's group write there: chgrp modemagent {folder}; "
    "chmod g+w {folder}.",
    errno.ENOENT: "Make the folder {folder}, or change metrics_file.",
    errno.EISDIR: "metrics_file must name a file, as {folder}/modemagent.prom.",
}


class MetricsExporter:
    """Shows metrics where the settings say, until closed.

    What can not be opened or written is said in the log and does not stop the daemon.
    """

    def __init__(self, metrics: Metrics, log: Log) -> None:
        self._metrics = metrics
        self._log = log
        self._server: asyncio.Server | None = None
        self._clients = 0
        self._writing: asyncio.Task[None] | None = None
        self._file: Path | None = None
        self._trouble = ""

    async def open(self, listen: str | None, file: Path | None) -> None:
        if listen:
            host, _, port = listen.rpartition(":")
            bare = host.removeprefix("[").removesuffix("]")
            try:
                self._server = await asyncio.start_server(
                    self._serve, bare, int(port), limit=_LONGEST_REQUEST, backlog=_MOST_CLIENTS
                )
            except OSError as error:
                self._log.error(
                    "metrics_listener_failed", address=listen, reason=error.strerror or str(error),
                    hint=_NO_SUCH_NAME if isinstance(error, socket.gaierror) else _IN_USE,
                )  # fmt: skip
            else:
                shown = self._server.sockets[0].getsockname()
                self._log.info("metrics_listening", address=f"http://{shown[0]}:{shown[1]}/metrics")
        self._file = file
        if file:
            self._writing = asyncio.create_task(self._keep(file))

    async def close(self, *, goes_on_with: Path | None = None) -> None:
        """Stop showing, and take the file away: the exporter would show old values for ever.

        :param goes_on_with: the file that is written anew at once, so it is better left
        """
        if self._server is not None:
            self._server.close()
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        if self._file is not None and self._file != goes_on_with:
            with contextlib.suppress(OSError):
                self._file.unlink()
        self._metrics.close()

    # -- the listener

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._clients >= _MOST_CLIENTS:
            writer.transport.abort()
            return
        self._clients += 1
        try:
            async with asyncio.timeout(_REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            pass  # no request, or nobody who takes the answer
        finally:
            self._clients -= 1
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
                writer.transport.abort()

    def _answer(self, head: bytes) -> bytes:
        method, path, *_ = (*head.split(b"\r\n", 1)[0].split(b" "), b"", b"")
        if path.partition(b"?")[0] != b"/metrics":
            return _http("404 Not Found", "There is only /metrics here.\n")
        if method not in (b"GET", b"HEAD"):
            return _http("405 Method Not Allowed", "Only GET.\n", "Allow: GET, HEAD\r\n")
        answer = _http("200 OK", _guarded(self._metrics.text, self._log), kind=CONTENT_TYPE)
        return answer if method == b"GET" else answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    # -- the file

    async def _keep(self, file: Path) -> None:
        while True:
            self._write(file)
            await asyncio.sleep(_FILE_EVERY_S)

    def _write(self, file: Path) -> None:
        """Write beside and rename: a reader never sees half a file.

        Others may write to the folder too: what lies under the name beside, a link of theirs for
        one, is taken away and never written to.
        """
        beside = file.with_name(f".{file.name}.new")
        try:
            beside.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(beside, flags, 0o600), "w", encoding="utf-8") as new:
                new.write(_guarded(self._metrics.text, self._log))
                os.fchmod(new.fileno(), 0o644)
            beside.replace(file)
        except OSError as error:
            reason = error.strerror or str(error)
            if reason != self._trouble:
                self._log.error(
                    "metrics_file_failed", file=str(file), reason=reason,
                    hint=REMEDIES.get(error.errno or 0, "").format(folder=file.parent),
                )  # fmt: skip
            self._trouble = reason
            with contextlib.suppress(OSError):
                beside.unlink()
        else:
            self._trouble = ""


def _guarded(text: Callable[[], str], log: Log) -> str:
    try:
        return text()
    except Exception:  # who looks on must not be able to stop the daemon
        log.error("metrics_error", exc_info=True)
        return ""


def _http(status: str, body: str, headers: str = "", kind: str = "text/plain") -> bytes:
    content = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
    return f"{head}{headers}Connection: close\r\n\r\n".encode() + content
