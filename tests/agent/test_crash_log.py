"""Whatever nobody catches is one masked line of the log, wherever it happens."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

IMEI = "867698040000013"
BEFORE = f"""
import asyncio, logging, sys, threading, gc
from modemagent.agent.crash_log import install_crash_logging, keep_faults_of
from modemagent.logs import open_log
log = open_log("info")
install_crash_logging(log)
def fail(*_):
    raise ValueError("modem {IMEI} has gone")
async def fail_too():
    fail()
async def run():
    loop = asyncio.get_running_loop()
    keep_faults_of(loop, log)
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
    "a library": f"logging.getLogger('urllib3').error('modem %s has gone', '{IMEI}')",
    "asyncio itself": f"logging.getLogger('asyncio').warning('modem {IMEI} has gone')",
}


def said(what: str) -> list[dict[str, object]]:
    program = BEFORE.replace("WHAT", what) + "asyncio.run(run())\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize("case", CASES)
def test_it_is_one_masked_line(case: str) -> None:
    (line,) = said(CASES[case])
    assert line["level"] in ("error", "warning")
    assert "867698*****0013 has gone" in json.dumps(line)
    assert IMEI not in json.dumps(line)


def test_the_same_again_and_again_is_throttled() -> None:
    many = "for _ in range(50): loop.call_soon(fail)\n    await asyncio.sleep(0.0)"
    assert len(said(many)) == 5


def test_a_message_that_fits_not_its_fields_ends_nothing() -> None:
    assert said("logging.getLogger('x').error('%d', 'one'); log.info('after')")[-1]["event"] == (
        "after"
    )
