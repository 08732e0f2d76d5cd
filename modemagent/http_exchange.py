"""HTTP client with one deadline for each exchange and a limit on the size of the response.

A read timeout limits the wait for the next bytes and starts again with each of them, so a peer that
sends one byte at a time can block a client for ever: in the TLS handshake, the status line, the
headers, the interim (1xx) responses, the chunks or the trailers. Here every operation on the socket
is limited to the time left until one deadline, which covers connecting, the handshake, the CONNECT
of a proxy, the request and the whole response, without a thread or a timer.

Name resolution is not covered: ``getaddrinfo`` has no deadline. The resolver of the system has its
own limits (``timeout`` and ``attempts`` in resolv.conf(5)).
"""

from __future__ import annotations

import socket
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3 import connection, exceptions

_READ_SIZE = 65536
_GZIP = 16 + zlib.MAX_WBITS  # zlib.h, inflateInit2: a gzip header is expected


class ExchangeError(Exception):
    """The peer exceeded a limit, or its response is incomplete or cannot be decoded."""


class AddressRefused(ExchangeError):
    """The addresses of the host may not be connected to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one exchange.

    :param connect_s: longest wait for one address of the peer, and for the TLS handshake
    :param idle_s: longest wait for the next bytes
    :param total_s: longest exchange, from connecting to the last byte of the response
    :param body_bytes: largest body, as received and after decompression
    """

    connect_s: float
    idle_s: float
    total_s: float
    body_bytes: int


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response; the body is decompressed."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes


