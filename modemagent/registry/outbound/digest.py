"""The digest of new errors: which ones it has, and when it is sent next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from modemagent.registry.rules.catalogue import CATALOGUE
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.outbound import notices
from modemagent.registry.store.outbound.notice_reader import Notice, notices_after
from modemagent.registry.store.tables import schema

EVERY_MS = 15 * 60_000
_LEASE_MS = 60_000  # after which a digest is sent again, if its process has died or failed
_AT_ONCE = 1000
_MOST_SHOWN = 50
_SETTING = "mail"


class DigestState(msgspec.Struct):
    """Position of the last notice that was sent, when, and until when a process is sending."""

    position: int
    sent_ms: int = 0
    lease_ms: int = 0


class Digest(NamedTuple):
    """New errors, oldest first; those above :data:`_MOST_SHOWN` are only counted.

    :param end: position of the last notice in it
    """

    errors: Sequence[Notice]
    end: int


def take(batch: Batch) -> Digest | None:
    """Return the errors to be sent now; None: there are none, or it is too early."""
    connection, now = batch.connection, batch.now_ms
    dialect.lock_outbound(connection)
    state = _load(connection)
    if state is None:  # only what happens from now on
        _store(connection, DigestState(notices.last_position(connection)))
        return None
    if state.lease_ms > now or state.sent_ms + EVERY_MS > now:
        return None
    found, end, _ = notices_after(connection, state.position, _AT_ONCE)
    errors = [one for one in found if one.severity == "error"]
    if not errors:
        if end != state.position:
            state.position = end
            _store(connection, state)
        return None
    state.lease_ms = now + _LEASE_MS
    _store(connection, state)
    return Digest(errors, end)


def sent(batch: Batch, found: Digest) -> None:
    """Note that a digest was sent."""
    dialect.lock_outbound(batch.connection)
    _store(batch.connection, DigestState(found.end, batch.now_ms))


def subject(found: Digest) -> str:
    """Return the subject of the mail."""
    count = len(found.errors)
    sighted = sum(one.type == f"{notices.FINDING}case.sighted" for one in found.errors)
    text = "1 new error" if count == 1 else f"{count} new errors"
    return f"modemagent registry: {text}" + (f", {sighted} sighted" if sighted else "")


def text(found: Digest, public_url: str | None) -> str:
    """Return the text of the mail: kind, time and link of each error."""
    lines = []
    for one in found.errors[:_MOST_SHOWN]:
        name = one.type.removeprefix(notices.FINDING)
        data = one.document["data"]
        address = f"findings/{data['id']}"
        link = f"{public_url}/{address}" if public_url else address
        lines += [f"{name}: {CATALOGUE[name].sentence}", f"  {one.document['time']}  {link}", ""]
    if len(found.errors) > _MOST_SHOWN:
        lines.append(f"and {len(found.errors) - _MOST_SHOWN} more")
    return "\n".join(lines).rstrip() + "\n"


def _load(connection: Connection) -> DigestState | None:
    query = select(schema.setting.c.value).where(schema.setting.c.name == _SETTING)
    value = connection.execute(query).scalar()
    return None if value is None else msgspec.json.decode(bytes(value), type=DigestState)


def _store(connection: Connection, state: DigestState) -> None:
    rows = [(_SETTING, msgspec.json.encode(state))]
    dialect.upsert_rows(connection, schema.setting, ("name",), ("value",), rows)
