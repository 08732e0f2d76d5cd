"""The scenario of the demo: modems, registry and daemon start, then SIM cards are swapped."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modemagent.demo.processes import Processes, output_of
from modemagent.errors import ModemAgentError
from modemagent.registry_client.client import Budget, HttpSource, entries

GATEWAY = "demo"
_START_WITHIN_S = 120.0
_POLL_S = 0.1
#: Poll interval of the daemon: modems that do not report a swapped SIM notice it at the next poll.
_MODEM_POLL_S = "1"


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One simulated modem as stored in the registry; None for values that were not reported."""

    name: str
    port: str
    manufacturer: str | None = None
    model: str | None = None
    imei: str | None = None
    iccid: str | None = None
    state: str | None = None
    verdict: str | None = None


class Scene:
    """The running processes, with methods that query or change them.

    :param modems: number of simulated modems; None for one of each transcript
    :param progress: called with a short text before each step
    """

    def __init__(
        self,
        processes: Processes,
        folder: Path,
        modems: int | None,
        progress: Callable[[str], None],
    ) -> None:
        deadline = time.monotonic() + _START_WITHIN_S
        names, count = _transcripts(modems)
        progress(f"starting {len(names) * count} simulated modems")
        simulate = ("simulate", *names, "--count", str(count), "--link-dir", str(folder / "dev"))
        self._simulator = processes.start("simulate", *simulate)
        lines = self._simulator.wait_for("^ready$", deadline=deadline).splitlines()
        #: Ports of the simulated modems by name.
        self.ports = dict(line.split(" ", 1) for line in lines[: lines.index("ready")])

        progress("starting the registry")
        database = ("--state-dir", str(folder / "registry"))
        create = ("registry", "token", "create", *database, "--scope")
        gateway_token = output_of(*create, "gateway", "--gateway-id", GATEWAY)
        read_token = output_of(*create, "read", "--full-ids").strip()
        serve = ("registry", "serve", "--listen", "127.0.0.1:0", *database)
        listening = processes.start("registry", *serve).wait_for(
            r"^listening on http://\S+", deadline=deadline
        )
        url = listening.partition("listening on ")[2].split()[0]
        #: Link that creates an account for the pages, valid once.
        self.first_link = (
            listening.partition("first administrator, ")[2].splitlines()[0].split()[-1]
        )
        unlimited = Budget(requests=sys.maxsize, body_bytes=sys.maxsize, total_s=math.inf)
        self._source = HttpSource(url, read_token, budget=unlimited)

        progress(f"registry at {url}; starting the daemon")
        token_file = folder / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(gateway_token)
        self.started_at = time.monotonic()
        self._state = ("--state-dir", str(folder / "gateway"))
        self._daemon = processes.start(
            "daemon",
            "run",
            *(word for port in self.ports.values() for word in ("--port", port)),
            "--no-discovery",
            *("--registry", url),
            *("--token-file", str(token_file)),
            *self._state,
            *("--gateway-id", GATEWAY),
            *("--poll-interval", _MODEM_POLL_S),
        )

    def missing(self) -> list[str]:
        """Return the names of the modems that the registry has no report of."""
        reported = self._modems_by_port()
        return [name for name, port in self.ports.items() if port not in reported]

    def wait_for_all(self, timeout_s: float) -> list[str]:
        """Wait until the registry has all modems; return the missing ones after the timeout."""
        deadline = time.monotonic() + timeout_s
        while (missing := self.missing()) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return missing

    def rows(self) -> list[FleetRow]:
        """Return every simulated modem as stored in the registry, with the daemon's verdict."""
        modems = self._modems_by_port()
        verdicts = self._verdicts()
        return [
            self._row(name, port, modems.get(port), verdicts.get(port))
            for name, port in self.ports.items()
        ]

    def newest_events(self, limit: int) -> list[dict[str, Any]]:
        """Return the latest events, newest first."""
        return list(entries(self._source, "events", most=limit, fields=(), order="desc"))

    def swap(self, name: str) -> None:
        """Insert another SIM card into a simulated modem."""
        self._simulator.send_line(f"swap {name}")

    def wait_for_swap(self, port: str, timeout_s: float) -> dict[str, Any]:
        """Wait for the event of a swapped SIM card at a port and return it.

        :raises ModemAgentError: there was no such event in time
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for event in self.newest_events(100):
                if event["type"] == "sim.swapped" and event["data"]["new"]["port"] == port:
                    return event
            time.sleep(_POLL_S)
        raise ModemAgentError(f"the registry has no event of the SIM swap at {port}")

    def _modems_by_port(self) -> dict[str, dict[str, Any]]:
        self._daemon.check_running()
        modems = entries(self._source, "modems", most=None, fields=("port", "imei"))
        return {modem["port"]: modem for modem in modems}

    def _row(
        self, name: str, port: str, modem: dict[str, Any] | None, verdict: str | None
    ) -> FleetRow:
        found = (self._source.get(f"modems/{modem['imei']}") if modem else None) or {}
        slots = found.get("sims", ())
        slot = next((s for s in slots if s["present"]), slots[0] if slots else {})
        of_modem = {key: (modem or {}).get(key) for key in ("manufacturer", "model", "imei")}
        of_sim = {key: slot.get(key) for key in ("iccid", "state")}
        return FleetRow(name, port, **of_modem, **of_sim, verdict=verdict)

    def _verdicts(self) -> dict[str, str]:
        try:
            status = json.loads(output_of("status", "--json", *self._state))
        except ModemAgentError:
            return {}  # the daemon is starting
        return {modem["port"]: modem.get("verdict") for modem in status["modems"]}


def _transcripts(modems: int | None) -> tuple[list[str], int]:
    """Return transcripts, and a count of modems for each, for at least this number of modems."""
    shipped = [line.split()[0] for line in output_of("simulate", "--list").splitlines()]
    if modems is None:
        return shipped, 1
    count = -(-modems // len(shipped))
    return shipped[: -(-modems // count)], count
