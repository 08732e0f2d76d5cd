"""Simulated modems for tests: ``with played("quectel-eg25-g") as sim: open(sim.path)``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from modemagent.simulator.modem import SimulatedModem
from modemagent.simulator.script import load
from modemagent.simulator.seats import PtySeat, Seat, TcpSeat
from modemagent.simulator.shipped import find
from modemagent.simulator.stage import PlayedModem, Stage


@contextmanager
def played(
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
) -> Iterator[PlayedModem]:
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
    with TemporaryDirectory(prefix="modemagent-") as folder, Stage() as stage:
        seat: Seat = TcpSeat() if tcp else PtySeat(Path(folder) / "ttySIM0")
        yield stage.add(modem.script.name, modem, seat)


@contextmanager
def played_many(
    transcripts: Sequence[str | Path], *, count: int = 1, faults: Sequence[str] = ()
) -> Iterator[list[PlayedModem]]:
    """Play ``count`` modems of each transcript on PTYs in one thread, all with own numbers."""
    with TemporaryDirectory(prefix="modemagent-") as folder, Stage() as stage:
        players: list[PlayedModem] = []
        for transcript in transcripts:
            script = load(find(transcript))
            for clone in range(count):
                seat = PtySeat(Path(folder) / f"ttySIM{len(players)}")
                modem = SimulatedModem(script, clone=clone, faults=faults)
                name = script.name if clone == 0 else f"{script.name}-{clone + 1}"
                players.append(stage.add(name, modem, seat))
        yield players
