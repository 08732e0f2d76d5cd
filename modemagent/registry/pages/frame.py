"""What all pages share: requests, answers, headers, and the check of the origin of forms."""

from __future__ import annotations

import gzip
import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response

from modemagent.registry.pages.forms import Form
from modemagent.registry.pages.page_errors import PageError, not_found
from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.store.database.query_budget import limited

_ZIPPED_FROM = 1024  # bytes
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types registry"
)
#: Beside those of the server and of the gate.
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request for a page.

    :param state: of the registry's application
    :param viewer: who is signed in
    :param is_secure: cookies are sent over TLS only
    :param client: key of the address for rates
    :param origin: of the pages, for browsers
    """

    state: State
    request: Request
    viewer: Viewer | None
    form: Form
    is_secure: bool
    client: str
    origin: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def who(self) -> Viewer:
        """The person who is signed in; pages without a sign-in do not use it."""
        assert self.viewer is not None  # noqa: S101 - checked before the page is made
        return self.viewer

    @property
    def path(self) -> Mapping[str, str]:
        """Parameters of the path."""
        return self.request.path_params

    def query(self, name: str) -> str:
        """Return a parameter of the address, empty if it is missing."""
        return self.request.query_params.get(name, "").strip()

    def given(self, name: str) -> str:
        """Return a field of the form, empty if it is missing."""
        return self.form.text(name).strip()

    def number(self, name: str) -> int | None:
        """Return a cursor or a revision in the address or the form; None: there is none."""
        text = self.given(name) or self.query(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None

    def time_ms(self, name: str) -> int | None:
        """Return a time in the address in milliseconds since 1970; None: there is none.

        It is UTC unless it has a zone.

        :raises PageError: it cannot be read
        """
        text = self.query(name)
        try:
            at = datetime.fromisoformat(text) if text else None
        except ValueError:
            raise PageError(
                400,
                "Not a time",
                f"The parameter {name} is not a time in UTC.",
                "Example: 2026-03-01T12:00:00Z",
            ) from None
        if at is None:
            return None
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)

    def key(self, letter: str, what: str) -> str:
        """Return the id in an address such as ``/cases/K31``.

        :raises PageError: the address is that of nothing
        """
        found = re.fullmatch(rf"{letter}([0-9]{{1,18}})", self.path["name"])
        if found is None:
            raise not_found(what)
        return found[1]

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Return a connection that sees one state of the database, with limited queries."""
        with self.state.database.reading() as connection, limited(connection):
            yield connection


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its template, and what is shown in it."""

    template: str
    model: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeeOther:
    """Another address, with cookies to set: names and values, None to delete one."""

    url: str
    cookie: tuple[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A file: its name, which has no identifier, and its lines."""

    name: str
    lines: Iterable[str]
    media_type: str = "text/csv; charset=utf-8"


@dataclass(frozen=True, slots=True)
class EventSource:
    """A stream of events.

    :param key: of the person
    :param encode: returns the text of an event
    :param after: position after which it begins; None: with the next event
    :param read: returns what follows a position; None: the events of the fleet
    """

    key: str
    encode: Callable[[int, dict[str, Any]], bytes]
    after: int | None
    read: Callable[[Connection, int], list[tuple[int, dict[str, Any]]]] | None = None


Answer = Page | SeeOther | Download | EventSource
Handler = Callable[[Ask], Answer]
AsyncHandler = Callable[[Ask], Awaitable[Answer]]


def check_origin(request: Request, public_url: str | None) -> None:
    """Check that a form was sent by a page of this registry.

    :raises PageError: another site sent it, or the browser does not tell
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        is_own = site == "same-origin"
    else:
        origin = urlsplit(request.headers.get("origin", ""))
        own = urlsplit(public_url).netloc if public_url else request.headers.get("host", "")
        is_own = origin.scheme in ("http", "https") and bool(own) and origin.netloc == own
    if not is_own:
        raise PageError(
            403,
            "Refused: sent from another site",
            "A form that changes something must be sent by a page of this registry.",
            "Open the page here and send the form again. Behind a reverse proxy, the registry "
            "needs --public-url with the address that browsers use.",
        )


def is_loopback(request: Request) -> bool:
    """Return True if the request comes from this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def packed(
    request: Request, body: bytes, media_type: str, status: int, headers: Mapping[str, str]
) -> Response:
    """Return a response, compressed if the browser accepts that."""
    more: dict[str, Any] = dict(headers)
    if len(body) >= _ZIPPED_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 5, mtime=0)
        more |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, status, more, media_type)
