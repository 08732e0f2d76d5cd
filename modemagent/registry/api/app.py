"""The registry's HTTP application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from modemagent import __version__
from modemagent.registry.api import event_stream, fleet, health, problem_details, reports
from modemagent.registry.api.event_stream import Notifier
from modemagent.registry.api.metrics import RegistryMetrics, RequestMetrics
from modemagent.registry.ingest import Ingest
from modemagent.registry.store.engine import Database


def create_app(database_url: str) -> FastAPI:
    """Return the application for a database.

    :raises RegistryStoreError: the database cannot be used
    """
    database = Database(database_url)
    ingest = Ingest(database, lambda: app.state.notifier.notify())
    metrics = RegistryMetrics(database, ingest)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        app.state.notifier = Notifier(asyncio.get_running_loop())
        ingest.start()
        yield
        app.state.notifier.close()
        await asyncio.to_thread(ingest.stop)
        database.close()

    app = FastAPI(
        title="modemagent registry",
        version=__version__,
        description="Where every modem and SIM of a fleet is, since when, on which evidence.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.database, app.state.ingest, app.state.metrics = database, ingest, metrics
    app.add_middleware(RequestMetrics, metrics=metrics)
    problem_details.add_to(app)
    # Matches before the documented route of the router: FastAPI takes twice the time of Starlette.
    app.add_route("/api/v1/reports", reports.post_reports, methods=["POST"])
    for router in (reports.router, fleet.router, event_stream.router, health.router):
        app.include_router(router)
    return app
