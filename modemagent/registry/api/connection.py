"""One HTTP/1.1 connection: limits on the head, on time and on the number of connections.

The parser (llhttp by httptools) rejects ambiguous requests: a repeated Content-Length, one beside
Transfer-Encoding, folded headers, bare line feeds, malformed chunks (RFC 9112, sections 5.2, 6.1,
7.1). This module rejects what the parser accepts: requests without Host, old and unknown versions,
chunked bodies in HTTP/1.0, and fields after a chunked body, which would become headers.

Deadlines are checked once a second for all connections, instead of a timer for each request.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from modemagent.registry.api.closing_transport import ClosingTransport
from modemagent.registry.api.connection_groups import Connections
from modemagent.registry.api.problem_details import CONTENT_TYPE, document

HEAD_WITHIN_S = 10.0
BODY_WITHIN_S = 60.0
BODY_STALLED_AFTER_S = 20.0
IDLE_FOR_S = 60.0  # between requests, for clients that have shown a valid token
STRANGER_IDLE_FOR_S = 5.0  # for all others
WRITE_STALLED_AFTER_S = 20.0
_CLOSED_WITHIN_S = 5.0
MOST_HEAD_BYTES = 16 * 1024
MOST_HEADERS = 64
_MOST_PIPELINED = 8
_MOST_DISCARDED = 1024 * 1024  # of the rest of a body, after an early response
_SLOWEST_BYTES_S = 1024  # at which a client must read a response

#: Key of an ASGI scope under which a request finds its connection.
CONNECTION = "modemagent.connection"


class RegistryConnection(HttpToolsProtocol):
    """Connection with deadlines, limits and a clean end after an early response."""

    transport: Any

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        connections: Connections | None = None,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._table = connections
        self.groups: list[str | int] = []
        self._token_number: int | None = None
        self._in_head = False
        self._head_complete = False
        self._in_body = False
        self._head_bytes = 0
        self._deadline = math.inf
        self._body_end = math.inf
        self._write_deadline = math.inf
        self._unsent = 0
        self._is_broken = False
        self._discarded = 0
        self._has_cycle = False

    @property
    def is_busy(self) -> bool:
        """Return True if a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def expects_more(self) -> bool:
        """Return True if the client may be sending data that will not be read."""
        return self._in_body or self._is_broken

    def confirm(self, number: int) -> None:
        """Note that a request on this connection has shown the valid token with this number."""
        if self._token_number != number:
            self._token_number = number
            if self._table is not None:
                self._table.confirm(self, number)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, ClosingTransport(transport, self)))
        self._deadline = time.monotonic() + HEAD_WITHIN_S
        if self._table is not None:
            self._table.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._table is not None:
            self._table.discard(self)
        if self.scope is not None:
            cast(dict[str, Any], self.scope).pop(CONNECTION, None)
        for cycle, _ in self.pipeline:
            cycle.disconnected = True
        self.pipeline.clear()
        super().connection_lost(exc)

    def drop(self, reason: str) -> None:
        """Close the connection without a response."""
        self._count(reason)
        self.transport.abort()
        if self._table is not None:
            self._table.discard(self)

    def check_deadlines(self, now: float) -> None:
        """End the connection if it is too slow; called once a second.

        :param now: time of the monotonic clock
        """
        if now > self._write_deadline:
            self._check_progress(now)
        elif now > self._deadline:
            if self.transport.is_closing():
                self.transport.abort()
            elif self._in_head:
                self._refuse(
                    HTTPStatus.REQUEST_TIMEOUT,
                    "slow_head",
                    f"no complete head within {HEAD_WITHIN_S:g} s",
                )
            elif self._in_body:
                self._refuse(
                    HTTPStatus.REQUEST_TIMEOUT,
                    "slow_body",
                    f"no complete body within {BODY_WITHIN_S:g} s",
                )
            elif not self.is_busy:
                self.transport.close()

    def _check_progress(self, now: float) -> None:
        """Close the connection if the client reads less than 1 KiB/s of a response."""
        unsent = self.transport.get_write_buffer_size()
        if unsent > max(0, self._unsent - _SLOWEST_BYTES_S * WRITE_STALLED_AFTER_S):
            self.drop("slow_reader")
        else:
            self._unsent = unsent
            self._write_deadline = now + WRITE_STALLED_AFTER_S

    def data_received(self, data: bytes) -> None:
        if self.transport.is_lingering:
            self._discarded += len(data)
            if self._discarded > _MOST_DISCARDED:
                self.transport.abort()
                return
        if self._is_broken:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # answered as a request without the upgrade, and then closed
        except httptools.HttpParserError as error:
            self._is_broken = True
            found = error.__context__
            if isinstance(found, _Refused):
                self._refuse(found.status, found.code, found.detail)
            else:
                self._refuse(
                    HTTPStatus.BAD_REQUEST, "malformed_http", "the request is not valid HTTP/1.1"
                )
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    "large_head",
                    f"the head must not exceed {MOST_HEAD_BYTES} bytes",
                )
        elif self._in_body and not self.transport.is_closing():
            self._deadline = min(self._body_end, time.monotonic() + BODY_STALLED_AFTER_S)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[CONNECTION] = self
        self._in_head, self._head_complete, self._has_cycle = True, False, False
        self._head_bytes = 0
        if not self.is_busy:
            self._deadline = time.monotonic() + HEAD_WITHIN_S

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > MOST_HEAD_BYTES:
            raise _Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "long_url", "the URL is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_complete:
            return  # a field after a chunked body is not a header (RFC 9110, section 6.5.1)
        if len(self.headers) >= MOST_HEADERS:
            raise _Refused(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "large_head",
                f"a request must not have more than {MOST_HEADERS} headers",
            )
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head, self._head_complete, self._in_body = False, True, True
        self._check_head()
        super().on_headers_complete()
        self._has_cycle = True
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False
        now = time.monotonic()
        self._body_end = now + BODY_WITHIN_S
        self._deadline = now + BODY_STALLED_AFTER_S

    def _check_head(self) -> None:
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        if version not in ("1.1", "1.0"):
            raise _Refused(
                HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "http_version", "only HTTP/1.1 is supported"
            )
        if version == "1.1" and names.count(b"host") != 1:
            raise _Refused(
                HTTPStatus.BAD_REQUEST, "malformed_http", "a request must have one Host header"
            )
        if b"transfer-encoding" in names:
            coding = next(value for name, value in self.headers if name == b"transfer-encoding")
            if version == "1.0" or coding.strip().lower() != b"chunked":
                raise _Refused(
                    HTTPStatus.BAD_REQUEST, "malformed_http", "the only transfer coding is chunked"
                )
        if self.parser.get_method() == b"CONNECT" or self.url[:1] == b"*":
            raise _Refused(HTTPStatus.NOT_IMPLEMENTED, "method", "this method is not supported")
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise _Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                "pipelined",
                "too many requests without waiting for a response",
            )

    def on_body(self, body: bytes) -> None:
        if self.cycle.disconnected:
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._deadline = math.inf
        super().on_message_complete()
        if self.transport.is_lingering:
            self.transport.finish()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._in_body and not self.pipeline:
            self.transport.close()  # the rest of the body is of no use
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif not self._in_head:
            idle_for = STRANGER_IDLE_FOR_S if self._token_number is None else IDLE_FOR_S
            self._deadline = time.monotonic() + idle_for

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent = self.transport.get_write_buffer_size()
        self._write_deadline = time.monotonic() + WRITE_STALLED_AFTER_S

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_deadline = math.inf

    def closing(self) -> None:
        """Limit the time until the connection is closed; called when it begins."""
        now = time.monotonic()
        self._unsent = self.transport.get_write_buffer_size()
        if self._unsent:
            self._deadline, self._write_deadline = math.inf, now + WRITE_STALLED_AFTER_S
        else:
            self._deadline = now + _CLOSED_WITHIN_S

    def _refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Answer with a problem document if possible, and close the connection."""
        if self.transport.is_closing():
            self.transport.abort()
            return
        self._count(code)
        cycle = self.cycle
        if self.pipeline or (self.is_busy and (not self._has_cycle or cycle.response_started)):
            self.transport.abort()  # the bytes would become part of another response
            return
        body = json.dumps(document(status, code, detail)).encode("ascii")
        self.transport.write(
            b"%scontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (STATUS_LINE[status], CONTENT_TYPE.encode("ascii"), len(body), body)
        )
        if self.is_busy:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    def _count(self, reason: str) -> None:
        if self._table is not None:
            self._table.metrics.refused(reason)


class _Refused(Exception):
    """A head that the parser accepts and the registry does not."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
