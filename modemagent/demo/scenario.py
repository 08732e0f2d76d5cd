"""The scenario of the demo: modems, registry and daemon start, then SIM cards are swapped.

Without a number of modems, most of them are well, and a few show what a verdict is about.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from modemagent.demo.processes import Processes, output_of
from modemagent.demo.story import FleetStory
from modemagent.errors import ModemAgentError
from modemagent.registry_client.client import Budget, HttpSource, entries

GATEWAY = "demo"
_START_WITHIN_S = 120.0
_POLL_S = 0.1
#: Poll interval of the daemon: modems that do not report a swapped SIM notice it at the next poll.
_MODEM_POLL_S = "1"
#: The modems of the demo: those that are well, and three with a fault that has a lesson.
_WELL = (
    "quectel-eg25-g", "fibocom-fm350-gl", "fibocom-l850-gl", "mobiletek-l511", "nordic-nrf9160",
    "sequans-monarch", "sierra-em7455b", "simcom-sim7600g-h", "telit-ge910-quad",
    "ublox-sara-g350",
)  # fmt: skip
_FAULTY = ("simcom-sim868", "sierra-wp7702", "ublox-sara-r410m")
_SEVERITIES = ("error", "warning")


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One simulated modem as stored in the registry; None for values that were not reported.

    :param why: what the verdict is about, if it is not ok
    """

    name: str
    port: str
    manufacturer: str | None = None
    model: str | None = None
    imei: str | None = None
    iccid: str | None = None
    state: str | None = None
    verdict: str | None = None
    why: str | None = None


class Scene:
    """The running processes, with methods that query or change them.

    :param modems: number of simulated modems; None for a few of each sort
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
        self.url = url = listening.partition("listening on ")[2].split()[0]
        #: Link that creates an account for the pages, valid once.
        self.first_link = (
            listening.partition("first administrator, ")[2].splitlines()[0].split()[-1]
        )
        #: Command that prints another link.
        self.new_link = (
            f"modemagent registry person create demo --role admin --public-url {url} "
            f"--state-dir {folder / 'registry'}"
        )
        unlimited = Budget(requests=sys.maxsize, body_bytes=sys.maxsize, total_s=math.inf)
        self._connect = partial(HttpSource, url, budget=unlimited)
        self._source = self._connect(read_token)
        self._create_token = create
        self._story: FleetStory | None = None

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

    def tell_story(self) -> int:
        """Send the story of more gateways to the registry; return their number."""
        operator, enroller = (
            self._connect(output_of(*self._create_token, *words).strip())
            for words in (("operate", "--full-ids"), ("enroll",))
        )
        self._story = FleetStory(operator, enroller, self._connect)
        self._story.tell()
        return len(self._story.gateways)

    def story_lines(self) -> list[tuple[str, str]]:
        """Return what the registry has found in the story, with the addresses of the pages."""
        found = self._story.lines() if self._story is not None else []
        return [(one.text, f"{self.url}{one.path}") for one in found]

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
            self._row(name, port, modems.get(port), *verdicts.get(port, (None, None)))
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
        self,
        name: str,
        port: str,
        modem: dict[str, Any] | None,
        verdict: str | None,
        why: str | None,
    ) -> FleetRow:
        found = (self._source.get(f"modems/{modem['imei']}") if modem else None) or {}
        slots = found.get("sims", ())
        slot = next((s for s in slots if s["present"]), slots[0] if slots else {})
        of_modem = {key: (modem or {}).get(key) for key in ("manufacturer", "model", "imei")}
        of_sim = {key: slot.get(key) for key in ("iccid", "state")}
        return FleetRow(name, port, **of_modem, **of_sim, verdict=verdict, why=why)

    def _verdicts(self) -> dict[str, tuple[str | None, str | None]]:
        try:
            status = json.loads(output_of("status", "--json", *self._state))
        except ModemAgentError:
            return {}  # the daemon is starting
        return {
            modem["port"]: (modem.get("verdict"), _reason(modem.get("problems", ())))
            for modem in status["modems"]
        }


def _reason(problems: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the message of the worst problem, with its field; notes are left out.

    >>> _reason([{"severity": "note"}, {"severity": "error", "field": "imsi", "message": "none"}])
    'IMSI: none'
    """
    for severity in _SEVERITIES:
        for one in problems:
            if one["severity"] == severity:
                field = str(one.get("field") or "").upper().replace("SIM_STATE", "SIM")
                return f"{field}: {one['message']}" if field else str(one["message"])
    return None


def _transcripts(modems: int | None) -> tuple[list[str], int]:
    """Return transcripts, and a count of modems for each, for at least this number of modems."""
    shipped = [line.split()[0] for line in output_of("simulate", "--list").splitlines()]
    chosen = [name for name in (*_WELL, *_FAULTY) if name in shipped]
    if modems is None:
        return chosen, 1
    ordered = chosen + [name for name in shipped if name not in chosen]
    count = -(-modems // len(ordered))
    return ordered[: -(-modems // count)], count
