"""Messages to webhooks: made from events and notices, sent in order, and sent again if they fail.

A webhook remembers the positions up to which its messages were made, so it gets each event and
notice at least once, whichever process makes or sends the messages.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, or_, select, update

from modemagent.registry.api.auth import redact_for
from modemagent.registry.outbound.schedule import LONGEST_MS, delay_ms
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.taking import take_due
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.event_reader import events_after
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.outbound import notices
from modemagent.registry.store.outbound.notice_reader import notices_after
from modemagent.registry.store.outbound.webhooks import (
    SEVERITIES,
    TEST,
    insert_messages,
    last_event,
    locked,
)
from modemagent.registry.store.tables.outbound_tables import delivery, webhook

_AT_ONCE = 200
_MOST_WAITING = 10_000  # of a webhook; its position waits until some are delivered
_LEASE_MS = 300_000  # after which a message is sent again if the process that sends it has died
_CLAIMED = 16
_KEPT_MS = {"delivered": 7 * 86_400_000, "dead": 30 * 86_400_000}


class Subscription(NamedTuple):
    """What a webhook is to get.

    :param types: names, or beginnings of names that end with an asterisk
    :param severity: least severity of findings
    """

    id: int
    types: tuple[str, ...]
    severity: str
    full_ids: bool

    def wants(self, type_: str, severity: str = "") -> bool:
        """Return True if a webhook is to get an event or a finding."""
        if severity and severity not in SEVERITIES[self.severity]:
            return False
        return any(
            type_.startswith(one[:-1]) if one.endswith("*") else type_ == one for one in self.types
        )


class Message(NamedTuple):
    """A message that is to be sent now.

    :param secrets: with which it is signed
    """

    id: int
    webhook: int
    url: str
    secrets: tuple[bytes, ...]
    body: bytes
    attempts: int
    created_ms: int


class AttemptResult(NamedTuple):
    """Result of an attempt.

    :param status: of the response; None: there was none
    :param error: why it failed; empty: it was delivered
    """

    status: int | None
    error: str
    retry_after: str | None = None

    @property
    def is_of_endpoint(self) -> bool:
        """Return True if other messages would fail as well."""
        return self.status is None or self.status >= 500 or self.status in (408, 429)


def is_waiting(connection: Connection, now_ms: int) -> bool:
    """Return True if a message may be due, or messages are to be made."""
    c = delivery.c
    due = select(c.id).where(c.state == "waiting", c.due_ms <= now_ms).limit(1)
    if connection.execute(due).first() is not None:
        return True
    w = webhook.c
    behind = select(w.id).where(
        w.state == "active",
        or_(
            w.event_position < last_event(connection),
            w.notice_position < notices.last_position(connection),
        ),
    )
    return connection.execute(behind.limit(1)).first() is not None


def make_messages(batch: Batch) -> bool:
    """Make the messages of events and notices; return True if there may be more."""
    connection = batch.connection
    dialect.lock_outbound(connection)
    more = False
    rows = connection.execute(select(webhook).where(webhook.c.state == "active")).all()
    for row in rows:
        one = Subscription(row.id, tuple(msgspec.json.decode(row.types)), row.severity,
                           bool(row.full_ids))  # fmt: skip
        waiting = select(func.count()).select_from(delivery).where(
            delivery.c.webhook == row.id, delivery.c.state == "waiting"
        )  # fmt: skip
        if connection.execute(waiting).scalar_one() >= _MOST_WAITING:
            continue
        events = events_after(View(connection), row.event_position, _AT_ONCE)
        found, end, is_more = notices_after(connection, row.notice_position, _AT_ONCE)
        made = [
            (batch.key(), row.id, document["type"], _shown(document, one, f"e{position}"))
            for position, document in events
            if one.wants(document["type"])
        ]
        made += [
            (batch.key(), row.id, each.type, _shown(each.document, one, f"n{each.position}"))
            for each in found
            if one.wants(each.type, each.severity)
        ]
        insert_messages(batch, made)
        positions = {
            "event_position": events[-1][0] if events else row.event_position,
            "notice_position": end,
        }
        connection.execute(update(webhook).where(webhook.c.id == row.id).values(positions))
        more = more or is_more or len(events) == _AT_ONCE
    return more


def _shown(document: Document, one: Subscription, sequence: str) -> Document:
    """Return a CloudEvent as a webhook may see it, with its place in the order."""
    return {**redact_for(document, one), "sequence": sequence}


def claim(batch: Batch) -> list[Message]:
    """Take the messages that are due, in order; until the lease ends no other process has them.

    Of a webhook whose last message failed, only one is sent at a time, with growing delay.
    """
    connection, now = batch.connection, batch.now_ms
    keys = take_due(connection, "delivery", f"state = 'waiting' AND due_ms <= {now:d}",
                            8 * _CLAIMED)  # fmt: skip
    c, w = delivery.c, webhook.c
    query = (
        select(delivery, w.url, w.secret, w.old_secret, w.old_until_ms, w.failures, w.retry_ms,
               w.state.label("hook_state"))
        .join_from(delivery, webhook, c.webhook == w.id)
        .where(c.id.in_(keys))
        .order_by(c.id)
    )  # fmt: skip
    claimed: list[Message] = []
    probed: set[int] = set()
    later: list[tuple[int, int]] = []
    for row in connection.execute(query).all():
        is_test = row.type == TEST
        if row.hook_state != "active" and not is_test:
            later.append((now + _LEASE_MS, row.id))
        elif row.failures and not is_test and (row.retry_ms > now or row.webhook in probed):
            later.append((max(row.retry_ms, now + 1000), row.id))
        elif len(claimed) < _CLAIMED:
            probed.add(row.webhook)
            secrets = [bytes(row.secret)]
            if row.old_secret is not None and (row.old_until_ms or 0) > now:
                secrets.append(bytes(row.old_secret))
            claimed.append(
                Message(row.id, row.webhook, row.url, tuple(secrets), bytes(row.body),
                        row.attempts + 1, row.created_ms)
            )  # fmt: skip
    rows = [(now + _LEASE_MS, one.attempts, one.id) for one in claimed]
    dialect.update_rows(connection, delivery, ("id",), ("due_ms", "attempts"), rows)
    dialect.update_rows(connection, delivery, ("id",), ("due_ms",), later)
    return claimed


def finish(batch: Batch, message: Message, outcome: AttemptResult) -> None:
    """Write the result of an attempt, and when the next one is due."""
    connection, now = batch.connection, batch.now_ms
    row = locked(batch, message.webhook)
    if row is None:
        return
    hook: dict[str, Any] = {}
    result: dict[str, Any] = {"status": outcome.status, "error": outcome.error[:300]}
    if not outcome.error:
        result |= {"state": "delivered", "finished_ms": now}
        hook = {"failures": 0, "retry_ms": 0, "failing_since_ms": None, "succeeded_ms": now}
    else:
        failures = row.failures + 1 if outcome.is_of_endpoint else message.attempts
        wait_ms = delay_ms(failures, outcome.retry_after)
        if outcome.is_of_endpoint:
            since = row.failing_since_ms or now
            hook = {"failures": failures, "retry_ms": now + wait_ms, "failing_since_ms": since}
        if now + wait_ms - message.created_ms > LONGEST_MS:
            result |= {"state": "dead", "finished_ms": now}
        else:
            result |= {"due_ms": now + wait_ms}
        if outcome.status == 410:  # the receiver wants none, by the same scheme
            hook |= {"state": "disabled", "reason": "the receiver answered 410 (Gone)"}
    if hook:
        connection.execute(update(webhook).where(webhook.c.id == row.id).values(hook))
    of = update(delivery).where(delivery.c.id == message.id, delivery.c.state == "waiting")
    connection.execute(of.values(result))


def delete_old(batch: Batch) -> bool:
    """Delete old messages and notices; what was not delivered within three days is dead."""
    connection, c = batch.connection, delivery.c
    overdue = update(delivery).where(
        c.state == "waiting", c.created_ms < batch.now_ms - LONGEST_MS, c.due_ms <= batch.now_ms
    )
    error = func.coalesce(func.nullif(c.error, ""), "not sent within three days")
    values = {"state": "dead", "finished_ms": batch.now_ms, "error": error}
    connection.execute(overdue.values(values))
    for state, kept_ms in _KEPT_MS.items():
        old = delete(delivery).where(c.state == state, c.finished_ms < batch.now_ms - kept_ms)
        connection.execute(old)
    over = update(webhook).where(webhook.c.old_until_ms < batch.now_ms)
    connection.execute(over.values(old_secret=None, old_until_ms=None))
    notices.delete_old(batch)
    return False
