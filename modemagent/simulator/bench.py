"""Simulated modems for tests: ``with played("quectel-eg25-g") as sim: open(sim.path)``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from modemagent.simulator.catalogue import find
from modemagent.simulator.endpoints import Endpoint, PtyEndpoint, TcpEndpoint
from modemagent.simulator.modem import SimulatedModem
from modemagent.simulator.script import load
from modemagent.simulator.server import RunningModem, SimulatorServer


@contextmanager
def simulated(
    transcript: str | Path,
    *,
    state: str = "",
    faults: Sequence[str] = (),
    clone: int = 0,
    imei: str | None = None,
    iccid: str | None = None,
    imsi: str | None = None,
    eid: str | None = None,
    tcp: bool = False,
) -> Iterator[RunningModem]:
    """Play one modem in a thread of its own until the block ends.

    :param transcript: a shipped name or a path
    :param clone: 0 for the transcript's own numbers, n for a modem and card that differ
    :param tcp: behind a TCP port of this machine instead of a PTY
    """
    modem = SimulatedModem(
        load(find(transcript)),
        clone=clone,
        imei=imei,
        iccid=iccid,
        imsi=imsi,
        eid=eid,
        state=state,
        faults=faults,
    )
    with TemporaryDirectory(prefix="modemagent-") as folder, SimulatorServer() as stage:
        seat: Endpoint = TcpEndpoint() if tcp else PtyEndpoint(Path(folder) / "ttySIM0")
        yield stage.add(modem.script.name, modem, seat)


@contextmanager
def simulated_fleet(
    transcripts: Sequence[str | Path], *, count: int = 1, faults: Sequence[str] = ()
) -> Iterator[list[RunningModem]]:
    """Play ``count`` modems of each transcript on PTYs in one thread, all with own numbers."""
    with TemporaryDirectory(prefix="modemagent-") as folder, SimulatorServer() as stage:
        players: list[RunningModem] = []
        for transcript in transcripts:
            script = load(find(transcript))
            for clone in range(count):
                seat = PtyEndpoint(Path(folder) / f"ttySIM{len(players)}")
                modem = SimulatedModem(script, clone=clone, faults=faults)
                name = script.name if clone == 0 else f"{script.name}-{clone + 1}"
                players.append(stage.add(name, modem, seat))
        yield players
