"""The HTTP application, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from modemagent import __version__
from modemagent.registry.api import event_stream, fleet, health, problem_details, reports
from modemagent.registry.api.event_stream import Notifier
from modemagent.registry.ingest import Ingest
from modemagent.registry.store.engine import Database


def create_app(database_url: str) -> FastAPI:
    """Return the registry's application on a database.

    :raises RegistryStoreError: the database can not be used
    """
    database = Database(database_url)
    bell = Notifier()
    ingest = Ingest(database, bell.ring)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        bell.hang_in(asyncio.get_running_loop())
        ingest.start()
        yield
        bell.close()
        await asyncio.to_thread(ingest.stop)
        database.close()

    app = FastAPI(
        title="modemagent registry",
        version=__version__,
        description="Which modem and which SIM card is where, since when, and how that is known.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.database, app.state.ingest, app.state.bell = database, ingest, bell
    problem_details.add_to(app)
    app.add_route("/api/v1/reports", reports.post_reports, methods=["POST"])
    for router in (reports.router, fleet.router, event_stream.router, health.router):
        app.include_router(router)
    described = app.openapi

    def openapi() -> dict[str, Any]:
        schema = described()
        schema["paths"]["/api/v1/reports"] = {"post": _BATCH_ROUTE}
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                _describe_problems(path, method, operation["responses"])
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _describe_problems(path: str, method: str, responses: dict[str, Any]) -> None:
    """Say that every error is a problem document, and which ones come from the whole API."""
    general = ["401", "403", "422"] if path.startswith("/api/") else []
    if method == "post":
        general.append("400")
    if path.endswith("/enroll"):
        general.append("409")
    for status in {*general, *(status for status in responses if status >= "4")}:
        responses[status] = {
            "description": "Problem document (RFC 9457)",
            "content": {
                problem_details.CONTENT_TYPE: {
                    "schema": {"$ref": "#/components/schemas/ProblemDocument"}
                }
            },
        }


_BATCH_ROUTE: dict[str, Any] = {
    "tags": ["gateways"],
    "summary": "Take a batch of reports",
    "description": "1 to 1000 reports; each is answered by itself. gzip is accepted.",
    "operationId": "post_reports",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["reports"],
                    "properties": {
                        "reports": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": reports.MOST_REPORTS,
                            "items": {"type": "object"},
                        }
                    },
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "An answer per report, in order",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["results"],
                        "properties": {
                            "results": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "required": ["report_id", "status"],
                                    "properties": {
                                        "report_id": {"type": ["string", "null"]},
                                        "status": {
                                            "enum": [
                                                "accepted",
                                                "duplicate",
                                                "conflict",
                                                "rejected",
                                            ]
                                        },
                                        "problem": {"type": "object"},
                                    },
                                },
                            }
                        },
                    }
                }
            },
        },
        **{
            str(status): {"description": "Problem document (RFC 9457)"}
            for status in (400, 401, 403, 413, 415, 422)
        },
    },
}
