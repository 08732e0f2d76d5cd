"""The routes of the API as an application of FastAPI, with its description.

It takes a fifth of the memory of a process, and most workers of a fleet only ever store reports, so
it is imported with the first request for one of its routes (:mod:`.on_demand`).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from functools import cached_property

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent import __version__
from modemagent.registry.api import (
    assets,
    audit,
    cases,
    checks,
    deadlines,
    described,
    enrollment,
    erasures,
    findings,
    fleet,
    imports,
    lists,
    orders,
    outside,
    policies,
    problem_handlers,
    rechecks,
    retention,
    webhooks,
    work_objects,
)

_OPENAPI = "/openapi.json"
ROUTERS = (
    described.reports,
    enrollment.router,
    fleet.router,
    findings.router,
    rechecks.router,
    policies.router,
    described.events,
    lists.router,
    imports.router,
    checks.router,
    assets.router,
    cases.router,
    orders.router,
    deadlines.router,
    outside.router,
    audit.router,
    erasures.router,
    retention.router,
    webhooks.router,
    work_objects.router,
    described.operation,
)


class Api:
    """The application of the API.

    :param state: of the registry's application
    """

    def __init__(self, state: State) -> None:
        self.fastapi = FastAPI(
            title="modemagent registry",
            version=__version__,
            description="Where every modem and SIM of a fleet is, since when, on which evidence.",
            docs_url=None,
            openapi_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )
        self.fastapi.state = state
        self.fastapi.add_route(_OPENAPI, OpenApiDocument(self.fastapi).get, include_in_schema=False)
        self.methods_at = PathMethods(ROUTERS).at
        problem_handlers.add_to(self.fastapi, self.methods_at)
        for router in ROUTERS:  # include_router would make each route again, at the first request
            self.fastapi.router.routes.extend(router.routes)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        await self.fastapi(scope, receive, send)


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
