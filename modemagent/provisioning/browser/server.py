"""HTTP server of the browser screen: the page, its changes as server-sent events, scans and acts.

It listens on loopback unless a token is set, accepts scans and acts from its own page alone, and
loads nothing from other hosts. It is a part of the bench process, so that a page cannot outlive its
bench unnoticed.
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
from typing import Final, Protocol
from urllib.parse import urlsplit

from modemagent import __version__
from modemagent.provisioning.browser.exchange import (
    HEAD_BYTES,
    ScreenRequest,
    head_of,
    read_request,
    respond,
)
from modemagent.provisioning.browser.forms import event_of_form
from modemagent.provisioning.browser.listener import is_loopback
from modemagent.provisioning.browser.page import answer_page, fragments, page, sign_in_page
from modemagent.provisioning.events import CodeScanned, Happening, PersonActed
from modemagent.provisioning.line import LineView
from modemagent.provisioning.scans.sources import Bounces

#: Interval at which changes are looked for, and at which a page without changes is sent a message.
_POLL_S: Final = 0.05
_MESSAGE_S: Final = 1.0
_REQUEST_S: Final = 5.0
_MOST_CONNECTIONS: Final = 32
#: Bytes that wait for a browser that does not read, after which it is disconnected.
_MOST_WAITING: Final = 512 * 1024
#: Wrong tokens after which no token is accepted for some time.
_WRONG_TOKENS: Final = 5
_PAUSE_S: Final = 60.0
_COOKIE: Final = "bench"
_SIGNED_IN_S: Final = 90 * 86400
#: Time in which the page of the last act is sent.
_LAST_PAGE_S: Final = 0.2


class ShownBench(Protocol):
    """What the page shows of the running bench, and where it sends scans and acts."""

    @property
    def revision(self) -> object:
        """Differs if anything but the time differs."""

    def view(self) -> LineView: ...

    def post(self, event: Happening) -> None: ...


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
        self._stop = asyncio.Event()
        self._bounces = Bounces()
        #: fragments that all pages have received
        self._shown: dict[str, str] = {}
        self._files = {
            f"/{name}": (kind, files(__package__).joinpath(name).read_text("utf-8"))
            for name, kind in (
                ("screen.css", "text/css"),
                ("plain.css", "text/css"),
                ("screen.js", "text/javascript"),
            )
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, which also the end of the shift does."""
        self._stop = stop
        server = await asyncio.start_server(
            self._serve, sock=self._listener, limit=HEAD_BYTES, backlog=_MOST_CONNECTIONS
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
                request = await read_request(reader, writer)
                if request.path == "/events" and not self._refusal(request):
                    self._open_events(writer)
                else:
                    response = self._answer_to(request)
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
        writer.write(head_of("200 OK", "text/event-stream") + b"\r\nretry: 1000\n\n")
        writer.write(self._message(parts, parts))
        if not self._watching:
            self._shown = parts
        self._watching.add(writer)

    def _refusal(self, request: ScreenRequest) -> str:
        """Return the status of a request that is refused, "" if it is not."""
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if not self._token:
            # another host name means that a page of another site has led the browser here
            return "" if is_loopback(host) else "421 Misdirected Request"
        cookie = request.cookie(_COOKIE)
        return "" if hmac.compare_digest(cookie.encode(), self._session.encode()) else "401"

    def _answer_to(self, request: ScreenRequest) -> bytes:
        if request.method == "POST" and request.path == "/sign-in" and self._token:
            return self._signed_in(request)
        if request.method == "POST" and request.path == "/act":
            return self._acted(request)
        if request.method not in ("GET", "HEAD"):
            return respond("405 Method Not Allowed", "forms are sent to /act\n")
        if request.path in self._files:
            kind, text = self._files[request.path]
            return respond("200 OK", text, kind)
        refusal = self._refusal(request)
        if refusal == "401":
            return respond("401 Unauthorized", sign_in_page(""), "text/html")
        if refusal:
            return respond(refusal, "use the address that the bench prints\n")
        view = self._bench.view()
        if request.path == "/view":
            return respond("200 OK", page(view, "", is_part=True), "text/html", ancestors="'self'")
        if request.path != "/":
            return respond("404 Not Found", "not found; see /\n")
        return respond("200 OK", page(view, _version(fragments(view))), "text/html")

    def _acted(self, request: ScreenRequest) -> bytes:
        """Send the scan or act of a form to the bench; return to the page, or state the result."""
        if refusal := self._refusal(request):
            return respond(f"{refusal} Refused", "open the page, and sign in if that is required\n")
        if not request.is_of_own_page:
            return respond("403 Forbidden", "this form belongs to another site\n")
        has_script = "application/json" in request.headers.get("accept", "")
        try:
            event = event_of_form(
                request.form, self._bench.view(), is_near=is_loopback(request.peer)
            )
        except ValueError as wrong:
            text = str(wrong)
            answer = text if has_script else answer_page(text)
            return respond("400 Bad Request", answer, "text/plain" if has_script else "text/html")
        if not (isinstance(event, CodeScanned) and self._is_bounce(event)):
            self._bench.post(event)
        if isinstance(event, PersonActed) and event.do == "end":
            asyncio.get_running_loop().call_later(_LAST_PAGE_S, self._stop.set)
        message = self._bench.view().message if isinstance(event, PersonActed) else ""
        if has_script:
            return respond("200 OK", message)
        return respond("303 See Other", "", more="Location: /\r\n")

    def _is_bounce(self, event: CodeScanned) -> bool:
        return self._bounces.is_bounce(event.source, event.text, time.monotonic())

    def _signed_in(self, request: ScreenRequest) -> bytes:
        """Compare the token of a form, and give the browser its session."""
        origin = request.headers.get("origin", "")
        if origin and urlsplit(origin).netloc != request.headers.get("host"):
            return respond("403 Forbidden", "this form belongs to another site\n")
        now = time.monotonic()
        if now < self._closed_until:
            text = "Too many wrong tokens. Wait for a minute."
            return respond("429 Too Many Requests", sign_in_page(text), "text/html")
        given = request.form.get("token", "")
        if not hmac.compare_digest(_hashed(given), _hashed(self._token)):
            self._wrong += 1
            if self._wrong >= _WRONG_TOKENS:
                self._wrong, self._closed_until = 0, now + _PAUSE_S
            return respond("401 Unauthorized", sign_in_page("The token is wrong."), "text/html")
        self._wrong = 0
        cookie = (
            f"Set-Cookie: {_COOKIE}={self._session}; Path=/; Max-Age={_SIGNED_IN_S}; "
            "HttpOnly; SameSite=Strict\r\n"
        )
        return respond("303 See Other", "", more=f"{cookie}Location: /\r\n")


def _version(parts: Mapping[str, str]) -> str:
    """Return what differs if a page has other elements than the parts."""
    return f"{__version__} {len(parts)}"


def _hashed(text: str) -> bytes:
    return sha256(text.strip().encode()).digest()
