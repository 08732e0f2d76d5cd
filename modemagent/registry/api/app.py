"""The registry's HTTP application."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cached_property

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from modemagent import __version__
from modemagent.registry.api import (
    assets,
    audit,
    cases,
    checks,
    deadlines,
    enrollment,
    erasures,
    event_stream,
    findings,
    fleet,
    health,
    imports,
    lists,
    orders,
    outside,
    policies,
    problem_details,
    rechecks,
    reports,
    retention,
    webhooks,
    work_objects,
)
from modemagent.registry.api.addresses import ClientAddresses, Network
from modemagent.registry.api.eir import EirRoute
from modemagent.registry.api.event_stream import EventStreams
from modemagent.registry.api.gate import Gate
from modemagent.registry.api.lookup import LookupRoute
from modemagent.registry.api.metrics import RegistryMetrics
from modemagent.registry.api.pages_on_demand import PagesOnDemand
from modemagent.registry.api.quick_query import QuickQueries
from modemagent.registry.api.quotas import MemoryBudget
from modemagent.registry.api.reports import ReportRoute
from modemagent.registry.api.token_cache import TokenCache
from modemagent.registry.equipment.verdict import Status
from modemagent.registry.housekeeping import Housekeeper
from modemagent.registry.ingest import Ingest
from modemagent.registry.looks import Looks
from modemagent.registry.outbound.dispatcher import Dispatcher
from modemagent.registry.outbound.mail import MailOptions
from modemagent.registry.pages.passwords import Passwords
from modemagent.registry.readiness import Readiness
from modemagent.registry.store.engine import Database
from modemagent.registry.store.recorder import Recorder

HOLD_BACK_S = 3600.0
_OPENAPI = "/openapi.json"
MOST_BODIES_BYTES = 32 * 1024 * 1024  # in memory for all requests together
_ROUTERS = tuple(
    module.router
    for module in (
        reports,
        enrollment,
        fleet,
        findings,
        rechecks,
        policies,
        event_stream,
        lists,
        imports,
        checks,
        assets,
        cases,
        orders,
        deadlines,
        outside,
        audit,
        erasures,
        retention,
        webhooks,
        work_objects,
        health,
    )
)


def create_app(
    database_url: str,
    trusted_proxies: Sequence[Network] = (),
    *,
    hold_back_s: float = HOLD_BACK_S,
    secret: bytes | None = None,
    keep_bodies_days: int | None = None,
    public_url: str | None = None,
    webhook_networks: Sequence[Network] = (),
    mail: MailOptions | None = None,
    eir_default: Status | None = None,
) -> FastAPI:
    """Return the application for a database; ``app.state.gate`` is its first ASGI layer.

    ``app.state.eir`` is the application of the listener for equipment status.

    :param hold_back_s: how long events wait for missing reports
    :param secret: key of ids and references, if the database is created
    :param keep_bodies_days: how long bodies of reports are kept; None: without limit
    :param public_url: origin of the pages for browsers, if it is not that of the listener
    :param webhook_networks: networks that are not public, which webhooks may be in
    :param mail: where digests of new errors are sent; None: nowhere
    :param eir_default: status of equipment that is on no list; None: unknown
    :raises RegistryStoreError: the database cannot be used
    """
    database = Database(database_url, secret=secret)
    recorder = Recorder(database, round(hold_back_s * 1000))
    ingest = Ingest(recorder, lambda: streams.notify())
    metrics = RegistryMetrics(database, ingest)
    tokens = TokenCache(database)
    streams = EventStreams(database, tokens)
    metrics.open_streams = lambda: streams.count
    looks = Looks(database)
    housekeeper = Housekeeper(database, recorder, lambda: streams.notify(), keep_bodies_days, looks)

    dispatcher = Dispatcher(database, recorder, webhook_networks, mail, lambda: streams.notify())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tokens.start()
        streams.start()
        ingest.start()
        queries.start()
        housekeeper.start()
        dispatcher.start()
        yield
        streams.close()
        await asyncio.to_thread(dispatcher.stop)
        await asyncio.to_thread(housekeeper.stop)
        await asyncio.to_thread(ingest.stop)
        queries.stop()
        await tokens.stop()
        passwords.close()
        database.close()

    app = FastAPI(
        title="modemagent registry",
        version=__version__,
        description="Where every modem and SIM of a fleet is, since when, on which evidence.",
        lifespan=lifespan,
        docs_url=None,
        openapi_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    queries = QuickQueries(database)
    state = app.state
    state.eir = EirRoute(queries, metrics, eir_default)
    state.database, state.ingest, state.metrics = database, ingest, metrics
    state.recorder, state.looks = recorder, looks
    state.keep_bodies_days = keep_bodies_days
    state.tokens, state.streams = tokens, streams
    state.readiness = Readiness(database, ingest)
    state.addresses = ClientAddresses(trusted_proxies)
    app.add_route(_OPENAPI, OpenApiDocument(app).get, include_in_schema=False)
    methods = PathMethods(_ROUTERS)
    problem_details.add_to(app, methods.at)
    for router in _ROUTERS:  # include_router would make each route again, at the first request
        app.router.routes.extend(router.routes)
    budget = MemoryBudget(MOST_BODIES_BYTES)
    passwords = Passwords()
    state.gate = Gate(
        PagesOnDemand(app, state, public_url, passwords),
        tokens=tokens,
        metrics=metrics,
        addresses=state.addresses,
        budget=budget,
        looks=looks,
        direct={
            ("POST", "/api/v1/reports"): ReportRoute(state, budget),
            ("GET", "/api/v1/events/stream"): streams,
            ("GET", "/api/v1/lookup"): LookupRoute(app, queries),
        },
        allowed_methods=methods.at,
    )
    return app


class OpenApiDocument:
    """``GET /openapi.json``, encoded once: FastAPI encodes it for each request, in 3 ms."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def get(self, _: Request) -> Response:
        # in a thread: other requests are served meanwhile
        encoded = await asyncio.to_thread(lambda: self._encoded)
        return Response(encoded, media_type="application/json")

    @cached_property
    def _encoded(self) -> bytes:
        return json.dumps(self._app.openapi(), separators=(",", ":")).encode("ascii")


class PathMethods:
    """The methods of the routes of an application, found without its OpenAPI document.

    Making that document takes a second of CPU time, during which no other request is served.
    """

    def __init__(self, routers: Sequence[APIRouter]) -> None:
        self._routers = routers

    def at(self, path: str) -> set[str]:
        """Return the methods at a path, with HEAD and OPTIONS; none: there is no such path."""
        found: set[str] = set()
        for pattern, methods in self._table:
            if pattern.fullmatch(path):
                found |= methods
        return found

    @cached_property
    def _table(self) -> list[tuple[re.Pattern[str], set[str]]]:
        methods_of: dict[str, set[str]] = {_OPENAPI: {"GET"}}
        for router in self._routers:
            for route in router.routes:
                if isinstance(route, APIRoute):
                    methods_of.setdefault(route.path, set()).update(route.methods or ())
        return [
            (
                re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path))),
                methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()),
            )
            for path, methods in methods_of.items()
        ]
