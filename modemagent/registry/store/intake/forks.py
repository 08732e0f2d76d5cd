"""Bodies that arrive under the key of another report: copies of a disk, mostly.

Both are kept. That of a boot that counts counts; of two such the one with the smaller digest. Which
one was received first does not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select

from modemagent.registry.envelope import Envelope
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.bodies import compress_redacted
from modemagent.registry.store.intake.boots import Boot
from modemagent.registry.store.intake.place_log import PlaceLog
from modemagent.registry.store.intake.places import Clocks, Content, Place, Row, load_places
from modemagent.registry.store.tables import schema

_MOST_BODIES = 4
_KEY = ("stream", "sequence", "digest")
_COLUMNS = (*_KEY, "boot", "received_ms", "body", "old_digest")


class Conflict(NamedTuple):
    """A report whose key is taken.

    :param place: place that it is about, if any
    :param first: digest of the body that was received first; 0 if it is not known any more
    :param boots: boots of the reports that were received under this key
    """

    gateway: int
    at: Clocks
    envelope: Envelope
    boot: Boot
    place: Place | None
    content: Content
    first: int
    boots: list[int]


def add_conflicts(
    batch: Batch,
    places: PlaceLog,
    conflicts: Sequence[Conflict],
    aliens: Mapping[int, Collection[int]],
) -> None:
    """Store bodies that conflict, and let those count that do.

    :param aliens: of gateways the boots that do not count
    """
    if not conflicts:
        return
    keys = sorted({(one.at.stream, one.at.sequence) for one in conflicts})
    stored: defaultdict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    for stream, sequence, digest, boot in dialect.select_rows(
        batch.connection, schema.conflict, _KEY[:2], (*_KEY, "boot"), keys
    ):
        stored[stream, sequence][digest] = boot
    rows = []
    for one in conflicts:
        batch.gateways.add(one.gateway)
        known = stored[one.at.stream, one.at.sequence]
        digest = one.envelope.digest
        if digest in known:
            continue
        if len(known) >= _MOST_BODIES and digest > max(known):
            continue
        known[digest] = one.boot.id
        body = compress_redacted(one.envelope.raw, batch.erased)
        rows.append((*one.at[:2], digest, one.boot.id, one.at.received_ms, *body))
        if one.place is None:
            continue
        row = Row(0, one.at, one.content, True)
        mine = aliens.get(one.gateway, ())
        counting = [other for other in one.boots if other not in mine]
        loses = one.boot.id in mine or (bool(counting) and (not one.first or one.first < digest))
        if loses:
            places.add_uncounted(one.place, row)
        else:
            one.place.add(row)
            _uncount_elsewhere(batch, places, one, one.place.id)
    dialect.insert_new(
        batch.connection,
        schema.conflict,
        _COLUMNS,
        rows,
    )


def _uncount_elsewhere(batch: Batch, places: PlaceLog, one: Conflict, here: int) -> None:
    """Let the reading of another place with this key not count."""
    s, p = schema.sighting.c, schema.place.c
    query = (
        select(s.id, s.place)
        .join_from(schema.place, schema.sighting, s.place == p.id)
        .where(p.gateway == one.gateway, s.position == one.at.position, s.counts)
        .where(s.place != here)
    )
    found = batch.connection.execute(query).all()
    keys = [(row.place,) for row in found]
    for place in load_places(batch.connection, ("id",), keys):
        places.include(place).rebuild = True
    rows = [(False, row.id) for row in found]
    dialect.update_rows(batch.connection, schema.sighting, ("id",), ("counts",), rows)
