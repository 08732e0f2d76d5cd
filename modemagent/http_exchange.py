"""HTTP client whose exchanges have one deadline each and answers of a limited size.

A read timeout bounds the wait for the next bytes and begins again with each of them, so a peer that
sends one byte at a time can hold a client for ever: in the TLS handshake, the status line, the
headers, the interim (1xx) responses, the chunks or the trailers. Here every operation on the socket
is limited to what is left of one deadline, which covers connecting, the handshake, a proxy's
CONNECT, the request and the whole answer. No thread and no timer takes part.

Not covered is name resolution: ``getaddrinfo`` takes no deadline. The system's resolver has limits
of its own (``timeout`` and ``attempts`` in resolv.conf(5)).
"""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    import urllib3

_AT_ONCE = 65536
_GZIP = 16 + zlib.MAX_WBITS  # zlib.h, inflateInit2: a gzip header is expected


class ExchangeError(Exception):
    """The peer exceeded a limit, or its answer is incomplete or cannot be decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one exchange.

    :param connect_s: longest wait for one address of the peer, and for the TLS handshake
    :param idle_s: longest wait for the next bytes
    :param total_s: longest exchange, from connecting to the last byte of the answer
    :param body_bytes: largest body, as received and after decompression
    """

    connect_s: float
    idle_s: float
    total_s: float
    body_bytes: int


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer; the body is decompressed."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes


class HttpClient:
    """HTTP/1.1 with one connection, kept open between requests. Used by one thread.

    :param tls: context for ``https``; it must not be shared, for its sockets get the deadline
    :param proxy: URL of an HTTP proxy
    """

    def __init__(
        self, limits: Limits, *, tls: ssl.SSLContext | None = None, proxy: str | None = None
    ) -> None:
        # late: commands that ask nobody over HTTP, and the daemon without a registry, do without it
        import urllib3

        self._limits = limits
        self._deadline = _Deadline()
        self._errors = urllib3.exceptions.HTTPError
        timeout = urllib3.Timeout(connect=limits.connect_s, read=limits.idle_s)
        common: dict[str, Any] = {"timeout": timeout, "retries": False, "maxsize": 1}
        if tls is not None:
            common["ssl_context"] = _with_deadline(tls, self._deadline)
        if proxy is None:
            self._pools = urllib3.PoolManager(**common)
        else:
            if proxy.lower().startswith("https:"):
                from ssl import create_default_context

                own = _with_deadline(create_default_context(), self._deadline)
                common["proxy_ssl_context"] = own
            self._pools = urllib3.ProxyManager(proxy, **common)
        self._pools.pool_classes_by_scheme = _pool_classes(self._deadline)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """Send a request and return the answer; redirects are not followed.

        :raises ExchangeError: a limit was exceeded, or the answer is incomplete
        :raises urllib3.exceptions.HTTPError: no connection, no answer, no HTTP
        """
        self._deadline.start(self._limits.total_s)
        try:
            answer = self._pools.request(
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
                content = _body(answer, self._limits.body_bytes)
            except BaseException:
                answer.close()
                raise
            answer.release_conn()
        except self._errors as error:
            if self._deadline.passed:
                raise ExchangeError(
                    f"no complete answer within {self._limits.total_s:g} s"
                ) from error
            raise
        return HttpAnswer(answer.status, answer.headers, content)

    def close(self) -> None:
        self._pools.clear()


def _body(answer: urllib3.BaseHTTPResponse, limit: int) -> bytes:
    too_large = ExchangeError(f"the answer is larger than {limit // 1024} KiB")
    coding = answer.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise ExchangeError("the answer has a content encoding that was not asked for")
    # not decompressed by urllib3: before version 2.6 it inflates a whole read, which a few hundred
    # bytes can make as large as they like
    gzip = zlib.decompressobj(_GZIP) if coding.endswith("gzip") else None
    if (answer.length_remaining or 0) > limit:
        raise too_large
    content, received = bytearray(), 0
    while chunk := answer.read1(_AT_ONCE):
        received += len(chunk)
        if gzip is None:
            content += chunk
        else:
            try:
                content += gzip.decompress(chunk, limit + 1 - len(content))
            except zlib.error:
                raise ExchangeError("the answer cannot be decompressed") from None
        if max(received, len(content)) > limit:
            raise too_large
    # urllib3 compares the length only with what is read in one call
    if answer.length_remaining or (gzip is not None and received and not gzip.eof):
        raise ExchangeError("the answer broke off")
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
        """Return how long one operation may take.

        :raises TimeoutError: the deadline has passed
        """
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the exchange took too long")
        return left_s if seconds is None else min(left_s, seconds)


class _Socket(socket.socket):
    """A socket, each of whose operations ends at the deadline of the exchange.

    One call of OpenSSL (a handshake, a record to be read) may take many small packets; the ``ssl``
    module limits the whole call to the socket's timeout, so setting it before the call is enough.
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


def _with_deadline(context: ssl.SSLContext, deadline: _Deadline) -> ssl.SSLContext:
    """Have the context make sockets that end at the deadline."""
    import ssl

    context.sslsocket_class = type("_TlsSocket", (_Socket, ssl.SSLSocket), {"deadline": deadline})
    return context


def _pool_classes(deadline: _Deadline) -> dict[str, Any]:
    """Return connection pools by scheme, for connections that end at the deadline."""
    import urllib3
    from urllib3 import connection, exceptions

    plain: type[_Socket] = type("_PlainSocket", (_Socket,), {"deadline": deadline})

    def connected(self: connection.HTTPConnection) -> socket.socket:
        """Connect to the first address of the host that takes the connection."""
        host = self.host.strip("[]")
        try:
            found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise exceptions.NameResolutionError(self.host, self, error) from error
        except UnicodeError:
            raise exceptions.LocationParseError(f"{host!r}, label empty or too long") from None
        last: OSError | None = None
        for family, kind, protocol, _, address in found:
            end = plain(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    end.setsockopt(*option)
                end.settimeout(self.timeout)
                end.connect(address)
            except OSError as error:
                end.close()
                last = error
            else:
                return end
        if isinstance(last, TimeoutError):
            raise exceptions.ConnectTimeoutError(self, f"{self.host} timed out") from last
        raise exceptions.NewConnectionError(self, f"no connection: {last}") from last

    # urllib3 has no other place for this: its own SOCKS connections replace _new_conn, too
    class Plain(connection.HTTPConnection):
        _new_conn = connected

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    if getattr(connection, "ssl", None) is None:  # a daemon that was started without TLS
        return {"http": PlainPool, "https": urllib3.HTTPSConnectionPool}

    class Tls(connection.HTTPSConnection):
        _new_conn = connected

    class TlsPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
