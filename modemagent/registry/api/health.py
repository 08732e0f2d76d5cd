"""Health, readiness, metrics: without a token, and without any identifier."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from modemagent.registry.api.problem_details import ProblemDetails
from modemagent.registry.store import reader

router = APIRouter(tags=["operation"])


@router.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", responses={503: {}})
def readyz(request: Request) -> Response:
    """The database answers too."""
    if not request.app.state.database.answers():
        raise ProblemDetails(
            HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", "the database can not be read now"
        )
    return JSONResponse({"status": "ok"})


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> Response:
    """Counts in Prometheus' text form."""
    state = request.app.state
    lines = [
        "# HELP modemagent_registry_reports_received_total Reports by what became of them.",
        "# TYPE modemagent_registry_reports_received_total counter",
    ]
    for status, count in state.ingest.recorded.items():
        lines.append(f'modemagent_registry_reports_received_total{{status="{status}"}} {count}')
    with state.database.reading() as connection:
        for name, count in reader.counts(connection).items():
            lines += [
                f"# HELP modemagent_registry_{name} Rows kept.",
                f"# TYPE modemagent_registry_{name} gauge",
                f"modemagent_registry_{name} {count}",
            ]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
