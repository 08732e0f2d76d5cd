"""HTTP/2 without TLS on the listener for equipment status, as 5G cores speak it.

3GPP TS 29.500, section 5.2: HTTP/2 with prior knowledge. The first bytes of a connection decide
between HTTP/2 and HTTP/1.1. Requests have no body that matters: the one resource is read.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RequestReceived,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from modemagent.registry.api.connection import (
    IDLE_FOR_S,
    MOST_HEAD_BYTES,
    RegistryConnection,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_MOST_STREAMS = 100  # requests of a connection at a time
#: Streams that a client may reset: each costs a request whose answer is of no use (CVE-2023-44487).
_MOST_RESETS = 200
_MOST_DISCARDED = 1024 * 1024  # of the bodies of all requests of a connection
_MOST_INCOMPLETE = 64 * 1024  # bytes of a frame or head that is not complete
_Headers = list[tuple[bytes, bytes]]


class EirConnection(RegistryConnection):
    """A connection of HTTP/1.1, or of HTTP/2 if it begins with the preface."""

    _first = b""
    _is_decided = False
    _session: Http2Session | None = None

    @property
    def is_busy(self) -> bool:
        """Return True if a request is being answered."""
        return super().is_busy or (self._session is not None and self._session.is_busy)

    def data_received(self, data: bytes) -> None:
        if self._session is not None:
            self._deadline = time.monotonic() + IDLE_FOR_S
            self._session.receive(data)
        elif self._is_decided:
            super().data_received(data)
        else:
            self._first += data
            if not PREFACE.startswith(self._first[: len(PREFACE)]):
                self._is_decided = True
                super().data_received(self._first)
            elif len(self._first) >= len(PREFACE):
                self._session = Http2Session(self)
                self._deadline = time.monotonic() + IDLE_FOR_S
                self._session.receive(self._first)

    def check_deadlines(self, now: float) -> None:
        is_idle = now > self._deadline and not self.is_busy and self._write_deadline == math.inf
        if self._session is not None and is_idle:
            self._session.end()
        super().check_deadlines(now)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._session is not None:
            self._session.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._session is not None:  # a client that reads no answers is not read either
            self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._session is not None:
            self.flow.resume_reading()

    def shutdown(self) -> None:
        if self._session is not None:
            self._session.end()
        super().shutdown()


class Http2Session:
    """The streams of one connection, each with a request that a task answers."""

    def __init__(self, connection: EirConnection) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: _MOST_STREAMS,
                SettingCodes.MAX_HEADER_LIST_SIZE: 2 * MOST_HEAD_BYTES,
            },
        )
        self._h2.initiate_connection()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._waiting: dict[int, bytes] = {}  # bodies for which the client has no room yet
        self._resets = self._discarded = self._incomplete = 0

    @property
    def is_busy(self) -> bool:
        return bool(self._tasks or self._waiting)

    def receive(self, data: bytes) -> None:
        """Handle what the client has sent."""
        try:
            events = self._h2.receive_data(data)
        except ProtocolError:
            self._flush()
            self._transport.close()
            return
        # the library collects a frame before it looks at its length
        self._incomplete = 0 if events else self._incomplete + len(data)
        if self._incomplete > _MOST_INCOMPLETE:
            self.end(ErrorCodes.FRAME_SIZE_ERROR)
            self._transport.close()
            return
        for event in events:
            if isinstance(event, RequestReceived):
                self._start(event.stream_id, event.headers)
            elif isinstance(event, DataReceived):
                self._discard(event)
            elif isinstance(event, WindowUpdated):
                for stream in list(self._waiting):
                    self._send_body(stream, self._waiting.pop(stream))
            elif isinstance(event, StreamReset):
                self._reset(event.stream_id)
            elif isinstance(event, ConnectionTerminated):
                self._transport.close()
        self._flush()

    def end(self, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Announce that the connection is closed, so that the client opens another one."""
        try:
            self._h2.close_connection(code)
        except ProtocolError:
            return
        self._flush()

    def cancel(self) -> None:
        """Stop all answers."""
        for task in self._tasks.values():
            task.cancel()
        self._waiting.clear()

    def _discard(self, event: DataReceived) -> None:
        """Discard a part of a body, up to a limit."""
        self._discarded += event.flow_controlled_length
        if self._discarded > _MOST_DISCARDED:
            self.end(ErrorCodes.ENHANCE_YOUR_CALM)
            self._transport.close()
        else:
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def _reset(self, stream: int) -> None:
        self._waiting.pop(stream, None)
        task = self._tasks.get(stream)
        if task is not None:
            task.cancel()
        self._resets += 1
        if self._resets > _MOST_RESETS:
            self.end(ErrorCodes.ENHANCE_YOUR_CALM)
            self._transport.close()

    def _start(self, stream: int, headers: _Headers) -> None:
        fields = {name: value for name, value in headers if name.startswith(b":")}
        target = fields.get(b":path", b"")
        raw_path, _, query = target.partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "2",
            "method": fields.get(b":method", b"").decode("latin-1"),
            "scheme": fields.get(b":scheme", b"http").decode("latin-1"),
            "path": unquote(raw_path.decode("latin-1")),
            "raw_path": raw_path,
            "query_string": query,
            "headers": [one for one in headers if not one[0].startswith(b":")],
            "client": self._connection.client,
            "server": self._connection.server,
        }
        answer = self._too_long(stream) if len(target) > MOST_HEAD_BYTES else self._run(
            stream, scope
        )  # fmt: skip
        task = asyncio.get_running_loop().create_task(answer)
        self._tasks[stream] = task
        tasks = self._connection.tasks
        tasks.add(task)  # which a clean shutdown awaits
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: self._tasks.pop(stream, None))

    async def _run(self, stream: int, scope: dict[str, Any]) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._send_head(stream, message["status"], message["headers"])
            else:
                self._send_body(stream, message["body"])
                self._flush()

        await self._connection.config.loaded_app(scope, receive, send)

    async def _too_long(self, stream: int) -> None:
        self._send_head(stream, 414, [(b"content-length", b"0")])
        self._send_body(stream, b"")
        self._flush()

    def _send_head(self, stream: int, status: int, headers: _Headers) -> None:
        try:
            self._h2.send_headers(stream, [(b":status", b"%d" % status), *headers])
        except ProtocolError:
            return  # the client has reset the stream

    def _send_body(self, stream: int, body: bytes) -> None:
        try:
            if self._h2.local_flow_control_window(stream) < len(body):
                self._waiting[stream] = body
            else:
                self._h2.send_data(stream, body, end_stream=True)
        except ProtocolError:
            return

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._transport.write(data)
