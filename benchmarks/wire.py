"""Each tool on a wire that misbehaves: is it right, wrong or silent, and does it end?

* A URC stands between every command and its answer, as a module sends them while it boots.
* The port is mute, as the diagnostic port of most modules is.
"""

from __future__ import annotations

import threading
from typing import Any

from measure import Ended, Simulator, judge, whole
from tools import Tool


def run(tools: list[Tool], think_ms: float, limit_s: float) -> dict[str, dict[str, Any]]:
    """Return tool name -> ``urc`` and ``mute`` in words, and the seconds on the mute port.

    :param limit_s: a tool that has not ended by then is stopped
    """
    results: dict[str, dict[str, Any]] = {}
    kinds = [f"eg25*{len(tools)}:urc", f"eg25*{len(tools)}:mute"]
    with Simulator(kinds, think_ms) as simulator:
        waiting: list[threading.Thread] = []
        for place, tool in enumerate(tools):
            talking, mute = simulator.modems[place], simulator.modems[place + len(tools)]
            ended = whole(tool.command(talking.path), limit_s)
            verdicts = set(judge(tool.found(ended.output), talking.expected).values())
            results[tool.name] = {"urc": _in_words(ended, verdicts)}
            # the mute ones wait side by side: they need no processor
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


def _in_words(ended: Ended, verdicts: set[str]) -> str:
    if ended.status is None:
        return "not over"
    if "wrong" in verdicts:
        return f"WRONG, exit {ended.status}"
    return "right" if "right" in verdicts else f"silent, exit {ended.status}"
