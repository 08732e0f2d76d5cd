"""Calls about webhooks, for the HTTP API and for the command line beside the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from modemagent.registry.calls.lists import key_of
from modemagent.registry.outbound.signing import shown_secret
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.outbound import webhooks

T = TypeVar("T")


class WebhookCalls:
    """The webhooks of a registry.

    :param actor: who makes the changes, such as ``token 3``
    """

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def webhooks(self) -> Document:
        """Return all webhooks."""
        with self._database.reading() as connection:
            return webhooks.webhook_page(connection)

    def webhook(self, key: str) -> Document | None:
        """Return a webhook."""
        with self._database.reading() as connection:
            return webhooks.webhook_document(connection, key_of(key))

    def add(self, given: Mapping[str, Any]) -> Document:
        """Add a webhook; return it with its secret, which is not shown again.

        :raises UsageError: a field is not valid
        """
        key, secret = self._run(lambda batch: webhooks.add(batch, given, self._actor))
        return {**(self.webhook(str(key)) or {}), "secret": shown_secret(secret)}

    def change(self, key: str, given: Mapping[str, Any]) -> Document | None:
        """Change fields of a webhook; None: there is no such webhook.

        :raises UsageError: a field is not valid
        """
        row = key_of(key)
        done = self._run(lambda batch: webhooks.change(batch, row, given))
        return self.webhook(key) if done else None

    def replace_secret(self, key: str) -> Document | None:
        """Give a webhook another secret; return the webhook with it."""
        row = key_of(key)
        secret = self._run(lambda batch: webhooks.replace_secret(batch, row))
        if secret is None:
            return None
        return {**(self.webhook(key) or {}), "secret": shown_secret(secret)}

    def remove(self, key: str) -> bool:
        """Delete a webhook; return False if there is no such webhook."""
        row = key_of(key)
        return self._run(lambda batch: webhooks.remove(batch, row))

    def test(self, key: str) -> Document | None:
        """Send a test message; return its id, or None: there is no such webhook."""
        row = key_of(key)
        message = self._run(lambda batch: webhooks.send_test(batch, row))
        return None if message is None else {"message": str(message)}

    def messages(
        self, key: str, limit: int, after: str | None, state: str | None = None
    ) -> Document | None:
        """Return a page of the messages to a webhook, newest first; None: no such webhook."""
        row, begin = key_of(key), key_of(after) if after else None
        with self._database.reading() as connection:
            if webhooks.webhook_document(connection, row) is None:
                return None
            return webhooks.message_page(connection, row, limit=limit, after=begin, state=state)

    def send_again(self, key: str, message: str) -> bool:
        """Send a message again that was delivered or given up; False: there is none."""
        row, which = key_of(key), key_of(message)
        return self._run(lambda batch: webhooks.send_again(batch, row, which))

    def _run(self, work: Callable[[Batch], T]) -> T:
        return Recorder(self._database).run(work)
