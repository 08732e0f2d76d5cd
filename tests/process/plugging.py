"""The daemon on a machine whose devices are plugged and unplugged by the test."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.discovery.conftest import TREES, Bed
from tests.process.conftest import Agent, Process


class Discovering(Agent):
    """``modemagent run`` with discovery, on a machine emulated by umockdev."""

    def __init__(
        self, folder: Path, *words: str, bed: Bed, environment: Mapping[str, str] | None = None
    ) -> None:
        self.environment = {
            key: value for key, value in bed.environment.items() if "MODEMAGENT" not in key
        } | dict(environment or {})
        self.state_dir = folder / "state"
        Process.__init__(
            self, "--log-level", "debug", "run", "--state-dir", str(self.state_dir),
            "--gateway-id", "gw-1", *words, log=folder / "agent.log",
        )  # fmt: skip

    def watched(self) -> dict[str, str]:
        """Return the IMEI of each watched modem by port id."""
        return {
            modem["port_id"] or modem["port"]: modem["modem"]["imei"]
            for modem in self.ports().values()
            if modem["state"] == "watching" and "modem" in modem
        }

    def open_files(self) -> list[str]:
        """Return the targets of the open file descriptors, without numbers of terminals."""
        found = []
        for link in Path(f"/proc/{self.popen.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found.append(str(link.readlink()))
        return sorted(re.sub(r"/dev/pts/\d+|:\[\d+\]", "", name) for name in found)

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.popen.pid}/task").iterdir()))


def reports(agent: Agent) -> list[tuple[str, str]]:
    """Return reason and port id of each report, oldest first."""
    return [(report["reason"], report["port"]["id"]) for report in agent.outbox()]


def place(port_id: str) -> str:
    """Return the modem's place, such as ``usb:1-2`` for ``usb:1-2:1.2``."""
    return port_id.rpartition(":")[0] if port_id.startswith("usb:") else port_id


def present(reports: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Fold reports as the registry does; return the IMEI of each present modem by place.

    Fails if the reports contradict each other: a removal from an empty place, a removal with
    another IMEI than before, or a second identification in a place without a removal between.
    """
    found: dict[str, str] = {}
    for report in reports:
        where, imei = place(report["port"]["id"] or report["port"]["path"]), report["modem"]["imei"]
        context = f"{report['sequence']}: {report['reason']} {imei} at {where}, found: {found}"
        match report["reason"]:
            case "removed":
                assert found.pop(where, None) == imei, context
            case "identified":
                assert where not in found, context
                found[where] = imei
            case "modem_changed":
                assert found.get(where, imei) != imei, context
                found[where] = imei
            case _:
                assert found.get(where) == imei, context
    return found


def renamed(tree: str, folder: Path, shift: int) -> str:
    """Return a copy of a tree whose ttys have other numbers, as after a reset."""
    text = (TREES / f"{tree}.umockdev").read_text()
    text = re.sub(r"ttyUSB(\d+)", lambda found: f"ttyUSB{int(found[1]) + shift}", text)
    path = folder / f"{tree}-{shift}.umockdev"
    path.write_text(re.sub(r"MINOR=(\d)\n", lambda n: f"MINOR={int(n[1]) + shift}\n", text))
    return str(path)