class HttpClient:
    """HTTP/1.1 over one connection, kept open between requests. Used by one thread.

    :param tls: context for ``https``, not shared with other code: its sockets get the deadline
    :param proxy: URL of an HTTP proxy
    :param is_allowed: returns True if a resolved address may be connected to; default: any
    """

    def __init__(
        self,
        limits: Limits,
        *,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        is_allowed: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._limits = limits
        self._deadline = _Deadline()
        timeout = urllib3.Timeout(connect=limits.connect_s, read=limits.idle_s)
        common: dict[str, Any] = {"timeout": timeout, "retries": False, "maxsize": 1}
        if tls is not None:
            common["ssl_context"] = _with_deadline(tls, self._deadline)
        if proxy is None:
            self._pools = urllib3.PoolManager(**common)
        else:
            if proxy.lower().startswith("https:"):
                common["proxy_ssl_context"] = _with_deadline(None, self._deadline)
            self._pools = urllib3.ProxyManager(proxy, **common)
        self._pools.pool_classes_by_scheme = _pool_classes(self._deadline, is_allowed)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """Send a request and return the response; redirects are not followed.

        :raises ExchangeError: a limit was exceeded, or the response is incomplete
        :raises urllib3.exceptions.HTTPError: no connection, no response, or not HTTP
        """
        self._deadline.start(self._limits.total_s)
        try:
            response = self._pools.request(
                method,
                url,
                body=body,
                fields=fields,
                headers=headers,
                preload_content=False,
                decode_content=False,
                redirect=False,
            )
            try:
                content = _body(response, self._limits.body_bytes)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except exceptions.HTTPError as error:
            if self._deadline.passed:
                raise ExchangeError(
                    f"no complete response within {self._limits.total_s:g} s"
                ) from error
            raise
        return HttpResponse(response.status, response.headers, content)

    def close(self) -> None:
        self._pools.clear()


def _body(response: urllib3.BaseHTTPResponse, limit: int) -> bytes:
    too_large = ExchangeError(f"the response is larger than {limit // 1024} KiB")
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise ExchangeError("the response has a content encoding that was not requested")
    # Not decompressed by urllib3: before version 2.6 it decompresses all the bytes of a read at
    # once, and a few hundred of them can expand without limit.
    gzip = zlib.decompressobj(_GZIP) if coding.endswith("gzip") else None
    if (response.length_remaining or 0) > limit:
        raise too_large
    content, received = bytearray(), 0
    while chunk := response.read1(_READ_SIZE):
        received += len(chunk)
        if gzip is None:
            content += chunk
        else:
            try:
                content += gzip.decompress(chunk, limit + 1 - len(content))
            except zlib.error:
                raise ExchangeError("the response cannot be decompressed") from None
        if max(received, len(content)) > limit:
            raise too_large
    # urllib3 compares the length only with the bytes of a single call
    if response.length_remaining or (gzip is not None and received and not gzip.eof):
        raise ExchangeError("the response is incomplete")
    return bytes(content)


class _Deadline:
    """End of the current exchange, in seconds of ``time.monotonic``."""

    def __init__(self) -> None:
        self._end = 0.0

    def start(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._end

    def limited(self, seconds: float | None) -> float:
        """Return the longest time that one operation may take.

        :raises TimeoutError: the deadline has passed
        """
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the exchange took too long")
        return left_s if seconds is None else min(left_s, seconds)


class _Socket(socket.socket):
    """A socket whose operations all end at the deadline of the exchange.

    One call of OpenSSL (a handshake, a record to be read) may take many small packets. The ``ssl``
    module limits the whole call to the timeout of the socket, which is set before the call.
    """

    deadline: _Deadline
    _operation_s: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        self._operation_s = value
        super().settimeout(value)

    def connect(self, *arguments: Any) -> None:
        self._limit()
        super().connect(*arguments)

    def do_handshake(self, *arguments: Any) -> None:
        self._limit()
        super().do_handshake(*arguments)  # type: ignore[misc]  # only called for TLS sockets

    def recv(self, *arguments: Any) -> bytes:
        self._limit()
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        self._limit()
        return super().recv_into(*arguments)

    def send(self, *arguments: Any) -> int:
        self._limit()
        return super().send(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self._limit()
        super().sendall(*arguments)

    def _limit(self) -> None:
        super().settimeout(self.deadline.limited(self._operation_s))


def _with_deadline(context: ssl.SSLContext | None, deadline: _Deadline) -> ssl.SSLContext:
    """Return the context, or a default one, with sockets that end at the deadline."""
    context = context or ssl.create_default_context()
    context.sslsocket_class = type("_TlsSocket", (_Socket, ssl.SSLSocket), {"deadline": deadline})
    return context


def _pool_classes(deadline: _Deadline, is_allowed: Callable[[str], bool]) -> dict[str, Any]:
    """Return connection pools by scheme, for connections that end at the deadline."""
    plain: type[_Socket] = type("_PlainSocket", (_Socket,), {"deadline": deadline})

    def connect(self: connection.HTTPConnection) -> socket.socket:
        """Connect to the first address of the host that accepts the connection."""
        host = self.host.strip("[]")
        try:
            found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise exceptions.NameResolutionError(self.host, self, error) from error
        except UnicodeError:
            raise exceptions.LocationParseError(f"{host!r}, label empty or too long") from None
        allowed = [one for one in found if is_allowed(str(one[4][0]))]
        if not allowed:
            raise AddressRefused(f"{host} has no address that may be connected to")
        last: OSError | None = None
        for family, kind, protocol, _, address in allowed:
            connecting = plain(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    connecting.setsockopt(*option)
                connecting.settimeout(self.timeout)
                connecting.connect(address)
            except OSError as error:
                connecting.close()
                last = error
            else:
                return connecting
        if isinstance(last, TimeoutError):
            raise exceptions.ConnectTimeoutError(self, f"{self.host} timed out") from last
        raise exceptions.NewConnectionError(self, f"no connection: {last}") from last

    # urllib3 has no other hook for this; its own SOCKS connections replace _new_conn as well
    class Plain(connection.HTTPConnection):
        _new_conn = connect

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    if getattr(connection, "ssl", None) is None:  # a daemon started without TLS
        return {"http": PlainPool, "https": urllib3.HTTPSConnectionPool}

    class Tls(connection.HTTPSConnection):
        _new_conn = connect

    class TlsPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
