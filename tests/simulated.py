"""Simulated modems for tests: on a real port, or without port and with a clock set by the test.

``with simulated("quectel-eg25-g") as modem: open(modem.path)``
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from modemagent.at.steps import Plan, Step, throw_into_plan
from modemagent.channel.port_session import PortSession
from modemagent.errors import DeadlinePassed, ModemAgentError
from modemagent.simulator.catalogue import find
from modemagent.simulator.endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from modemagent.simulator.modem import SimulatedModem
from modemagent.simulator.script import Reply, Script, load
from modemagent.simulator.server import RunningModem, SimulatorServer

T = TypeVar("T")


@contextmanager
def simulated(
    transcript: str | Path,
    *,
    state: str = "",
    faults: Sequence[str] = (),
    clone: int = 0,
    tcp: bool = False,
    **numbers: Any,
) -> Iterator[RunningModem]:
    """Run one modem in a thread of its own until the block ends.

    :param transcript: the name of a shipped transcript, or a path
    :param clone: 0 for the transcript's own numbers, n for a modem and SIM that differ
    :param tcp: use a local TCP port instead of a PTY
    :param numbers: ``imei``, ``iccid``, ``imsi`` or ``eid`` in place of the transcript's
    """
    script = load(find(transcript))
    modem = SimulatedModem(script, clone=clone, state=state, faults=faults, **numbers)
    with TemporaryDirectory(prefix="modemagent-") as folder, SimulatorServer() as server:
        endpoint: Endpoint = TcpEndpoint() if tcp else PtyEndpoint(Path(folder) / "ttySIM0")
        yield server.add(script.name, modem, endpoint)


class UnstableModem(SimulatedModem):
    """A modem whose IMEI differs at every other reading."""

    def __init__(self, script: Script, imei: str, other_imei: str) -> None:
        super().__init__(script, imei=imei)
        self._imeis = cycle((imei, other_imei))

    def _reply(self, command: str, now: float) -> Reply:
        if "CGSN" in command.upper():
            self.identities = replace(self.identities, imei=next(self._imeis))
        return super()._reply(command, now)


@contextmanager
def unstable(transcript: str, imei: str, other_imei: str) -> Iterator[RunningModem]:
    """Run one modem that reports two IMEIs in turn."""
    modem = UnstableModem(load(find(transcript)), imei, other_imei)
    with TemporaryDirectory(prefix="modemagent-") as folder, SimulatorServer() as server:
        yield server.add(transcript, modem, PtyEndpoint(Path(folder) / "ttySIM0"))


@contextmanager
def simulated_fleet(
    transcripts: Sequence[str | Path], *, count: int = 1, faults: Sequence[str] = ()
) -> Iterator[list[RunningModem]]:
    """Run ``count`` modems of each transcript on PTYs in one thread, all with different numbers."""
    with TemporaryDirectory(prefix="modemagent-") as folder, SimulatorServer() as server:
        running: list[RunningModem] = []
        for transcript in transcripts:
            script = load(find(transcript))
            for clone in range(count):
                endpoint = PtyEndpoint(Path(folder) / f"ttySIM{len(running)}")
                modem = SimulatedModem(script, clone=clone, faults=faults)
                name = script.name if clone == 0 else f"{script.name}-{clone + 1}"
                running.append(server.add(name, modem, endpoint))
        yield running


class OfflineModem:
    """A simulated modem without a port: minutes of AT traffic pass in no time.

    :ivar now: the modem's clock in seconds; tests may advance it
    """

    def __init__(
        self, transcript: str | Path, *, state: str = "", faults: Sequence[str] = (), clone: int = 0
    ) -> None:
        self.now = 100.0
        self.modem = SimulatedModem(
            load(find(transcript)), state=state, faults=faults, clone=clone, now=self.now
        )

    def ask(self, line: str, within_s: float = 10.0) -> bytes:
        """Send one command line and return the bytes sent back within ``within_s``."""
        return self.write(line.encode() + b"\r", within_s)

    def write(self, data: bytes, within_s: float = 10.0) -> bytes:
        self.modem.receive(data, self.now)
        return self.listen(within_s)

    def run(self, plan: Plan[T], timeout_s: float = 300.0) -> T | ModemAgentError:
        """Run a plan to its end, as on a port, and return its result or error."""
        try:
            return self._run(plan, self.now + timeout_s)
        except ModemAgentError as error:
            return error
        finally:
            plan.close()

    def _run(self, plan: Plan[T], end: float) -> T:
        session = PortSession()
        following: Step | None = None
        while True:
            step, following = following, None
            if step is None:
                try:
                    # a generator is started by sending None
                    step = plan.send(session.outcome)  # type: ignore[arg-type]
                except StopIteration as done:
                    assert session.detach() is None, "a setting is left to restore"
                    result: T = done.value
                    return result
                query = session.query_before(step)
                if query is not None:
                    step, following = query, step
            if data := self.modem.take(self.now):
                session.receive(data, self.now)
            self.modem.receive(session.start(step, self.now), self.now)
            while session.outcome is None:
                sends_at = inf if self.modem.wake_at is None else self.modem.wake_at
                self.now = max(self.now, min(sends_at, session.due))
                if self.now > end:
                    return throw_into_plan(plan, DeadlinePassed("too late", port="offline"))
                if data := self.modem.take(self.now):
                    session.receive(data, self.now)
                session.on_timer(self.now)

    def listen(self, within_s: float = 10.0) -> bytes:
        """Advance the clock to the last byte sent within ``within_s``, and return the bytes."""
        end, out = self.now + within_s, bytearray()
        while (at := self.modem.wake_at) is not None and at <= end:
            self.now = max(self.now, at)
            out += self.modem.take(self.now)
            if self.modem.vanished(self.now):
                break
        return bytes(out)
