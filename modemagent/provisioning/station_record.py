"""The last station check, kept beside the orders."""

from __future__ import annotations

import json
from pathlib import Path

from modemagent.provisioning.results import write_beside
from modemagent.watching.events import now as time_of_day

_NAME = "station.json"


def save_check(state_dir: Path, problem: str) -> None:
    """Keep the result of a station check.

    :param problem: "" if it passed
    """
    folder = state_dir / "provision"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_beside(folder / _NAME, json.dumps({"at": time_of_day(), "problem": problem}) + "\n")


def last_check(state_dir: Path) -> tuple[str, str] | None:
    """Return when the last station check was made, and its problem; None without one."""
    try:
        document = json.loads((state_dir / "provision" / _NAME).read_text("utf-8"))
        return str(document["at"]), str(document["problem"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
