"""A tray of simulated modems: any modem may be plugged into any bay, and pulled out again.

A bay is a link to a PTY, ``DIR/ttyBAY01``; it exists while a modem is plugged in.
"""

from __future__ import annotations

from pathlib import Path

from modemagent.simulator.endpoints import PtyEndpoint
from modemagent.simulator.modem import SimulatedModem
from modemagent.simulator.server import RunningModem, SimulatorServer


class SimulatedTray:
    """Bays of a fixture.

    :param server: runs the modems
    :param folder: directory of the links
    """

    def __init__(self, server: SimulatorServer, folder: Path, bays: int) -> None:
        self._server = server
        self._folder = folder
        self._plugged: dict[str, RunningModem] = {}
        self.bays = tuple(f"{number:02}" for number in range(1, bays + 1))

    def path(self, bay: str) -> str:
        """Return the path of the port of a bay."""
        return str(self._folder / f"ttyBAY{bay}")

    def plug(self, bay: str, modem: SimulatedModem) -> RunningModem:
        """Plug a modem into an empty bay."""
        endpoint = PtyEndpoint(self._folder / f"ttyBAY{bay}")
        running = self._server.add(f"bay {bay}", modem, endpoint)
        self._plugged[bay] = running
        return running

    def pull(self, bay: str) -> None:
        """Pull out the modem in a bay, if one is there."""
        running = self._plugged.pop(bay, None)
        if running is not None:
            self._server.remove(running)

    def modem(self, bay: str) -> RunningModem | None:
        """Return the modem in a bay."""
        return self._plugged.get(bay)
