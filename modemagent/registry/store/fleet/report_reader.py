"""Stored reports by key, and what is known of those that were not kept."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from modemagent.registry.history.readings import position
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.documents import Document, to_rfc3339
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.intake.bodies import decompress
from modemagent.registry.store.tables import schema


class Gone(NamedTuple):
    """A report whose body was kept once and has been deleted, with what remains.

    :param dates: earliest and latest date of the report, and when it was received
    """

    dates: Document


def stored_report(
    connection: Connection, gateway_id: str, stream_id: str, sequence: int
) -> Document | Gone | None:
    """Return a report with its conflicting bodies; None if its number was never received."""
    view = View(connection)
    g, s = schema.gateway.c, schema.stream.c
    query = (
        select(s.id, s.rank, g.id.label("gateway"))
        .join_from(schema.gateway, schema.stream, s.gateway == g.id)
        .where(g.gateway_id == gateway_id, s.stream_id == stream_id)
    )
    stream = connection.execute(query).first()
    if stream is None:
        return None
    r, k = schema.received.c, schema.report.c
    boots = connection.execute(
        select(r.boot).where(r.stream == stream.id, r.first <= sequence, r.last >= sequence)
    ).scalars()
    if not any(boots):
        return None
    key = f"{gateway_id}/{stream_id}/{sequence}"
    stored = connection.execute(
        select(k.body, k.received_ms, k.old_digest)
        .where(k.stream == stream.id, k.sequence == sequence)
        .order_by(k.received_ms)
    ).first()
    conflicts = _conflicts(connection, stream.id, sequence)
    if stored is not None:
        return {
            "key": key,
            "kept": True,
            "received": to_rfc3339(stored.received_ms),
            "report": json.loads(decompress(stored.body)),
            **_redacted(stored.old_digest),
            "conflicts": conflicts,
        }
    at = position(stream.rank, sequence)
    own = _own_sighting(connection, stream.gateway, at)
    if own is not None:
        lo, hi = view.boots([own.boot])[own.boot].date(
            own.uptime_ms, own.wall_ms, bool(own.synchronized)
        )
        return Gone(
            {
                "earliest": to_rfc3339(lo),
                "latest": to_rfc3339(hi),
                "received": to_rfc3339(own.received_ms),
            }
        )
    same = [view.report(*one) for one in _same_as(connection, stream.gateway, at)]
    return {
        "key": key,
        "kept": False,
        "same_as": same[0] if len(same) == 1 else None,
        "one_of": same,
        "conflicts": conflicts,
    }


def _conflicts(connection: Connection, stream: int, sequence: int) -> list[Document]:
    c = schema.conflict.c
    query = (
        select(c.received_ms, c.body, c.old_digest)
        .where(c.stream == stream, c.sequence == sequence, c.body != b"")  # deleted: empty
        .order_by(c.received_ms, c.digest)
    )
    return [
        {
            "received": to_rfc3339(row.received_ms),
            "report": json.loads(decompress(row.body)),
            **_redacted(row.old_digest),
        }
        for row in connection.execute(query)
    ]


def _redacted(old_digest: int | None) -> Document:
    """Return whether numbers were cut out of a body, and the digest of the body before that."""
    if old_digest is None:
        return {"redacted": False, "old_digest": None}
    return {"redacted": True, "old_digest": f"{old_digest & (1 << 64) - 1:016x}"}


def _own_sighting(connection: Connection, gateway: int, at: int) -> Any:
    c, p = schema.sighting.c, schema.place.c
    query = (
        select(c.boot, c.uptime_ms, c.wall_ms, c.synchronized, c.received_ms, c.place)
        .join_from(schema.place, schema.sighting, c.place == p.id)
        .where(p.gateway == gateway, c.position == at, p.sighting != 0)
    )
    row = connection.execute(query).first()
    # the end of a span is a row without a body, if nothing was new in it
    return None if row is None or _same_as(connection, gateway, at, row.place) else row


def _same_as(
    connection: Connection, gateway: int, at: int, only: int | None = None
) -> list[tuple[int, int]]:
    """Return the kept reports that state the same, one for each place whose span contains it.

    A number that was not kept does not tell its place: if several modems were read alternately,
    there are several.

    :param only: place that the report is about, if that is known
    """
    found = []
    rows = dialect.select_rows(
        connection,
        schema.place,
        ("gateway",),
        ("id", "last_position", "first_position"),
        [(gateway,)],
    )
    c = schema.sighting.c
    names = (c.stream, c.sequence, c.position, c.identity, c.boot)
    for place, last, first in rows:
        if only is not None and place != only:
            continue
        here = (c.place == place) & c.counts
        before = connection.execute(
            select(*names).where(here, c.position < at).order_by(c.position.desc()).limit(1)
        ).first()
        if before is None:
            continue
        after = connection.execute(
            select(*names).where(here, c.position >= at).order_by(c.position).limit(1)
        ).first()
        in_open_span = before.position == first and at <= last
        in_span = after is not None and (after.identity, after.boot) == (
            before.identity,
            before.boot,
        )
        if in_open_span or in_span:
            found.append((before.stream, before.sequence))
    return found
