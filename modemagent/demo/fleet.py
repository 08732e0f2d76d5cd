"""What the registry's API says, over HTTP."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from modemagent.errors import RegistryUnreachable

_TIMEOUT_S = 10.0
_PAGE = 1000


class Fleet:
    """Reads the registry with a token that may see full identifiers."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._token = token
        # A proxy of the user's environment has no business on the loopback interface.
        self._opener = build_opener(ProxyHandler({}))

    def modems(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self._get(f"/api/v1/modems?limit={_PAGE}{after}")
            found += page["modems"]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"

    def modem(self, imei: str) -> dict[str, Any]:
        return self._get(f"/api/v1/modems/{quote(imei)}")

    def newest_events(self, limit: int) -> list[dict[str, Any]]:
        """Return the latest events, the newest first."""
        events: list[dict[str, Any]] = self._get(f"/api/v1/events?order=desc&limit={limit}")[
            "events"
        ]
        return events

    def _get(self, path: str) -> dict[str, Any]:
        request = Request(  # noqa: S310 - the demo's own registry on this machine
            self.url + path, headers={"Authorization": f"Bearer {self._token}"}
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as reply:
                document: dict[str, Any] = json.load(reply)
                return document
        except OSError as refused:
            raise RegistryUnreachable(f"the demo's registry does not answer: {refused}") from None
