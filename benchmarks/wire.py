"""Each tool on a faulty port: are its results right, wrong or missing, and does it end?

* A URC between every command and its response, as a module sends them while it boots.
* A mute port, as the diagnostic port of most modules.
"""

from __future__ import annotations

import threading
from typing import Any

from measure import Ended, Simulator, judge, whole
from tools import Tool


def run(tools: list[Tool], think_ms: float, limit_s: float) -> dict[str, dict[str, Any]]:
    """Return tool name -> the results ``urc`` and ``mute``, and the seconds on the mute port.

    :param limit_s: limit after which a tool is stopped
    """
    results: dict[str, dict[str, Any]] = {}
    kinds = [f"eg25*{len(tools)}:urc", f"eg25*{len(tools)}:mute"]
    with Simulator(kinds, think_ms) as simulator:
        waiting: list[threading.Thread] = []
        for place, tool in enumerate(tools):
            talking, mute = simulator.modems[place], simulator.modems[place + len(tools)]
            ended = whole(tool.command(talking.path), limit_s)
            verdicts = set(judge(tool.found(ended.output), talking.expected).values())
            results[tool.name] = {"urc": _as_text(ended, verdicts)}
            # runs on mute ports wait side by side: they need no processor time
            waiting.append(
                threading.Thread(target=_mute, args=(tool, mute.path, limit_s, results[tool.name]))
            )
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()
    return results


def _mute(tool: Tool, path: str, limit_s: float, result: dict[str, Any]) -> None:
    ended = whole(tool.command(path), limit_s)
    claimed = any(tool.found(ended.output).values())
    result["mute_s"] = None if ended.status is None else ended.seconds
    if ended.status is None:
        result["mute"] = f"not over after {limit_s:.0f} s"
    else:
        said = "a value!" if claimed else f"exit {ended.status}"
        result["mute"] = f"{ended.seconds:.1f} s, {said}"


def _as_text(ended: Ended, verdicts: set[str]) -> str:
    if ended.status is None:
        return "not over"
    if "wrong" in verdicts:
        return f"WRONG, exit {ended.status}"
    return "right" if "right" in verdicts else f"silent, exit {ended.status}"
