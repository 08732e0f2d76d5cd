"""What a watched port needs of whoever takes its readings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from modemagent.identity.snapshot import Snapshot
from modemagent.report.message import PortPlace, Reason, Report


class ReadingConsumer(Protocol):
    """Takes readings and removals; remembers what is known of each port.

    :ivar last: seat (:func:`modemagent.watching.selection.seat_of`) -> the last report made of it
    """

    @property
    def last(self) -> Mapping[str, Report]: ...

    def known(self, place: PortPlace) -> Snapshot | None: ...

    def known_places(self) -> list[PortPlace]: ...

    def submit(
        self, place: PortPlace, reading: Snapshot, *, otherwise: Reason | None
    ) -> Reason | None: ...

    def removed(self, place: PortPlace) -> bool: ...

    def heartbeat(self, ports: list[PortPlace]) -> None: ...
