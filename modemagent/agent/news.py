"""What a watched port needs of whoever takes its readings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from modemagent.identity.snapshot import Snapshot
from modemagent.report.message import PortPlace, Reason, Report


class News(Protocol):
    """Takes readings and removals; remembers what is known of each port.

    :ivar last: port path -> the last report made of it
    """

    @property
    def last(self) -> Mapping[str, Report]: ...

    def known(self, port: str) -> Snapshot | None: ...

    def known_ports(self) -> list[str]: ...

    def tell(
        self, place: PortPlace, reading: Snapshot, *, otherwise: Reason | None
    ) -> Reason | None: ...

    def removed(self, port: str) -> bool: ...

    def heartbeat(self, ports: list[PortPlace]) -> None: ...
