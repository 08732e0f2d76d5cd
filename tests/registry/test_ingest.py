"""The writer thread stores what several clients send at a time in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from modemagent.registry import ingest
from modemagent.registry.ingest import Ingest
from modemagent.registry.store.intake.arrivals import ACCEPTED, Arrival, ReportResult
from modemagent.registry.store.intake.recorder import Recorder
from tests.registry.conftest import Gateway
from tests.registry.store.test_recorder import arrival


class Counting:
    """A recorder that stores nothing; ``sizes`` are the numbers of reports it was given."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def record(self, arrivals: Sequence[Arrival]) -> tuple[list[ReportResult], bool]:
        self.sizes.append(len(arrivals))
        return [ACCEPTED] * len(arrivals), False


def test_clients_that_send_together_share_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_GATHER_S", 0.2)
    recorder = Counting()
    report = arrival(Gateway().report())

    async def send() -> None:
        writer = Ingest(cast(Recorder, cast(Any, recorder)))
        writer.start()
        await asyncio.gather(writer.submit([report]), writer.submit([report]))
        one = writer.submit([report])
        await asyncio.sleep(0.01)
        await asyncio.gather(one, writer.submit([report]))
        await asyncio.to_thread(writer.stop)

    asyncio.run(send())
    assert recorder.sizes == [2, 2]
