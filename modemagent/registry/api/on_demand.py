"""The API and the pages, imported when the first of their routes is requested.

Each takes a fifth of the memory of a process, and most workers of a fleet only ever store reports
and look up modems, which needs neither.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent.registry.api.health import Probes
from modemagent.registry.pages.passwords import Passwords

if TYPE_CHECKING:
    from modemagent.registry.api.routes import Api

#: First parts of the paths that are not pages.
NOT_PAGES = frozenset({"api", "metrics", "healthz", "readyz", "openapi.json", "n5g-eir-eic"})


class ByPath:
    """The application behind the gate, which selects another one for each request.

    :param lifespan: application whose lifespan is that of the process
    """

    def __init__(
        self, lifespan: ASGIApp, probes: Probes, api: ApiOnDemand, pages: PagesOnDemand
    ) -> None:
        self._lifespan, self._probes, self._api, self._pages = lifespan, probes, api, pages

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._pages
        if scope["type"] != "http":
            app = self._lifespan
        elif self._probes.answers(scope):
            app = self._probes
        elif scope["path"].strip("/").partition("/")[0] in NOT_PAGES:
            app = self._api
        await app(scope, receive, send)


class _OnDemand:
    """An application that is loaded in a thread: gateways are served meanwhile."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._loaded: Any = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        app = await self.loaded()
        await app(scope, receive, send)

    async def loaded(self) -> Any:
        """Return the application."""
        if self._loaded is None:
            async with self._loading:
                if self._loaded is None:
                    self._loaded = await asyncio.to_thread(self._load)
                    gc.freeze()  # as the modules that were imported at the start
        return self._loaded


class ApiOnDemand(_OnDemand):
    """Application of the API.

    :param state: of the registry's application
    """

    def __init__(self, state: State) -> None:
        super().__init__(partial(_load_api, state))

    async def methods_at(self, path: str) -> set[str]:
        """Return the methods at a path, with HEAD and OPTIONS; none: there is no such path."""
        api: Api = await self.loaded()
        return api.methods_at(path)


class PagesOnDemand(_OnDemand):
    """Application of the pages.

    :param api: application for all addresses that are not pages
    :param state: of the registry's application
    :param public_url: address that browsers use, if it differs from that of the listener
    """

    def __init__(
        self, api: ApiOnDemand, state: State, public_url: str | None, passwords: Passwords
    ) -> None:
        super().__init__(partial(_load_pages, api, state, public_url, passwords))


def _load_api(state: State) -> Api:
    from modemagent.registry.api.routes import Api

    return Api(state)


def _load_pages(
    api: ASGIApp, state: State, public_url: str | None, passwords: Passwords
) -> ASGIApp:
    from modemagent.registry.pages.site import Pages

    return Pages(api, state, public_url, passwords)
