"""The play: modems, registry, daemon; then a SIM card is swapped before the viewer's eyes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modemagent.demo.fleet import Fleet
from modemagent.demo.processes import Child, Processes, answer_of
from modemagent.errors import ModemAgentError

GATEWAY = "demo"
_START_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.1
#: Modems without a sign of their own for a swapped card are looked at this often.
_POLL_S = "1"


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One simulated modem as the registry knows it; None where it knows nothing."""

    name: str
    port: str
    manufacturer: str | None = None
    model: str | None = None
    imei: str | None = None
    iccid: str | None = None
    state: str | None = None
    verdict: str | None = None

    @property
    def known(self) -> bool:
        return self.imei is not None


class Scene:
    """Everything started; methods look at it or change it.

    :param say: told in a few words what happens next
    """

    def __init__(
        self, processes: Processes, folder: Path, modems: int | None, say: Callable[[str], None]
    ) -> None:
        self._state = folder / "gateway"
        self._deadline = time.monotonic() + _START_WITHIN_S
        names, count = _cast(modems)
        say(f"starting {len(names) * count} simulated modems")
        self._simulator = processes.start(
            "simulate", "simulate", *names, "--count", str(count), "--link-dir", str(folder / "dev")
        )
        self.ports = self._wait_for_ports()
        say("starting the registry")
        fleet_dir = folder / "registry"
        gateway_token = _token(fleet_dir, "gateway", "--gateway-id", GATEWAY)
        read_token = _token(fleet_dir, "read", "--full-ids")
        registry = processes.start(
            "registry",
            "registry",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--state-dir",
            str(fleet_dir),
        )
        self.fleet = Fleet(_address(registry, self._deadline), read_token)
        say(f"registry at {self.fleet.url}; starting the daemon")
        token_file = folder / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(gateway_token)
        self.started_at = time.monotonic()
        self._daemon = self._start_daemon(processes, token_file)

    def _wait_for_ports(self) -> dict[str, str]:
        """Map the simulated modems' names to their ports."""
        lines = self._simulator.wait_for("^ready$", deadline=self._deadline).splitlines()
        return dict(line.split(" ", 1) for line in lines[: lines.index("ready")])

    def _start_daemon(self, processes: Processes, token_file: Path) -> Child:
        ports = [word for port in self.ports.values() for word in ("--port", port)]
        return processes.start(
            "daemon",
            "run",
            *ports,
            "--no-discovery",
            *("--registry", self.fleet.url),
            *("--token-file", str(token_file)),
            *("--state-dir", str(self._state)),
            *("--gateway-id", GATEWAY),
            *("--poll-interval", _POLL_S),
        )

    def missing(self) -> list[str]:
        """Return the names of the modems that the registry does not know yet."""
        self._daemon.must_live()
        seen = {modem["port"] for modem in self.fleet.modems()}
        return [name for name, port in self.ports.items() if port not in seen]

    def wait_for_all(self, timeout_s: float) -> list[str]:
        """Wait until every modem is in the registry; return those that still are not."""
        deadline = time.monotonic() + timeout_s
        while (missing := self.missing()) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)
        return missing

    def rows(self) -> list[FleetRow]:
        """Return every simulated modem, with what the registry and the daemon say of it."""
        by_port = {modem["port"]: modem for modem in self.fleet.modems()}
        verdicts = self._verdicts()
        return [
            self._row(name, port, by_port.get(port), verdicts.get(port))
            for name, port in self.ports.items()
        ]

    def _row(
        self, name: str, port: str, modem: dict[str, Any] | None, verdict: str | None
    ) -> FleetRow:
        if modem is None:
            return FleetRow(name, port, verdict=verdict)
        slots = self.fleet.modem(modem["imei"])["sims"]
        slot = next((s for s in slots if s["present"]), slots[0] if slots else {})
        return FleetRow(
            name=name,
            port=port,
            manufacturer=modem["manufacturer"],
            model=modem["model"],
            imei=modem["imei"],
            iccid=slot.get("iccid"),
            state=slot.get("state"),
            verdict=verdict,
        )

    def _verdicts(self) -> dict[str, str]:
        self._daemon.must_live()
        try:
            status = json.loads(answer_of("status", "--json", "--state-dir", str(self._state)))
        except ModemAgentError:
            return {}  # it is still starting
        return {modem["port"]: modem.get("verdict") for modem in status["modems"]}

    def swap(self, name: str) -> None:
        """Put another card into a simulated modem."""
        self._simulator.tell(f"swap {name}")

    def swap_seen(self, port: str, timeout_s: float) -> dict[str, Any]:
        """Return the registry's event of a swapped card in a port, waiting for it.

        :raises ModemAgentError: it did not come in time
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for event in self.fleet.newest_events(100):
                if event["type"] == "sim.swapped" and event["data"]["new"]["port"] == port:
                    return event
            time.sleep(_LOOK_EVERY_S)
        raise ModemAgentError(f"the registry saw no SIM swap in {port}")


def _cast(modems: int | None) -> tuple[list[str], int]:
    """Return names of transcripts and how many of each make at least so many modems."""
    shipped = [line.split()[0] for line in answer_of("simulate", "--list").splitlines()]
    if modems is None:
        return shipped, 1
    count = -(-modems // len(shipped))
    return shipped[: -(-modems // count)], count


def _token(state_dir: Path, scope: str, *more: str) -> str:
    words = ("registry", "token", "create", "--scope", scope, *more, "--state-dir", str(state_dir))
    return answer_of(*words).strip()


def _address(registry: Child, deadline: float) -> str:
    said = registry.wait_for(r"listening on http://\S+", deadline=deadline)
    return said.partition("listening on ")[2].split()[0]
