"""demo: real processes from end to end, and none of them left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from modemagent.cli import demo
from modemagent.cli.screen import live_screen

pytest.importorskip("fastapi", reason="the demo needs the registry's packages")


def _children(marker: str) -> list[str]:
    """Return the command lines of processes that name a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if marker in words:
                found.append(words)
    return found


def test_every_modem_and_a_swap_reach_the_registry(call, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "modemagent", "demo", "--once", "--json"],
        capture_output=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    document = json.loads(done.stdout)
    assert document["missing"] == []
    assert len({modem["imei"] for modem in document["modems"]}) == len(document["modems"])
    assert document["swap"]["type"] == "sim.swapped"
    reasons = {modem["verdict"]: modem["why"] for modem in document["modems"]}
    assert reasons["ok"] is None
    assert reasons["error"] == "IMSI: no value, or the module answered with an error"
    assert list(tmp_path.iterdir()) == []
    assert _children(str(tmp_path)) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_remains(tmp_path, environment, number):
    with subprocess.Popen(
        [sys.executable, "-m", "modemagent", "demo", "--modems", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**environment, "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stderr is not None
        while b"starting the daemon" not in (line := process.stderr.readline()):
            assert line, "the demo ended early"
        process.send_signal(number)
        process.wait(120)
    deadline = time.monotonic() + 120
    while (left := _children(str(tmp_path))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_live_demo_swaps_sims_until_interrupted(tmp_path, environment):
    with subprocess.Popen(
        [sys.executable, "-m", "modemagent", "demo", "--modems", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**environment, "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        while b"sim.swapped" not in (line := process.stdout.readline()):
            assert line, "the demo ended early"
        shown = b""
        while b"Sign in, once" not in (line := process.stdout.readline()):
            assert line, "the page has no link"
            shown += line
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 0
    assert b"another SIM in hamburg-03" in shown
    assert re.search(rb"All of it: http://127\.0\.0\.1:\d+\n", shown)
    assert _children(str(tmp_path)) == []


def test_page_that_has_not_changed_is_not_printed_again(capsys):
    with live_screen() as draw:
        draw("one")
        draw("one")
        draw("two")
    assert capsys.readouterr().out == "one\n\ntwo\n\n"


def test_link_that_has_expired_is_not_shown():
    scene = SimpleNamespace(started_at=time.monotonic() - 601, first_link="old", new_link="new")
    assert demo.sign_in_line(scene).endswith("new")
    scene.started_at += 300
    assert demo.sign_in_line(scene).endswith("old")
