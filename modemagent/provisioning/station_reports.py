"""Reports of the station to the registry: it is a gateway with an outbox of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from modemagent.provisioning.events import Happening
from modemagent.provisioning.ledger import RunEntry
from modemagent.provisioning.order import ExpectedRow
from modemagent.report.message import PortPlace


class StationReports(Protocol):
    """Stores reports about units and sends them."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def status(self) -> tuple[str, int]:
        """Return the state of the registry as a word, and the number of waiting reports."""

    def send(
        self,
        run: RunEntry,
        stage: str,
        row: ExpectedRow | None,
        place: PortPlace | None,
        post: Callable[[Happening], None],
    ) -> None:
        """Store a report; the result comes as an event."""
