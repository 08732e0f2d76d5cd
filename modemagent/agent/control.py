"""The control socket: one JSON request a line, one JSON answer a line.

:mod:`modemagent.agent.caller` lists the requests. Whoever may open the socket may see full
identifiers: it is for root, the agent's user and the group ``modemagent``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from modemagent.agent.address import short_name
from modemagent.errors import ModemAgentError, OutboxError, UsageError
from modemagent.logs import Log

_GROUP = "modemagent"
_LONGEST_REQUEST = 64 * 1024

Request = Mapping[str, object]
Doer = Callable[[Request], Awaitable[dict[str, object]]]


class ControlSocket:
    """Listens while the daemon runs; ``doers`` is the table of what can be asked for."""

    def __init__(self, path: Path, doers: Mapping[str, Doer], log: Log) -> None:
        self._path = path
        self._doers = doers
        self._log = log
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        # The state directory's lock is held, so a socket that is there is left from a crash.
        try:
            with short_name(self._path) as name:
                with contextlib.suppress(FileNotFoundError):
                    self._path.unlink()
                before = os.umask(0o117)
                try:
                    self._server = await asyncio.start_unix_server(
                        self._call, name, limit=_LONGEST_REQUEST
                    )
                finally:
                    os.umask(before)
        except OSError as error:
            raise OutboxError(
                f"the control socket {self._path} can not be made: {error.strerror}",
                hint="Check who may write there.",
            ) from None
        # no such group, or not ours to give: then only this user and root may ask
        with contextlib.suppress(LookupError, OSError):
            shutil.chown(self._path, group=_GROUP)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._path.unlink()

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        this = asyncio.current_task()
        if this is not None:
            self._calls.add(this)
            this.add_done_callback(self._calls.discard)
        try:
            while line := await reader.readline():
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ValueError, OSError, asyncio.CancelledError):
            pass  # too long a line, a caller that left, or the daemon's own end
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, object]:
        try:
            request = json.loads(line)
            doer = self._doers[request["do"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            known = ", ".join(self._doers)
            return {"error": UsageError("unknown request", hint=f"Known: {known}").to_json()}
        try:
            return await doer(request)
        except ModemAgentError as error:
            return {"error": error.to_json()}
        except Exception as fault:  # noqa: BLE001 - a fault of ours is an answer, not an end
            self._log.error("control_fault", request=request["do"], exc_info=True)
            said = f"a fault of modemagent: {type(fault).__name__}: {fault}"
            return {"error": ModemAgentError(said, hint="See the agent's log.").to_json()}
