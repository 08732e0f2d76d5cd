"""HTTP server of the browser screen: the page, its changes as server-sent events, nothing else.

It listens on loopback unless a token is set, accepts no scans and no acts, and loads nothing from
other hosts. It is a part of the bench process, so that a page cannot outlive its bench unnoticed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import socket
import time
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from ipaddress import ip_address
from typing import Final, NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit

from modemagent import __version__
from modemagent.errors import SettingsError
from modemagent.provisioning.browser.page import fragments, page, sign_in_page
from modemagent.provisioning.line import LineView
from modemagent.settings.addresses import is_host_port

#: Interval at which changes are looked for, and at which a page without changes is sent a message.
_POLL_S: Final = 0.1
_MESSAGE_S: Final = 1.0
_REQUEST_S: Final = 5.0
_HEAD_BYTES: Final = 8192
_FORM_BYTES: Final = 1024
_MOST_CONNECTIONS: Final = 32
#: Bytes that wait for a browser that does not read, after which it is disconnected.
_MOST_WAITING: Final = 512 * 1024
#: Wrong tokens after which no token is accepted for some time.
_WRONG_TOKENS: Final = 5
_PAUSE_S: Final = 60.0
_LEAST_TOKEN: Final = 8
_COOKIE: Final = "bench"
_SIGNED_IN_S: Final = 90 * 86400

#: The policy about referrers lets browsers state the origin of the form, which is compared.
_SECURITY: Final = (
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\nCache-Control: no-store\r\n"
)


class ShownBench(Protocol):
    """What the page shows of the running bench."""

    @property
    def revision(self) -> object:
        """Differs if anything but the time differs."""

    def view(self) -> LineView: ...


class ScreenRequest(NamedTuple):
    """Head and body of a request; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    def cookie(self, name: str) -> str:
        for each in self.headers.get("cookie", "").split(";"):
            key, _, value = each.strip().partition("=")
            if key == name:
                return value
        return ""


def open_screen(address: str, token: str = "") -> socket.socket:
    """Return a listening socket for the screen.

    :param address: ``HOST:PORT``
    :param token: to be typed once on each browser; required unless the address is loopback
    :raises SettingsError: the address or the token cannot be used
    """
    if not is_host_port(address, least_port=0):
        raise SettingsError(f"{address!r} is not HOST:PORT", hint="Example: 127.0.0.1:8471")
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if token and (len(token) < _LEAST_TOKEN or not token.isprintable()):
        raise SettingsError(
            f"the token of the screen needs {_LEAST_TOKEN} characters on one line",
            hint="Write a longer one into the file.",
        )
    if not token and not _is_loopback(host):
        raise SettingsError(
            f"without a token the screen is for this machine only, and {host} is not loopback",
            hint="Use 127.0.0.1, or name a file with a token: --screen-token-file FILE",
        )
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        family, kind, protocol, _, where = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise SettingsError(
            f"the screen cannot listen on {address}: {error.strerror or error}",
            hint="Choose another HOST:PORT; port 0 selects a free port.",
        ) from error
    return listener


