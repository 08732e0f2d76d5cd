"""The pages, imported when the first of them is requested.

They and what only they need take a fifth of the memory of a process, and most workers of a fleet
only ever store reports.
"""

from __future__ import annotations

import asyncio
import gc
from functools import partial

from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from modemagent.registry.pages.passwords import Passwords

#: First parts of the paths that are not pages.
NOT_PAGES = frozenset({"api", "metrics", "healthz", "readyz", "openapi.json", "n5g-eir-eic"})


class PagesOnDemand:
    """Application of the pages, and of the API.

    :param api: application for all addresses that are not pages
    :param state: of the registry's application
    :param public_url: address that browsers use, if it differs from that of the listener
    """

    def __init__(
        self, api: ASGIApp, state: State, public_url: str | None, passwords: Passwords
    ) -> None:
        self._api = api
        self._load = partial(_load, api, state, public_url, passwords)
        self._pages: ASGIApp | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].strip("/").partition("/")[0] in NOT_PAGES:
            await self._api(scope, receive, send)
            return
        async with self._loading:
            pages = self._pages
            if pages is None:  # in a thread: gateways are served meanwhile
                pages = self._pages = await asyncio.to_thread(self._load)
        await pages(scope, receive, send)


def _load(api: ASGIApp, state: State, public_url: str | None, passwords: Passwords) -> ASGIApp:
    from modemagent.registry.pages.site import Pages

    pages = Pages(api, state, public_url, passwords)
    gc.freeze()  # as the modules that were imported at the start
    return pages
