"""Liveness, readiness and metrics; no token is needed and no identifier is shown."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from modemagent.registry.api.documents import PROBLEM
from modemagent.registry.api.problem_details import ProblemDetails

router = APIRouter(tags=["operation"])


@router.get("/healthz")
def healthz() -> Response:
    """Check that the process responds."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", responses={503: PROBLEM})
def readyz(request: Request) -> Response:
    """Check that the database can be read."""
    if not request.app.state.database.is_readable():
        raise ProblemDetails(
            HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", "the database cannot be read"
        )
    return JSONResponse({"status": "ok"})


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> Response:
    """Return metrics for Prometheus."""
    body, content_type = request.app.state.metrics.exposition(request.headers.get("accept", ""))
    return Response(body, media_type=content_type)
