"""Liveness, readiness and metrics; no identifier is shown.

Metrics need a token of scope read, or their own listener, which has these three routes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent.registry.api.auth import check_scope
from modemagent.registry.api.problem_details import ProblemDetails, reply
from modemagent.registry.store.people.tokens import Scope, Token


async def healthz() -> Response:
    """Check that the process responds."""
    return JSONResponse({"status": "ok"})


def readyz(request: Request) -> Response:
    """Check that the registry can take reports; a problem document gives the reasons if not."""
    checks = request.app.state.readiness.check()
    reasons = {name: reason for name, reason in checks.items() if reason is not None}
    if reasons:
        detail = "; ".join(reasons.values())
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return reply(ProblemDetails(status, "not_ready", detail, reasons=reasons))
    return JSONResponse({"status": "ok", "checks": dict.fromkeys(checks, "ok")})


class Probes:
    """``GET /healthz`` and ``GET /readyz``, and ``GET /metrics`` with a token.

    They are answered without FastAPI, which most workers of a fleet need for nothing else.

    :param state: of the registry's application
    """

    def __init__(self, state: State) -> None:
        self._app = metrics_app(state)
        self._routes = {one.path: one for one in self._app.routes if isinstance(one, Route)}

    def answers(self, scope: AsgiScope) -> bool:
        """Return True if a request is one for this application."""
        return scope["method"] == "GET" and scope["path"] in ("/healthz", "/readyz")

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        route = self._routes[scope["path"]]
        scope["app"], scope["route"] = self._app, route
        await route.handle(scope, receive, send)  # the caller answers its errors

    async def metrics(
        self,
        scope: AsgiScope,
        receive: Receive,
        send: Send,
        token: Token,
        _headers: Mapping[bytes, bytes],
    ) -> None:
        """Return metrics for Prometheus."""
        check_scope(token, Scope.READ)
        await self(scope, receive, send)


def metrics_app(state: State) -> Starlette:
    """Return the application of the listener for metrics.

    :param state: the state of the registry's application
    """

    async def healthz_route(_: Request) -> Response:
        return await healthz()

    app = Starlette(
        routes=[
            Route("/metrics", _exposition),
            Route("/healthz", healthz_route),
            Route("/readyz", readyz),
        ]
    )
    app.state = state
    return app


def _exposition(request: Request) -> Response:
    body, content_type = request.app.state.metrics.exposition(request.headers.get("accept", ""))
    return Response(body, media_type=content_type)
