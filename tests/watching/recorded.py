"""Log and port states of a supervised modem, recorded for tests."""

from __future__ import annotations

import asyncio
from typing import Any

from modemagent.logs import NullLog
from modemagent.watching.events import EventBus, ModemEvent
from modemagent.watching.port_state import PortState


class RecordingLog(NullLog):
    """A log that keeps the names of its entries."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.errors: list[str] = []

    def info(self, event: str, **_: Any) -> None:
        self.events.append(event)

    def warning(self, event: str, **_: Any) -> None:
        self.events.append(event)
        self.errors.append(event)

    error = warning


class States:
    """The ``port.state`` events of a bus, in order."""

    def __init__(self, events: EventBus) -> None:
        self._states: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        events.subscribe(self._take)

    def _take(self, event: ModemEvent) -> None:
        if event.name == "port.state":
            self._states.put_nowait({**event.data, "port": event.port})

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._states.get(), 20)

    async def until(self, state: PortState) -> list[dict[str, Any]]:
        """Wait for a state; return all states up to it."""
        passed = [await self.next()]
        while passed[-1]["state"] != state:
            passed.append(await self.next())
        return passed


def names(states: list[dict[str, Any]]) -> list[str]:
    return [each["state"] for each in states]
