"""The registry's HTTP application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from modemagent import __version__
from modemagent.registry.api import event_stream, fleet, health, problem_details, reports
from modemagent.registry.api.addresses import ClientAddresses, Network
from modemagent.registry.api.event_stream import EventStreams
from modemagent.registry.api.gate import Gate
from modemagent.registry.api.metrics import RegistryMetrics
from modemagent.registry.api.quotas import MemoryBudget
from modemagent.registry.api.reports import ReportRoute
from modemagent.registry.api.token_cache import TokenCache
from modemagent.registry.ingest import Ingest
from modemagent.registry.readiness import Readiness
from modemagent.registry.store.engine import Database

MOST_BODIES_BYTES = 32 * 1024 * 1024  # in memory for all requests together


def create_app(database_url: str, trusted_proxies: Sequence[Network] = ()) -> FastAPI:
    """Return the application for a database; ``app.state.gate`` is its first ASGI layer.

    :raises RegistryStoreError: the database cannot be used
    """
    database = Database(database_url)
    ingest = Ingest(database, lambda: streams.notify())
    metrics = RegistryMetrics(database, ingest)
    tokens = TokenCache(database)
    streams = EventStreams(database, tokens)
    metrics.open_streams = lambda: streams.count

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tokens.start()
        streams.start()
        ingest.start()
        yield
        streams.close()
        await asyncio.to_thread(ingest.stop)
        await tokens.stop()
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
    state = app.state
    state.database, state.ingest, state.metrics = database, ingest, metrics
    state.tokens, state.streams = tokens, streams
    state.readiness = Readiness(database, ingest)
    state.addresses = ClientAddresses(trusted_proxies)
    problem_details.add_to(app)
    for router in (reports.router, fleet.router, event_stream.router, health.router):
        app.include_router(router)
    budget = MemoryBudget(MOST_BODIES_BYTES)
    state.gate = Gate(
        app,
        tokens=tokens,
        metrics=metrics,
        addresses=state.addresses,
        budget=budget,
        direct={
            ("POST", "/api/v1/reports"): ReportRoute(state, budget),
            ("GET", "/api/v1/events/stream"): streams,
        },
        allowed_methods=lambda path: problem_details.allowed_methods(app, path),
    )
    return app
