"""The pages as an ASGI application beside the API: sessions, routes, rendering and errors."""

from __future__ import annotations

import inspect
import logging
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent.registry.api.addresses import UNKNOWN, address_key
from modemagent.registry.api.event_stream import EventStreams
from modemagent.registry.pages.csv_files import complete_or_marked
from modemagent.registry.pages.deleted import deleted
from modemagent.registry.pages.exports import form_url
from modemagent.registry.pages.figures import count
from modemagent.registry.pages.forms import MOST_FORM_BYTES, Form, read_form
from modemagent.registry.pages.frame import (
    HEADERS,
    Answer,
    Ask,
    AsyncHandler,
    Download,
    EventSource,
    Handler,
    Page,
    SeeOther,
    check_origin,
    packed,
)
from modemagent.registry.pages.page_errors import forbidden, page_error
from modemagent.registry.pages.passwords import Passwords
from modemagent.registry.pages.proof import Proof
from modemagent.registry.pages.routes import MENU, ROUTES, PageRoute, menu_of, open_routes
from modemagent.registry.pages.session import SignIn, secret_of
from modemagent.registry.pages.static_files import StaticFiles
from modemagent.registry.pages.time_zones import local, show_in
from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.store.database.query_budget import is_exceeded
from modemagent.registry.store.findings import triage
from modemagent.registry.store.people import sessions
from modemagent.registry.store.privacy import acts

