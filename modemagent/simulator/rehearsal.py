"""A simulated modem without a port, and a clock that only its user moves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modemagent.simulator.catalogue import find
from modemagent.simulator.modem import SimulatedModem
from modemagent.simulator.script import load


class OfflineModem:
    """Minutes of dialogue in no time: for tests of what is said, not of how it travels.

    :ivar now: the clock, seconds; may be moved on by hand
    """

    def __init__(
        self, transcript: str | Path, *, state: str = "", faults: Sequence[str] = (), clone: int = 0
    ) -> None:
        self.now = 100.0
        self.modem = SimulatedModem(
            load(find(transcript)), state=state, faults=faults, clone=clone, now=self.now
        )

    def ask(self, line: str, within_s: float = 10.0) -> bytes:
        """Send one line and return all that comes, ``within_s`` at most."""
        return self.write(line.encode() + b"\r", within_s)

    def write(self, data: bytes, within_s: float = 10.0) -> bytes:
        self.modem.receive(data, self.now)
        return self.listen(within_s)

    def listen(self, within_s: float = 10.0) -> bytes:
        """Let time pass up to the last thing the modem has to say, ``within_s`` at most."""
        end, out = self.now + within_s, bytearray()
        while (at := self.modem.wake_at) is not None and at <= end:
            self.now = max(self.now, at)
            out += self.modem.take(self.now)
            if self.modem.vanished(self.now):
                break
        return bytes(out)
