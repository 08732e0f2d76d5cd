"""Readings that are incomplete: when the monitor repeats them."""

from __future__ import annotations

import asyncio
from itertools import islice
from math import inf
from typing import Any, TypeVar

import pytest

from modemagent.at.steps import Plan
from modemagent.channel.channel import Urcs
from modemagent.identity.imei import Imei
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.report.message import Reason
from modemagent.watching import monitor
from modemagent.watching.monitor import Monitor

T = TypeVar("T")
READY = Sim(state=SimState.READY, read={"iccid": ReadState.OK, "imsi": ReadState.OK})
REFUSED = Snapshot("wire", modem=Modem(read={"imei": ReadState.FAILED}), sims=(READY,))
COMPLETE = Snapshot(
    "wire", modem=Modem(imei=Imei("358165070000178"), read={"imei": ReadState.OK}), sims=(READY,)
)


class Channel:
    """An open channel at which nothing happens."""

    port = "wire"

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.urcs = Urcs()
        self.polls = 0

    async def run(self, plan: Plan[T]) -> Any:
        plan.close()
        self.polls += 1
        return False


def monitoring(channel: Channel, readings: list[Snapshot], submitted: list[Snapshot]) -> Monitor:
    async def identify() -> Snapshot:
        return readings.pop(0)

    def submit(reading: Snapshot, otherwise: Reason | None) -> None:
        submitted.append(reading)

    return Monitor(
        channel,  # type: ignore[arg-type]
        identify=identify,
        submit=submit,
        baseline=lambda: None,
        poll_interval_s=60.0,
        refresh_interval_s=0.0,
        on_urc=lambda line: None,
    )


async def test_refused_value_is_read_until_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "_AGAIN_S", (0.0, 0.01, 0.02))
    channel, submitted = Channel(), list[Snapshot]()
    watching = monitoring(channel, [REFUSED, COMPLETE], submitted)
    task = asyncio.create_task(watching.run(REFUSED))
    async with asyncio.timeout(10):
        while COMPLETE not in submitted:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
    assert submitted == [REFUSED, COMPLETE], "a complete reading is not repeated"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_refused_value_is_read_at_each_poll_of_an_hour() -> None:
    pauses = list(islice(monitoring(Channel(), [], [])._pauses(), 66))
    assert pauses == [1.0, 3.0, 10.0, 30.0, *[60.0] * 60, inf, inf]
