"""Bays that are serial lines: nothing appears or disappears there, a unit answers or is silent."""

from __future__ import annotations

import asyncio
import fcntl
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from modemagent.logs import NullLog
from modemagent.provisioning import readings
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.columns import ColumnMap
from modemagent.provisioning.events import CodeScanned, PersonActed
from modemagent.provisioning.order import parse_order
from modemagent.provisioning.runtime import Bench
from modemagent.provisioning.session import SessionOptions, run_session
from modemagent.simulator.catalogue import find
from modemagent.simulator.endpoints import PtyEndpoint
from modemagent.simulator.modem import SimulatedModem
from modemagent.simulator.script import load
from modemagent.simulator.server import SimulatorServer

ORDER = parse_order(b"model,quantity,sim\nEG25-G,9,any\n", "4711", ColumnMap())
IMEIS = ("867698040000013", "867698040000021", "867698040000039")


class Socket(SimulatedModem):
    """A serial line with the module that is in its socket; without one it is silent.

    :ivar port: opened by another program
    """

    inside: SimulatedModem | None = None
    port: BinaryIO

    def receive(self, data: bytes, now: float) -> None:
        if self.inside is not None:
            self.inside.receive(data, now)

    def take(self, now: float) -> bytes:
        return self.inside.take(now) if self.inside is not None else b""

    @property
    def wake_at(self) -> float | None:
        return self.inside.wake_at if self.inside is not None else None


async def until(bench: Bench, *states: str) -> None:
    while bench.state.bays["01"].state not in states:
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "_LINE_S", 0.1)
    monkeypatch.setattr(readings, "_SILENCE_S", 0.1)


def work(folder: Path, trigger: str, boot_s: float, at_line: Any) -> list[str]:
    """Run a bench with one serial line; return the verdicts."""
    script = load(find("quectel-eg25-g"))
    modules = [SimulatedModem(script, imei=imei) for imei in IMEIS]
    verdicts: list[str] = []

    def listen(event: str, _: str, fields: dict[str, Any]) -> None:
        if event == "attempt.ended":
            verdicts.append(fields["verdict"])

    with ExitStack() as stack, SimulatorServer() as server:
        socket = Socket(script)
        running = server.add(script.name, socket, PtyEndpoint(folder / "ttySIM0"))
        socket.port = stack.enter_context(Path(running.path).open("rb", buffering=0))
        if trigger == "auto":
            fcntl.flock(socket.port, fcntl.LOCK_EX)
        settings = BenchSettings(bays={"01": running.path}, trigger=trigger, boot_s=boot_s)

        async def act(bench: Bench, stop: asyncio.Event) -> None:
            try:
                async with asyncio.timeout(30):
                    await at_line(bench, socket, modules)
            finally:
                stop.set()

        run_session(ORDER, settings, folder, listen, log=NullLog(), options=SessionOptions(),
                    companions=(act,))  # fmt: skip
    return verdicts


def test_silent_line_waits_and_each_answering_module_is_a_unit(tmp_path: Path) -> None:
    async def act(bench: Bench, socket: Socket, modules: list[SimulatedModem]) -> None:
        bay = bench.state.bays["01"]
        await until(bench, "hold")
        assert "is held by" in bay.reason
        fcntl.flock(socket.port, fcntl.LOCK_UN)
        await until(bench, "aborted")
        await asyncio.sleep(0.7)  # longer than a module may take to answer
        assert not bay.is_plugged
        for count, module in enumerate(modules, 1):
            socket.inside = module
            while len(bench.state.ledger.units) < count:
                await asyncio.sleep(0.02)
            await until(bench, "pass")
            if count == 1:  # the second module is taken out for the third at once
                socket.inside = None
                while bay.is_plugged:
                    await asyncio.sleep(0.02)

    assert work(tmp_path, "auto", 0.5, act) == ["aborted", "pass", "pass", "pass"]


@pytest.mark.parametrize("trigger", ["scan", "key"])
def test_turn_begins_when_it_is_requested(tmp_path: Path, trigger: str) -> None:
    start = CodeScanned("s", "MA-BAY-01") if trigger == "scan" else PersonActed("start", "01")

    async def act(bench: Bench, socket: Socket, modules: list[SimulatedModem]) -> None:
        socket.inside = modules[0]
        await asyncio.sleep(1.0)
        assert bench.state.bays["01"].state == "waiting"
        bench.post(start)
        await until(bench, "pass")
        socket.inside = modules[1]
        bench.post(start)
        while len(bench.state.ledger.units) < 2:
            await asyncio.sleep(0.02)
        await until(bench, "pass")
        socket.inside = None
        bench.post(start)
        await until(bench, "fail")  # a module that does not answer

    assert work(tmp_path, trigger, 2.0, act) == ["pass", "pass", "fail"]
