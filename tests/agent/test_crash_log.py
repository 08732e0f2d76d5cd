"""Uncaught exceptions and library messages are masked log entries of one line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

IMEI = "867698040000013"
BEFORE = f"""
import asyncio, logging, sys, threading, gc
from modemagent.agent.crash_log import install_crash_logging, log_loop_errors
from modemagent.logs import open_log
log = open_log("info")
install_crash_logging(log)
def fail(*_):
    raise ValueError("modem {IMEI} has failed")
async def fail_too():
    fail()
async def run():
    loop = asyncio.get_running_loop()
    log_loop_errors(loop, log)
    WHAT
class Bad:
    def __del__(self):
        fail()
"""
CASES = {
    "a callback": "loop.call_soon(fail); await asyncio.sleep(0.0)",
    "a task": "asyncio.ensure_future(fail_too()); await asyncio.sleep(0.0); gc.collect()",
    "a thread": "thread = threading.Thread(target=fail); thread.start(); thread.join()",
    "the end of an object": "Bad()",
    "the main thread": "fail()",
    "a library": f"logging.getLogger('urllib3').error('modem %s has failed', '{IMEI}')",
    "asyncio itself": f"logging.getLogger('asyncio').warning('modem {IMEI} has failed')",
}


def logged(what: str) -> list[dict[str, object]]:
    program = BEFORE.replace("WHAT", what) + "asyncio.run(run())\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize("case", CASES)
def test_entry_is_one_masked_line(case: str) -> None:
    (line,) = logged(CASES[case])
    assert line["level"] in ("error", "warning")
    assert "867698*****0013 has failed" in json.dumps(line)
    assert IMEI not in json.dumps(line)


def test_repeated_error_is_throttled() -> None:
    many = "for _ in range(50): loop.call_soon(fail)\n    await asyncio.sleep(0.0)"
    assert len(logged(many)) == 5


def test_invalid_library_message_is_ignored() -> None:
    assert logged("logging.getLogger('x').error('%d', 'one'); log.info('after')")[-1]["event"] == (
        "after"
    )
