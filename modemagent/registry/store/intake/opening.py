"""Decoding of the reports of one batch, as far as they are new."""

from __future__ import annotations

from collections.abc import Iterable

from modemagent.registry.envelope import Envelope, Parts, open_parts
from modemagent.registry.store.intake.gateways import StreamRow
from modemagent.registry.store.intake.key_pages import KeyPages
from modemagent.registry.store.intake.places import Place

_DUPLICATED = Parts(0, 0, "", noteworthy=False)


def open_new(
    places: Iterable[Place],
    pages: KeyPages,
    streams: Iterable[StreamRow],
    received: Iterable[Envelope],
) -> list[tuple[Envelope, Parts | None]]:
    """Decode the parts of the reports that are new and not like the newest one of their place.

    :param places: as stored
    :param streams: of each report
    :returns: None for the parts of a report that is invalid
    """
    known: dict[tuple[int, str | None, int], Parts] = {
        (place.gateway, place.device_id, place.likeness): place.parts
        for place in places
        if place.likeness
    }
    found = []
    for stream, one in zip(streams, received, strict=True):
        envelope, parts = one, one.parts
        if parts is None and one.error is None:
            key = stream.gateway, one.device_id, one.likeness
            parts = known.get(key)
            if parts is None and pages.get(stream.id, one.sequence) == one.digest:
                parts = _DUPLICATED
            elif parts is None:
                envelope = open_parts(one.raw, one)
                parts = envelope.parts
                if parts is not None and envelope.likeness:
                    known[key] = parts
        found.append((envelope, parts))
    return found
