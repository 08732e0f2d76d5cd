"""The registry's HTTP application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from modemagent.registry.api.addresses import ClientAddresses, Network
from modemagent.registry.api.eir import EirRoute
from modemagent.registry.api.event_stream import EventStreams
from modemagent.registry.api.gate import Gate
from modemagent.registry.api.health import Probes
from modemagent.registry.api.lookup import LookupRoute
from modemagent.registry.api.metrics import RegistryMetrics
from modemagent.registry.api.on_demand import ApiOnDemand, ByPath, PagesOnDemand
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
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.intake.recorder import Recorder

HOLD_BACK_S = 3600.0
MOST_BODIES_BYTES = 32 * 1024 * 1024  # in memory for all requests together


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
) -> Starlette:
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
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
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

    app = Starlette(lifespan=lifespan)
    queries = QuickQueries(database)
    state = app.state
    state.eir = EirRoute(queries, metrics, eir_default)
    state.database, state.ingest, state.metrics = database, ingest, metrics
    state.recorder, state.looks = recorder, looks
    state.keep_bodies_days, state.timers = keep_bodies_days, housekeeper.timers
    state.tokens, state.streams = tokens, streams
    state.readiness = Readiness(database, ingest)
    state.addresses = ClientAddresses(trusted_proxies)
    api, probes = ApiOnDemand(state), Probes(state)
    budget = MemoryBudget(MOST_BODIES_BYTES)
    passwords = Passwords()
    state.gate = Gate(
        ByPath(app, probes, api, PagesOnDemand(api, state, public_url, passwords)),
        tokens=tokens,
        metrics=metrics,
        addresses=state.addresses,
        budget=budget,
        looks=looks,
        direct={
            ("POST", "/api/v1/reports"): ReportRoute(state, budget),
            ("GET", "/api/v1/events/stream"): streams,
            ("GET", "/api/v1/lookup"): LookupRoute(api, queries),
            ("GET", "/metrics"): probes.metrics,
        },
        allowed_methods=api.methods_at,
    )
    return app
