"""The whole history of a set of reports in one call: for tests and for taking over old data."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from modemagent.registry.history.events import Occurrence, Verdict
from modemagent.registry.history.individuals import Related
from modemagent.registry.history.readings import Key, PlaceReading


class Evidence(msgspec.Struct, frozen=True):
    """One received report, as far as the history needs it.

    :param reading: None if the report states nothing about a place
    :param digest: of the body: of two bodies under one key the smaller counts
    :param rejected: the number was received, the content is invalid
    """

    gateway: Key
    stream: Key
    sequence: int
    boot: Key
    uptime_ms: int
    wall_ms: int
    synchronized: bool
    received_ms: int
    digest: bytes
    place: Key | None = None
    reading: PlaceReading | None = None
    rejected: bool = False


class BatchClock(msgspec.Struct, frozen=True, gc=False):
    """Boot and uptime of the sender of a batch, and when the batch was received."""

    gateway: Key
    boot: Key
    uptime_ms: int
    received_ms: int


class History(msgspec.Struct):
    """Everything that follows from a set of reports.

    :param modems: individuals and stays by modem
    :param sims: the same by SIM; places are ``(modem, individual, slot)``
    """

    modems: dict[Key, Related]
    sims: dict[Key, Related]
    events: list[Occurrence]
    findings: list[Verdict]


def derive(reports: Iterable[Evidence], batches: Iterable[BatchClock] = ()) -> History:
    """Derive the history of a set of reports; their order and repetitions have no effect."""
    raise NotImplementedError