log = logging.getLogger(__name__)

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What went wrong, and what to do next.

    :param record: address of the acts about an object that was deleted
    :param export: address of the form for an export of what was too wide
    :param request_id: under which an internal error is logged
    """

    title: str
    detail: str
    remedy: str
    record: str
    export: str
    request_id: str


class Pages:
    """The application of the pages.

    :param api: application for addresses that are not pages
    :param state: of the registry's application
    :param public_url: address that browsers use, if it differs from that of the listener
    """

    def __init__(
        self, api: ASGIApp, state: State, public_url: str | None, passwords: Passwords
    ) -> None:
        self._api = api
        self._state = state
        self._public_url = public_url
        self._static = StaticFiles()
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals["asset"] = self._static.urls
        self._templates.globals["more"] = [url[1:] for _, rows in MENU for url, _ in rows]
        self._templates.globals["most_counted"] = triage.MOST_COUNTED
        self._templates.filters |= {"count": count, "local": local}
        self._proof = Proof(passwords)
        sign_in = SignIn(passwords)
        routes = [self._route(one) for one in (*open_routes(sign_in), *ROUTES)]
        self._router = Router(
            [*routes, Route("/static/{name}", self._asset, methods=["GET"])],
            redirect_slashes=False,
        )

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._is_page(scope):
            await self._api(scope, receive, send)
            return
        scope["app"] = self  # the router raises its errors instead of answering them
        request = Request(scope, receive)
        try:
            await self._router(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - each becomes a page, and is logged
            response = await run_in_threadpool(self._error, request, error)
            await response(scope, receive, send)

    def _is_page(self, scope: AsgiScope) -> bool:
        accepted = dict(scope["headers"]).get(b"accept", b"")
        return b"text/html" in accepted or any(
            route.matches(scope)[0].value for route in self._router.routes
        )

    def _route(self, row: PageRoute) -> Route:
        """Return the route of a page, which checks the session and the right first."""

        async def endpoint(request: Request) -> Response:
            viewer = None
            if not row.is_open:
                secret = secret_of(request.cookies, self._is_secure(request))
                viewer = await run_in_threadpool(self._viewer, secret) if secret else None
            is_stranger = viewer is None and not row.is_open
            ask = await self._ask(
                request, viewer, MOST_FORM_BYTES if is_stranger else row.most_bytes
            )
            if is_stranger:
                return self._redirect(ask, SeeOther(_sign_in_url(request)))
            if viewer is not None:
                acts.act_as(acts.Acting(viewer.actor, self._state.looks.add))
            if row.right and not ask.who.person.may(row.scope):
                raise forbidden(row.right)
            if row.proof:
                question = await self._proof.question(ask, row.proof)
                if question is not None:
                    return await run_in_threadpool(self._response, ask, question)
            return await self._answered(ask, row.handler)

        return Route(row.path, endpoint, methods=[row.method])

    async def _asset(self, request: Request) -> Response:
        found = self._static.response(request, request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return found

    async def _ask(self, request: Request, viewer: Viewer | None, most_bytes: int) -> Ask:
        _name_route(request)
        form = Form()
        if request.method == "POST":
            check_origin(request, self._public_url)
            form = await read_form(request, most_bytes)
        client = UNKNOWN
        if request.client is not None:
            forwarded = request.headers.get("x-forwarded-for")
            client = address_key(
                self._state.addresses.client_of(
                    request.client.host, forwarded.encode() if forwarded else None
                )
            )
        return Ask(
            state=self._state,
            request=request,
            viewer=viewer,
            form=form,
            is_secure=self._is_secure(request),
            client=client,
            origin=self._public_url or f"{request.url.scheme}://{request.url.netloc}",
        )

    def _viewer(self, secret: str) -> Viewer | None:
        with self._state.database.reading() as connection:
            found = sessions.person_of(connection, secret)
            errors = 0 if found is None else triage.waiting(connection, "error").count
        if found is None:
            return None
        person, is_due = found
        if is_due:
            sessions.note_use(self._state.database, secret)
        return Viewer(person, errors)

    def _is_secure(self, request: Request) -> bool:
        return (self._public_url or request.url.scheme).startswith("https")

    async def _answered(self, ask: Ask, handler: Handler | AsyncHandler) -> Response:
        if inspect.iscoroutinefunction(handler):
            answer: Answer = await handler(ask)
            return await run_in_threadpool(self._response, ask, answer)
        return await run_in_threadpool(lambda: self._response(ask, handler(ask)))  # type: ignore[arg-type]

    def _response(self, ask: Ask, answer: Answer) -> Response:
        if isinstance(answer, SeeOther):
            return self._redirect(ask, answer)
        if isinstance(answer, Download):
            return _download(answer)
        if isinstance(answer, EventSource):
            return _EventStreamResponse(self._state.streams, answer)
        return self._rendered(ask.request, ask.viewer, answer)

    def _redirect(self, ask: Ask, to: SeeOther) -> Response:
        response = RedirectResponse(to.url, 303, HEADERS)
        if to.cookie is not None:
            name, value = to.cookie
            age = sessions.LONGEST_MS // 1000
            response.set_cookie(
                name,
                value or "",
                max_age=age if value else 0,
                secure=ask.is_secure,
                httponly=True,
                samesite="lax",
            )
        return response

    def _rendered(self, request: Request, viewer: Viewer | None, page: Page) -> Response:
        context: dict[str, Any] = {"page": page.model, "viewer": viewer, "errors": None}
        parts = request.url.path.strip("/").split("/")
        context["section"] = "/".join(parts[: 2 if parts[0] == "admin" else 1])
        if viewer is not None:
            context["errors"] = viewer.errors
            context["menu"] = menu_of(viewer.person)
        show_in(viewer.person.zone if viewer else "")
        text = self._templates.get_template(page.template).render(context)
        headers = {**HEADERS, **page.headers}
        return packed(request, text.encode(), "text/html; charset=utf-8", page.status, headers)

    def _error(self, request: Request, error: Exception) -> Response:
        found = page_error(error)
        request_id = ""
        if found.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            request_id = secrets.token_hex(4)
            # without the path, which may contain an identifier
            log.error("page failed, request %s", request_id, exc_info=error)
        secret = secret_of(request.cookies, self._is_secure(request))
        viewer = None
        if secret and found.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            viewer = self._viewer(secret)
        if viewer is not None and found.status == HTTPStatus.NOT_FOUND:
            with self._state.database.reading() as connection:
                found = deleted(connection, request.url.path, viewer) or found
        export = form_url(request.url.path, request.query_params) if is_exceeded(error) else ""
        model = ErrorPage(found.title, found.detail, found.remedy, found.record, export, request_id)
        headers = {"Retry-After": "5"} if found.status in (429, 503) else {}
        page = Page("error.html", model, found.status, headers)
        return self._rendered(request, viewer, page)


class _EventStreamResponse(Response):
    """The response of a stream of events, which the streams of the API send."""

    def __init__(self, streams: EventStreams, source: EventSource) -> None:
        super().__init__()
        self._streams, self._source = streams, source

    async def __call__(self, _: AsgiScope, receive: Receive, send: Send) -> None:
        source = self._source
        await self._streams.follow(
            source.key, source.encode, source.after, receive, send, source.read
        )


def _download(answer: Download) -> Response:
    disposition = f'attachment; filename="{answer.name}"'
    headers = {**HEADERS, "Content-Disposition": disposition}
    lines = complete_or_marked(answer.lines)
    return StreamingResponse(lines, 200, headers, answer.media_type)


def _name_route(request: Request) -> None:
    """Note the route for the metrics of the gate; paths have as many values as objects."""
    first = request.url.path.strip("/").partition("/")[0]
    request.scope["route"] = SimpleNamespace(path=f"/{first}")


def _sign_in_url(request: Request) -> str:
    if request.method != "GET" or request.url.path == "/":
        return "/sign-in"
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/sign-in?{urlencode({'next': path})}"
