"""Steps of the user: a command that receives the unit as JSON and answers with a verdict.

Its answer is ``{"verdict": "pass|fail|station", "message", "remedy", "measurements"}``. Exit status
0 and 3 without an answer are pass and fail; anything else is a fault of the station.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any

from modemagent.provisioning.bench_file import BenchHook
from modemagent.provisioning.events import HookEnded
from modemagent.provisioning.state import LineState

ENTRY_POINTS = "modemagent.provision_steps"
_VERDICTS = ("pass", "fail", "station")
_BY_STATUS = {0: "pass", 3: "fail"}
_LONGEST_ANSWER = 64 * 1024


async def run_hook(hook: BenchHook, line: LineState, run: int) -> HookEnded:
    """Run one step of the user about a run; a failure of the step is one of the station."""
    document = hook_input(line, run)
    try:
        async with asyncio.timeout(hook.timeout_s):
            if hook.entry_point:
                answer: Any = await _call_entry_point(hook.entry_point, document)
                return _judged(hook, run, answer, "pass")
            status, output = await _run_command(_words(hook), document)
    except TimeoutError:
        return _station(hook, run, f"{hook.name} took longer than {hook.timeout_s:g} s")
    except Exception as error:  # noqa: BLE001 - the code of the user must not end the bench
        return _station(hook, run, f"{hook.name}: {type(error).__name__}: {error}"[:200])
    try:
        answer = json.loads(output) if output.strip() else {}
    except ValueError:
        return _station(hook, run, f"{hook.name} answered with text that is not JSON")
    return _judged(hook, run, answer, _BY_STATUS.get(status, "station"))


def hook_input(line: LineState, run: int) -> dict[str, Any]:
    """Return what a step of the user receives: the unit with its numbers in full."""
    entry = line.ledger.runs[run]
    row = line.index.rows.get(entry.row)
    return {
        "schema": 1,
        "run": run,
        "order": line.order.name,
        "bay": entry.bay,
        "person": entry.person,
        "row": dict(row.values) | dict(row.extra) if row is not None else None,
        "port": line.settings.bays.get(entry.bay),
        "reading": entry.reading,
    }


async def notify_commands(commands: Iterable[str], fields: dict[str, Any]) -> None:
    """Run commands about a verdict, for lamps and sounds; their results do not matter."""
    for command in commands:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(10):
                await _run_command(shlex.split(command), fields)


def _words(hook: BenchHook) -> list[str]:
    return shlex.split(hook.command[0]) if len(hook.command) == 1 else list(hook.command)


async def _run_command(words: list[str], document: dict[str, Any]) -> tuple[int, bytes]:
    """Run a command in its own process group, which ends with it or is killed."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate(json.dumps(document).encode())
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    return process.returncode or 0, output[:_LONGEST_ANSWER]


async def _call_entry_point(name: str, document: dict[str, Any]) -> Any:
    for point in entry_points(group=ENTRY_POINTS, name=name):
        return await point.load()(document)
    raise LookupError(f"no installed package has the step {name}")


def _judged(hook: BenchHook, run: int, answer: Any, verdict: str) -> HookEnded:
    found = answer if isinstance(answer, dict) else {}
    verdict = str(found.get("verdict", verdict))
    if verdict not in _VERDICTS:
        return _station(
            hook, run, f"{hook.name} answered with the unknown verdict {verdict[:20]!r}"
        )
    measured = tuple(each for each in found.get("measurements", ()) if isinstance(each, dict))
    message = str(found.get("message") or ("" if verdict == "pass" else hook.name))[:200]
    return HookEnded(
        run, hook.name, verdict, message, str(found.get("remedy") or "")[:200], measured
    )


def _station(hook: BenchHook, run: int, message: str) -> HookEnded:
    return HookEnded(run, hook.name, "station", message, "Check the step's program.")
