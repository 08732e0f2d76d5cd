"""Liveness, readiness and metrics; no identifier is shown.

Metrics need a token of scope read, or their own listener, which has these three routes alone.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from modemagent.registry.api.auth import requires
from modemagent.registry.api.documents import PROBLEM, PROBLEMS
from modemagent.registry.api.problem_details import ProblemDetails, reply
from modemagent.registry.store.tokens import Scope, Token

router = APIRouter(tags=["operation"])


@router.get("/healthz")
async def healthz() -> Response:
    """Check that the process responds."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", responses={503: PROBLEM})
def readyz(request: Request) -> Response:
    """Check that the registry can take reports; a problem document gives the reasons if not."""
    checks = request.app.state.readiness.check()
    reasons = {name: reason for name, reason in checks.items() if reason is not None}
    if reasons:
        detail = "; ".join(reasons.values())
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return reply(ProblemDetails(status, "not_ready", detail, reasons=reasons))
    return JSONResponse({"status": "ok", "checks": dict.fromkeys(checks, "ok")})


@router.get("/metrics", response_class=PlainTextResponse, responses=PROBLEMS)
def metrics(request: Request, _: Annotated[Token, Depends(requires(Scope.READ))]) -> Response:
    """Return metrics for Prometheus."""
    return _exposition(request)


def metrics_app(state: object) -> Starlette:
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
    app.state = state  # type: ignore[assignment]
    return app


def _exposition(request: Request) -> Response:
    body, content_type = request.app.state.metrics.exposition(request.headers.get("accept", ""))
    return Response(body, media_type=content_type)
