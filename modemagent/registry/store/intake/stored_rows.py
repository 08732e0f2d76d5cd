"""What is stored about the gateways, streams, boots and places in a batch of reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from modemagent.registry.envelope import Envelope
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Rows
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.boots import read_boots, read_parts
from modemagent.registry.store.intake.gateways import GatewayRows, StreamRow
from modemagent.registry.store.intake.key_pages import KeyPages
from modemagent.registry.store.intake.places import Place, place_of, read_places
from modemagent.registry.store.intake.ranges import StreamRanges, ranges_of, read_ranges


class StoredRows(NamedTuple):
    """What is stored about the reports of a batch.

    :param streams: of each report
    :param places: those in the reports
    :param ranges: received and missing numbers, by row of the stream
    :param boots: rows of the boots of reports and senders, and perhaps of others; and of the parts
        of the last boot of each gateway
    """

    gateways: GatewayRows
    streams: list[StreamRow]
    pages: KeyPages
    places: list[Place]
    ranges: dict[int, StreamRanges]
    boots: tuple[Rows, Rows]


def load_stored(
    batch: Batch, received: Sequence[Envelope], senders: Sequence[str | None]
) -> StoredRows:
    """Lock the gateways of reports, and read what is stored about them.

    :param senders: the boot of the sender of each report
    """
    connection = batch.connection
    gateways = GatewayRows(batch, {(one.gateway_id, one.stream_id) for one in received})
    streams = [gateways.stream(one.gateway_id, one.stream_id) for one in received]
    near: dict[int, tuple[int, int]] = {}
    keys: list[tuple[int, int]] = []
    places: set[tuple[int, str]] = set()
    boots: set[tuple[int, str]] = set()
    for stream, one, sender in zip(streams, received, senders, strict=True):
        row, sequence = stream.id, one.sequence
        keys.append((row, sequence))
        low, high = near.get(row, (sequence, sequence))
        near[row] = min(low, sequence), max(high, sequence)
        if one.device_id is not None:
            places.add((stream.gateway, one.device_id))
        boots.update((stream.gateway, name) for name in (one.boot_id, sender) if name is not None)
    known = [(one.id, one.top, one.pending) for one in gateways.stream_by_row.values()]
    last = sorted(one.last_boot for one in gateways.rows.values() if one.last_boot is not None)
    pages, stored, in_ranges, holes, booted, parts = dialect.read_together(
        connection,
        [
            KeyPages.read(connection, keys),
            read_places(connection, ("gateway", "device_id"), sorted(places)),
            *read_ranges(
                connection,
                [row for row, _, _ in known],
                [(row, *limits) for row, limits in near.items()],
            ),
            read_boots(connection, ("gateway", "boot_id"), sorted(boots)),
            read_parts(connection, last),
        ],
    )
    return StoredRows(
        gateways,
        streams,
        KeyPages(connection, pages),
        [place_of(row) for row in stored],
        ranges_of(known, in_ranges, holes),
        (booted, parts),
    )
