"""Webhooks in the database: added, changed, tested, and shown with their messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from modemagent.errors import UsageError
from modemagent.identity.csv_cells import clean_text
from modemagent.registry.outbound.signing import new_secret
from modemagent.registry.outbound.targets import check_url
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.outbound import notices
from modemagent.registry.store.privacy import acts
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.outbound_tables import delivery, webhook

MOST = 100
LONGEST_NAME = 100
_MOST_TYPES = 50
_OLD_SECRET_MS = 86_400_000
SEVERITIES = {"error": {"error"}, "warning": {"error", "warning"}}
TEST = "webhook.test"


# -- changes of webhooks ----------------------------------------------------------------------


def add(batch: Batch, given: Mapping[str, Any], actor: str) -> tuple[int, bytes]:
    """Add a webhook; return its id and its secret.

    :raises UsageError: a field is not valid, or there are too many
    """
    connection = batch.connection
    values = _values(given)
    if not {"name", "url"} <= values.keys():
        raise UsageError("a webhook has a name and a URL", hint="Give both.")
    count = select(func.count()).select_from(webhook).where(webhook.c.deleted_ms.is_(None))
    if connection.execute(count).scalar_one() >= MOST:
        raise UsageError(f"there are {MOST} webhooks", hint="Delete those that are not used.")
    key, secret = batch.key(), new_secret()
    fixed = {
        "types": msgspec.json.encode(["*"]).decode(), "severity": "error", "full_ids": False,
        "state": "active", "reason": "", **values,
    }  # fmt: skip
    dialect.lock_event_log(connection)
    dialect.lock_outbound(connection)
    positions = {
        "event_position": last_event(connection),
        "notice_position": notices.last_position(connection),
    }
    connection.execute(
        insert(webhook).values(
            id=key, secret=secret, created_by=actor, revision=1, created_ms=batch.now_ms,
            failures=0, retry_ms=0, **positions, **fixed,
        )
    )  # fmt: skip
    acts.note(connection, "webhook.add", f"webhook:{key}")
    return key, secret


def change(batch: Batch, key: int, given: Mapping[str, Any]) -> bool:
    """Change fields of a webhook; return False if there is no such webhook.

    Activated again, it goes on with what has happened meanwhile.
    """
    values = _values(given)
    row = locked(batch, key)
    if row is None:
        return False
    if values.get("state") == "active":
        values |= {"reason": "", "failures": 0, "retry_ms": 0, "failing_since_ms": None}
    of = update(webhook).where(webhook.c.id == key)
    batch.connection.execute(of.values(revision=row.revision + 1, **values))
    acts.note(batch.connection, "webhook.change", f"webhook:{key}", fields=sorted(given))
    return True


def replace_secret(batch: Batch, key: int) -> bytes | None:
    """Give a webhook another secret; the old one also signs for 24 hours more."""
    row = locked(batch, key)
    if row is None:
        return None
    secret = new_secret()
    batch.connection.execute(
        update(webhook)
        .where(webhook.c.id == key)
        .values(
            secret=secret,
            old_secret=bytes(row.secret),
            old_until_ms=batch.now_ms + _OLD_SECRET_MS,
            revision=row.revision + 1,
        )
    )
    acts.note(batch.connection, "webhook.secret", f"webhook:{key}")
    return secret


def remove(batch: Batch, key: int) -> bool:
    """Delete a webhook with its messages; return False if there is no such webhook."""
    if locked(batch, key) is None:
        return False
    connection = batch.connection
    connection.execute(delete(delivery).where(delivery.c.webhook == key))
    connection.execute(delete(webhook).where(webhook.c.id == key))
    acts.note(connection, "webhook.delete", f"webhook:{key}")
    return True


def send_test(batch: Batch, key: int) -> int | None:
    """Add a message that tests a webhook, also one that is disabled; return its id."""
    if locked(batch, key) is None:
        return None
    message = batch.key()
    document = {
        "specversion": "1.0", "id": f"test-{message}", "type": TEST, "source": "/registry",
        "subject": f"webhook:{key}", "time": to_rfc3339(batch.now_ms),
        "datacontenttype": "application/json", "data": {"test": True},
    }  # fmt: skip
    insert_messages(batch, [(message, key, TEST, document)])
    _try_at_once(batch, key)
    acts.note(batch.connection, "webhook.test", f"webhook:{key}")
    return message


def send_again(batch: Batch, key: int, message: int) -> bool:
    """Send a message again, from its first attempt on; return False if there is none."""
    c = delivery.c
    again = update(delivery).where(c.id == message, c.webhook == key, c.state != "waiting")
    values = {"state": "waiting", "due_ms": batch.now_ms, "attempts": 0, "error": "",
              "created_ms": batch.now_ms, "status": None, "finished_ms": None}  # fmt: skip
    if batch.connection.execute(again.values(values)).rowcount == 0:
        return False
    _try_at_once(batch, key)
    acts.note(batch.connection, "webhook.send_again", f"webhook:{key}", message=str(message))
    return True


def _try_at_once(batch: Batch, key: int) -> None:
    """Let a webhook that fails not wait until its next attempt is due."""
    batch.connection.execute(update(webhook).where(webhook.c.id == key).values(retry_ms=0))


def last_event(connection: Connection) -> int:
    return int(connection.execute(select(func.max(schema.event.c.position))).scalar() or 0)


def insert_messages(batch: Batch, made: Sequence[tuple[int, int, str, Document]]) -> None:
    """Insert messages, given as id, webhook, type and CloudEvent."""
    names = ("id", "webhook", "type", "state", "error", "body", "created_ms", "due_ms", "attempts")
    rows = [
        (key, hook, type_, "waiting", "", msgspec.json.encode(document), batch.now_ms,
         batch.now_ms, 0)
        for key, hook, type_, document in made
    ]  # fmt: skip
    dialect.insert_rows(batch.connection, delivery, names, rows)


def locked(batch: Batch, key: int) -> Row[Any] | None:
    dialect.select_rows(batch.connection, webhook, ("id",), ("id",), [(key,)], lock=True)
    return batch.connection.execute(select(webhook).where(webhook.c.id == key)).first()


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in given.items() if value is not None}
    if "name" in values:
        values["name"] = clean_text("name", values["name"], LONGEST_NAME)
        if not values["name"]:
            raise UsageError("a webhook has a name", hint="Give one.")
    if "url" in values:
        check_url(values["url"])
    if "types" in values:
        types = [str(one).strip() for one in values["types"]]
        if not 0 < len(types) <= _MOST_TYPES or not all(types):
            raise UsageError(
                "the types are not valid", hint="Examples: sim.swapped, finding.*, case.*, *"
            )
        values["types"] = msgspec.json.encode(types).decode()
    if values.get("severity", "error") not in SEVERITIES:
        raise UsageError("the severity is unknown", hint="Use error or warning.")
    if values.get("state", "active") not in ("active", "disabled"):
        raise UsageError("the state is unknown", hint="Use active or disabled.")
    return values


# -- reading ----------------------------------------------------------------------------------


def webhook_page(connection: Connection) -> Document:
    """Return all webhooks, without their secrets."""
    rows = connection.execute(select(webhook).order_by(webhook.c.id)).all()
    return {"webhooks": [_document(connection, row) for row in rows]}


def webhook_document(connection: Connection, key: int) -> Document | None:
    """Return a webhook, without its secret."""
    row = connection.execute(select(webhook).where(webhook.c.id == key)).first()
    return None if row is None else _document(connection, row)


def _document(connection: Connection, row: Row[Any]) -> Document:
    c = delivery.c
    counts = dict.fromkeys(("waiting", "delivered", "dead"), 0)
    query = (
        select(c.state, func.count().label("count")).where(c.webhook == row.id).group_by(c.state)
    )
    counts |= {one.state: one[1] for one in connection.execute(query)}
    return {
        "id": str(row.id),
        "name": row.name,
        "url": row.url,
        "types": msgspec.json.decode(row.types),
        "severity": row.severity,
        "full_ids": bool(row.full_ids),
        "state": row.state,
        "reason": row.reason,
        "revision": row.revision,
        "created_at": to_rfc3339(row.created_ms),
        "created_by": row.created_by,
        "failing_since": to_rfc3339(row.failing_since_ms),
        "last_delivered_at": to_rfc3339(row.succeeded_ms),
        "messages": counts,
    }


def message_page(
    connection: Connection,
    key: int,
    *,
    limit: int,
    after: int | None = None,
    state: str | None = None,
) -> Document:
    """Return a page of the messages to a webhook, newest first."""
    c = delivery.c
    query = select(delivery).where(c.webhook == key).order_by(c.id.desc()).limit(limit + 1)
    query = query if after is None else query.where(c.id < after)
    query = query if state is None else query.where(c.state == state)
    rows = connection.execute(query).all()
    following = str(rows[limit - 1].id) if len(rows) > limit else None
    return {"messages": list(_messages(rows[:limit])), "next": following}


def _messages(rows: Sequence[Row[Any]]) -> Iterator[Document]:
    for row in rows:
        yield {
            "id": str(row.id),
            "type": row.type,
            "state": row.state,
            "attempts": row.attempts,
            "status": row.status,
            "error": row.error or None,
            "created_at": to_rfc3339(row.created_ms),
            "next_attempt_at": to_rfc3339(row.due_ms) if row.state == "waiting" else None,
            "finished_at": to_rfc3339(row.finished_ms),
        }