def screen_url(listener: socket.socket) -> str:
    """Return the address for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class BrowserScreen:
    """Serves the screen of a bench.

    :param listener: from :func:`open_screen`
    :param token: that a browser has to know, "" for none
    """

    def __init__(self, bench: ShownBench, listener: socket.socket, token: str = "") -> None:
        self._bench = bench
        self._listener = listener
        self._token = token
        # the same after a restart, so that a tablet stays signed in until the token is changed
        self._session = hmac.new(token.encode(), b"screen", sha256).hexdigest()
        self._wrong, self._closed_until = 0, 0.0
        self._connections = 0
        self._watching: set[asyncio.StreamWriter] = set()
        #: fragments that all pages have received
        self._shown: dict[str, str] = {}
        self._files = {
            f"/{name}": (kind, files(__package__).joinpath(name).read_text("utf-8"))
            for name, kind in (("screen.css", "text/css"), ("screen.js", "text/javascript"))
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set."""
        server = await asyncio.start_server(
            self._serve, sock=self._listener, limit=_HEAD_BYTES, backlog=_MOST_CONNECTIONS
        )
        sending = asyncio.ensure_future(self._send_changes())
        try:
            await stop.wait()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            server.close()
            for writer in self._watching:
                writer.transport.abort()

    # -- changes

    async def _send_changes(self) -> None:
        before: object = None
        while True:
            await asyncio.sleep(_POLL_S)
            if not self._watching:
                before = None
                continue
            now = self._bench.revision, time.monotonic() // _MESSAGE_S
            if now == before:
                continue
            before = now
            parts = fragments(self._bench.view())
            changes = {name: part for name, part in parts.items() if self._shown.get(name) != part}
            self._shown = parts
            message = self._message(parts, changes)
            for writer in list(self._watching):
                if writer.transport.get_write_buffer_size() > _MOST_WAITING:
                    writer.transport.abort()
                else:
                    writer.write(message)

    def _message(self, parts: Mapping[str, str], changes: Mapping[str, str]) -> bytes:
        document = {"version": _version(parts), "changes": changes}
        return f"data: {json.dumps(document)}\n\n".encode()

    # -- requests

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections += 1
        try:
            async with asyncio.timeout(_REQUEST_S):
                request = await _read(reader)
                if request.path == "/events" and not self._refusal(request):
                    self._open_events(writer)
                else:
                    response = self._response(request)
                    if request.method == "HEAD":
                        response = response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                    writer.write(response)
                    await writer.drain()
            if writer in self._watching:
                await reader.read()  # the browser sends nothing more: it ends here
        except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass  # not a request, or a browser that does not read the response
        finally:
            self._watching.discard(writer)
            self._connections -= 1
            with contextlib.suppress(OSError, RuntimeError):
                writer.close()

    def _open_events(self, writer: asyncio.StreamWriter) -> None:
        parts = fragments(self._bench.view())
        writer.write(_head("200 OK", "text/event-stream") + b"\r\nretry: 1000\n\n")
        writer.write(self._message(parts, parts))
        if not self._watching:
            self._shown = parts
        self._watching.add(writer)

    def _refusal(self, request: ScreenRequest) -> str:
        """Return the status of a request that is refused, "" if it is not."""
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if not self._token:
            # another host name means that a page of another site has led the browser here
            return "" if _is_loopback(host) else "421 Misdirected Request"
        cookie = request.cookie(_COOKIE)
        return "" if hmac.compare_digest(cookie.encode(), self._session.encode()) else "401"

    def _response(self, request: ScreenRequest) -> bytes:
        if request.method == "POST" and request.path == "/sign-in" and self._token:
            return self._signed_in(request)
        if request.method not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed", "the screen takes nothing in\n")
        if request.path in self._files:
            kind, text = self._files[request.path]
            return _response("200 OK", text, kind)
        refusal = self._refusal(request)
        if refusal == "401":
            return _response("401 Unauthorized", sign_in_page(""), "text/html")
        if refusal:
            return _response(refusal, "use the address that the bench prints\n")
        if request.path != "/":
            return _response("404 Not Found", "not found; see /\n")
        view = self._bench.view()
        return _response("200 OK", page(view, _version(fragments(view))), "text/html")

    def _signed_in(self, request: ScreenRequest) -> bytes:
        """Compare the token of a form, and give the browser its session."""
        origin = request.headers.get("origin", "")
        if origin and urlsplit(origin).netloc != request.headers.get("host"):
            return _response("403 Forbidden", "this form belongs to another site\n")
        now = time.monotonic()
        if now < self._closed_until:
            text = "Too many wrong tokens. Wait for a minute."
            return _response("429 Too Many Requests", sign_in_page(text), "text/html")
        given = parse_qs(request.body.decode("utf-8", "replace")).get("token", [""])[0]
        if not hmac.compare_digest(_hashed(given), _hashed(self._token)):
            self._wrong += 1
            if self._wrong >= _WRONG_TOKENS:
                self._wrong, self._closed_until = 0, now + _PAUSE_S
            return _response("401 Unauthorized", sign_in_page("The token is wrong."), "text/html")
        self._wrong = 0
        cookie = (
            f"Set-Cookie: {_COOKIE}={self._session}; Path=/; Max-Age={_SIGNED_IN_S}; "
            "HttpOnly; SameSite=Strict\r\n"
        )
        return _response("303 See Other", "", more=f"{cookie}Location: /\r\n")


async def _read(reader: asyncio.StreamReader) -> ScreenRequest:
    """Return a request.

    :raises ValueError: it is not one
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    size = int(headers.get("content-length", "0"))
    if not 0 <= size <= _FORM_BYTES:
        raise ValueError("the body is too large")
    return ScreenRequest(method, target.partition("?")[0], headers, await reader.readexactly(size))


def _version(parts: Mapping[str, str]) -> str:
    """Return what differs if a page has other elements than the parts."""
    return f"{__version__} {len(parts)}"


def _hashed(text: str) -> bytes:
    return sha256(text.strip().encode()).digest()


def _head(status: str, kind: str, more: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\n"
        f"Connection: close\r\n{_SECURITY}{more}"
    ).encode()


def _response(status: str, text: str, kind: str = "text/plain", more: str = "") -> bytes:
    content = text.encode()
    return _head(status, kind, f"{more}Content-Length: {len(content)}\r\n") + b"\r\n" + content
