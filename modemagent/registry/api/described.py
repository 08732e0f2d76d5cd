"""Routes that are described here for the API, and answered without FastAPI."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import PlainTextResponse, StreamingResponse

from modemagent.registry.api.batch_scan import MOST_REPORTS
from modemagent.registry.api.documents import PROBLEM, PROBLEMS, Receipts
from modemagent.registry.api.event_stream import HIGHEST_POSITION
from modemagent.registry.api.health import healthz, readyz
from modemagent.registry.api.permissions import requires
from modemagent.registry.store.people.tokens import Scope, Token

reports = APIRouter(prefix="/api/v1", tags=["gateways"], responses=PROBLEMS)
events = APIRouter(prefix="/api/v1", tags=["fleet"], responses=PROBLEMS)
operation = APIRouter(tags=["operation"])

_BATCH_SCHEMA = {
    "type": "object",
    "required": ["reports"],
    "additionalProperties": False,
    "properties": {
        "reports": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_REPORTS,
            "items": {"description": "A report. Anything else is rejected separately."},
        }
    },
}


@reports.post(
    "/reports",
    operation_id="post_reports",
    response_model=Receipts,
    responses=dict.fromkeys((400, 413, 415), PROBLEM),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _BATCH_SCHEMA}},
        }
    },
)
async def post_reports() -> None:
    """Accept 1 to 1000 reports and return a result for each of them. gzip is supported."""


@events.get("/events/stream", response_class=StreamingResponse)
async def stream(
    _token: Annotated[Token, Depends(requires(Scope.READ))],
    _after: Annotated[int | None, Query(alias="after", ge=0, le=HIGHEST_POSITION)] = None,
) -> None:
    """Stream new events, or those that follow the position `after` or `Last-Event-ID`."""


operation.get("/healthz")(healthz)
operation.get("/readyz", responses={503: PROBLEM})(readyz)


@operation.get("/metrics", response_class=PlainTextResponse, responses=PROBLEMS)
def metrics(_: Annotated[Token, Depends(requires(Scope.READ))]) -> None:
    """Return metrics for Prometheus."""
