"""--trace: the bytes of a port on stderr, with identifiers masked."""

from __future__ import annotations

import re

import pytest

from modemagent.cli.wire_trace import WireTrace
from tests.process.conftest import Agent, Bench, until
from tests.simulated import simulated

EG25 = "quectel-eg25-g"
IMEI, ICCID, IMSI = "865284040000014", "8901260000000000014", "310260000000011"


@pytest.mark.parametrize("words", [("identify",), ("at", "AT+CGSN"), ("diagnose",), ("record",)])
def test_trace_is_masked_on_stderr(call, tmp_path, words):
    command, *lines = words
    with simulated(EG25) as sim:
        done = call(command, sim.path, *lines, "--trace", "--state-dir", str(tmp_path))
    assert re.search(r"^ +\d+\.\d{3} > AT\+.*GSN", done.stderr, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d{3} < .*865284\*+0014", done.stderr, re.MULTILINE)
    for number in (IMEI, ICCID, IMSI):
        assert number not in done.stderr
    assert " > AT" not in done.stdout


def test_full_ids_show_the_bytes_as_they_are(call):
    with simulated(EG25) as sim:
        done = call("at", sim.path, "AT+CGSN", "--trace", "--full-ids")
    assert r" > AT+CGSN\r" in done.stderr
    assert IMEI in done.stderr


def test_full_ids_require_trace(call):
    done = call("at", "/dev/no-such-port", "AT", "--full-ids")
    assert done.returncode == 2
    assert "--trace" in done.stderr


def test_number_in_parts_is_masked_as_one():
    lines: list[str] = []
    trace = WireTrace(lines.append)
    for byte in f"\r\n+CGSN: {IMEI}\r\n".encode():
        trace("/dev/a", "received", bytes([byte]))
    trace("/dev/a", "received", b"\x1b[2J>")
    trace.close()
    title, number, rest = lines
    assert title == "trace of /dev/a:"
    assert number.endswith("< +CGSN: 865284*****0014")
    assert rest.endswith(r"< \x1b[2J>")


def test_trace_through_the_agent_points_to_its_log(call, tmp_path):
    bench = Bench(tmp_path, EG25)
    (path,) = bench.paths.values()
    agent = Agent(tmp_path, "--port", path)
    try:
        until(lambda: agent.is_watching(path))
        done = call("at", path, "AT+CSQ", "--trace", "--state-dir", str(tmp_path / "state"))
    finally:
        agent.kill()
        bench.kill()
        for pipe in (bench.popen.stdin, bench.popen.stdout):
            assert pipe
            pipe.close()
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"trace of {path}: the agent holds the port")
    assert done.stderr.count("\n") == 1
