"""The pages as an ASGI application beside the API: sessions, routes, rendering and errors."""

from __future__ import annotations

import inspect
import logging
import secrets
from collections.abc import Awaitable, Callable
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
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent.registry.api.addresses import UNKNOWN, address_key
from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.pages import (
    finding,
    findings,
    gateway,
    lookup,
    me,
    modem,
    overview,
    report,
    sim,
    unit_lists,
)
from modemagent.registry.pages.figures import count
from modemagent.registry.pages.frame import (
    HEADERS,
    Answer,
    Ask,
    AsyncHandler,
    Handler,
    Page,
    PageError,
    SeeOther,
    check_origin,
    packed,
    read_form,
)
from modemagent.registry.pages.passwords import Passwords
from modemagent.registry.pages.session import SignIn, secret_of
from modemagent.registry.pages.static_files import StaticFiles
from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.store import acts, people, triage
from modemagent.registry.store.engine import is_unavailable

log = logging.getLogger(__name__)

_API = frozenset(
    {"api", "metrics", "healthz", "readyz", "openapi.json", "n5g-eir-eic"},
)
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What went wrong, and what to do next.

    :param request_id: under which an internal error is logged
    """

    title: str
    detail: str
    remedy: str
    request_id: str


class Pages:
    """The application of the pages.

    :param api: application for all addresses that are not pages
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
        )
        self._templates.globals["asset"] = self._static.urls
        self._templates.filters["count"] = count
        sign_in = SignIn(passwords)
        get, post = ["GET"], ["POST"]
        self._router = Router(
            [
                Route("/sign-in", self._open(sign_in.form), methods=get),
                Route("/sign-in", self._open(sign_in.sign_in), methods=post),
                Route("/sign-out", self._open(sign_in.sign_out), methods=post),
                Route("/welcome/{secret}", self._open(sign_in.welcome), methods=get),
                Route("/welcome/{secret}", self._open(sign_in.accept), methods=post),
                Route("/", self._signed_in(overview.show), methods=get),
                Route("/lookup", self._signed_in(lookup.form), methods=get),
                Route("/lookup", self._signed_in(lookup.find), methods=post),
                Route("/me", self._signed_in(me.show), methods=get),
                Route("/me/preferences", self._signed_in(me.set_preferences), methods=post),
                Route("/me/end-others", self._signed_in(me.end_others), methods=post),
                Route("/modems", self._signed_in(unit_lists.modems), methods=get),
                Route("/sims", self._signed_in(unit_lists.sims), methods=get),
                Route("/modems/{name}", self._signed_in(modem.show), methods=get),
                Route("/sims/{name}", self._signed_in(sim.show), methods=get),
                Route("/gateways", self._signed_in(gateway.show_all), methods=get),
                Route("/gateways/{name}", self._signed_in(gateway.show), methods=get),
                Route("/findings", self._signed_in(findings.show), methods=get),
                Route("/findings/{id}", self._signed_in(finding.show), methods=get),
                Route("/findings/{id}/{action}", self._signed_in(finding.decide), methods=post),
                Route("/reports/{gateway}/{stream}/{sequence:int}",
                      self._signed_in(report.show), methods=get),
                Route("/static/{name}", self._asset, methods=get),
            ],
            redirect_slashes=False,
        )  # fmt: skip

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
        first = scope["path"].strip("/").partition("/")[0]
        if first in _API:
            return False
        accepted = dict(scope["headers"]).get(b"accept", b"")
        return b"text/html" in accepted or any(
            route.matches(scope)[0].value for route in self._router.routes
        )

    def _open(self, handler: Handler | AsyncHandler) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of a page that needs no session."""

        async def endpoint(request: Request) -> Response:
            ask = await self._ask(request, None)
            return await self._answered(ask, handler)

        return endpoint

    def _signed_in(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of a page for people who are signed in."""

        async def endpoint(request: Request) -> Response:
            secret = secret_of(request.cookies, self._is_secure(request))
            viewer = await run_in_threadpool(self._viewer, secret) if secret else None
            ask = await self._ask(request, viewer)
            if viewer is None:
                return self._redirect(ask, SeeOther(_sign_in_url(request)))
            acts.act_as(acts.Acting(viewer.actor, self._state.looks.add))
            return await self._answered(ask, handler)

        return endpoint

    async def _asset(self, request: Request) -> Response:
        found = self._static.response(request, request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return found

    async def _ask(self, request: Request, viewer: Viewer | None) -> Ask:
        _name_route(request)
        form = {}
        if request.method == "POST":
            check_origin(request, self._public_url)
            form = await read_form(request)
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
        )

    def _viewer(self, secret: str) -> Viewer | None:
        with self._state.database.reading() as connection:
            found = people.person_of(connection, secret)
        if found is None:
            return None
        person, is_due = found
        if is_due:
            people.note_use(self._state.database, secret)
        return Viewer(person)

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
        return self._rendered(ask.request, ask.viewer, answer)

    def _redirect(self, ask: Ask, to: SeeOther) -> Response:
        response = RedirectResponse(to.url, 303, HEADERS)
        if to.cookie is not None:
            name, value = to.cookie
            age = people.LONGEST_MS // 1000
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
        context["section"] = request.url.path.strip("/").partition("/")[0]
        if viewer is not None:
            with self._state.database.reading() as connection:
                context["errors"] = triage.waiting(connection, "error").count
        text = self._templates.get_template(page.template).render(context)
        headers = {**HEADERS, **page.headers}
        return packed(request, text.encode(), "text/html; charset=utf-8", page.status, headers)

    def _error(self, request: Request, error: Exception) -> Response:
        found = _page_error(error)
        request_id = ""
        if found.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            request_id = secrets.token_hex(4)
            # without the path, which may contain an identifier
            log.error("page failed, request %s", request_id, exc_info=error)
        secret = secret_of(request.cookies, self._is_secure(request))
        viewer = None
        if secret and found.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            viewer = self._viewer(secret)
        model = ErrorPage(found.title, found.detail, found.remedy, request_id)
        headers = {"Retry-After": "5"} if found.status in (429, 503) else {}
        page = Page("error.html", model, found.status, headers)
        return self._rendered(request, viewer, page)


def _name_route(request: Request) -> None:
    """Note the route for the metrics of the gate; paths have as many values as objects."""
    first = request.url.path.strip("/").partition("/")[0]
    request.scope["route"] = SimpleNamespace(path=f"/{first}")


def _sign_in_url(request: Request) -> str:
    if request.method != "GET" or request.url.path == "/":
        return "/sign-in"
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/sign-in?{urlencode({'next': path})}"


def _page_error(error: Exception) -> PageError:
    if isinstance(error, PageError):
        return error
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.NOT_FOUND:
            return PageError(
                404, "No such page", "This address has no page.", "Go to the overview."
            )
        return PageError(error.status_code, HTTPStatus(error.status_code).phrase, error.detail)
    if isinstance(error, ProblemDetails):
        return PageError(int(error.status), error.status.phrase, str(error))
    if is_unavailable(error) or isinstance(error, TimeoutError):
        return PageError(
            503,
            "The database cannot be used at present",
            "Gateways keep their reports until it can.",
            "Load the page again in some seconds.",
        )
    return PageError(
        500,
        "Internal error",
        "The registry failed to make this page; nothing was changed.",
        "Load the page again. If it fails again, give the request id to an administrator.",
    )
