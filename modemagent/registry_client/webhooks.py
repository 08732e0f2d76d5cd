"""The webhooks of a registry over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from modemagent.registry_client.client import Document, HttpSource

Given = Mapping[str, Any]


class WebhookSource(Protocol):
    """Calls about webhooks: over HTTP, or beside the database. They return what the API does."""

    def webhooks(self) -> Document:
        """Return all webhooks."""

    def add(self, given: Given) -> Document:
        """Add a webhook; return it with its secret."""

    def change(self, key: str, given: Given) -> Document | None:
        """Change fields of a webhook; None: there is no such webhook."""

    def replace_secret(self, key: str) -> Document | None:
        """Give a webhook another secret; return the webhook with it."""

    def remove(self, key: str) -> bool:
        """Delete a webhook; return False if there is no such webhook."""

    def test(self, key: str) -> Document | None:
        """Send a test message; return its id, or None: there is no such webhook."""

    def messages(
        self, key: str, limit: int, after: str | None, state: str | None = None
    ) -> Document | None:
        """Return a page of the messages to a webhook, newest first."""

    def send_again(self, key: str, message: str) -> bool:
        """Send a message again; return False if there is none."""


class HttpWebhooks:
    """The webhooks of a registry over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def webhooks(self) -> Document:
        return self._source.get("webhooks") or {"webhooks": []}

    def add(self, given: Given) -> Document:
        return self._sent("POST", "webhooks", given) or {}

    def change(self, key: str, given: Given) -> Document | None:
        return self._sent("PATCH", f"webhooks/{key}", given)

    def replace_secret(self, key: str) -> Document | None:
        return self._sent("POST", f"webhooks/{key}/secret")

    def remove(self, key: str) -> bool:
        return self._sent("DELETE", f"webhooks/{key}") is not None

    def test(self, key: str) -> Document | None:
        return self._sent("POST", f"webhooks/{key}/test")

    def messages(
        self, key: str, limit: int, after: str | None, state: str | None = None
    ) -> Document | None:
        chosen = {"after": after, "state": state}
        more = {name: value for name, value in chosen.items() if value is not None}
        return self._source.get(f"webhooks/{key}/messages", limit=limit, **more)

    def send_again(self, key: str, message: str) -> bool:
        return self._sent("POST", f"webhooks/{key}/messages/{message}/send-again") is not None

    def _sent(self, method: str, path: str, given: Given | None = None) -> Document | None:
        content = None if given is None else json.dumps(given).encode()
        status, body = self._source.request(method, path, content)
        return None if status == 404 else self._source.accepted(status, body)
