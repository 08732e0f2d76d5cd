"""The control socket in use: at, identify and watch on a port that the daemon has open."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modemagent.cli.status import with_holders
from modemagent.control.client import ControlClient
from modemagent.control.protocol import short_name, socket_path
from tests import preloaded
from tests.preloaded import Preloaded
from tests.process.conftest import ENVIRONMENT, Agent, Bench, call, until
from tests.simulated import simulated

Start = Callable[..., Any]
EG25 = "quectel-eg25-g"
WITH_CHANNELS = "sierra-em7455b"


@pytest.fixture
def watched(started: Start) -> tuple[Bench, Agent, str]:
    """A modem that the daemon watches and does not poll."""
    bench = started(Bench, EG25)
    (path,) = bench.paths.values()
    agent = started(Agent, "--port", path, "--poll-interval", "3600")
    until(lambda: agent.is_watching(path))
    return bench, agent, path


def test_at_prints_the_same_through_the_daemon(watched: tuple[Bench, Agent, str]) -> None:
    _, agent, path = watched
    state = ("--state-dir", str(agent.state_dir))
    lines = ("AT+CGSN", "AT+CPIN?")
    through = call("at", path, *lines, "--json", *state)
    assert through.returncode == 0, through.stderr
    agent.stop()
    alone = call("at", path, *lines, "--json", *state)

    def without_times(text: str) -> Any:
        document = json.loads(text)
        for answer in document["answers"]:
            del answer["elapsed_ms"]
        return document

    assert without_times(through.stdout) == without_times(alone.stdout)


@pytest.mark.parametrize(
    ("command", "reason"),
    [("AT+CFUN=0", "it switches"), ("AT" + 200 * ";+CGSN", "at most 512$")],
)
def test_daemon_refuses_commands_not_on_the_allow_list(
    watched: tuple[Bench, Agent, str], command: str, reason: str
) -> None:
    _, agent, path = watched
    with (
        ControlClient(agent.state_dir) as line,
        pytest.raises(Exception, match=reason) as refused,
    ):
        line.ask({"do": "at", "port": path, "line": command, "timeout_s": 1})
    assert refused.value.exit_status == 2  # type: ignore[attr-defined]
    assert agent.is_watching(path)


def test_piped_commands_go_through_the_daemon(watched: tuple[Bench, Agent, str]) -> None:
    _, agent, path = watched
    done = preloaded.run(
        ("at", path, "--state-dir", str(agent.state_dir)),
        input="AT+CPIN?\nAT+CFUN=0\nAT+CSQ\n",
        env=ENVIRONMENT,
    )
    assert done.returncode == 2  # one command was not sent
    assert "+CPIN: READY" in done.stdout and "+CSQ:" in done.stdout
    assert done.stderr.count("not sent") == 1


def test_at_on_a_port_of_another_program_exits_with_5(started: Start) -> None:
    import fcntl

    bench = started(Bench, EG25)
    (path,) = bench.paths.values()
    agent = started(Agent, "--port", "/nowhere/tty")
    until(agent.status)
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    done = call("at", path, "AT", "--state-dir", str(agent.state_dir))
    os.close(descriptor)
    assert (done.returncode, str(os.getpid()) in done.stderr) == (5, True)


def test_identify_can_read_more_than_the_daemon_reports(started: Start, tmp_path: Path) -> None:
    bench = started(Bench, EG25)
    (path,) = bench.paths.values()
    file = tmp_path / "agent.toml"
    file.write_text("network = false\nevidence = false\n")
    agent = started(Agent, "--port", path, "--poll-interval", "3600")
    agent.kill()
    agent.words = ("--config", str(file), *agent.words)
    agent.start()
    until(lambda: agent.is_watching(path))
    state = ("--state-dir", str(agent.state_dir))
    (modem,) = json.loads(call("identify", path, "--json", "--network", *state).stdout)["modems"]
    assert modem["network"]
    (modem,) = json.loads(call("identify", path, "--json", "--evidence", *state).stdout)["modems"]
    assert modem["evidence"] and not modem.get("network")
    assert all(report["network"] is None for report in agent.outbox())


def events_of(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout
    for line in process.stdout:
        yield json.loads(line)


@contextlib.contextmanager
def watching(*words: str) -> Iterator[subprocess.Popen[str]]:
    with Preloaded(
        ("watch", "--json", *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=ENVIRONMENT,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def test_watch_prints_the_daemons_events_until_interrupted(
    watched: tuple[Bench, Agent, str],
) -> None:
    bench, agent, path = watched
    with watching("--state-dir", str(agent.state_dir)) as process:
        events = events_of(process)
        assert next(events)["event"] == "watch.started"
        bench.do(f"urc {EG25} +CREG: 3")
        urc = next(event for event in events if event["event"] == "port.urc")
        assert urc["data"]["line"] == "+CREG: 3" and urc["data"]["explained"]["text"]
        bench.do(f"sim-out {EG25}")
        removed = next(event for event in events if event["event"] == "sim.removed")
        assert (removed["schema"], removed["port"]) == (1, path)
        assert removed["data"]["before"]
        bench.do(f"unplug {EG25}")
        gone = next(event for event in events if event["event"] == "modem.removed")
        assert gone["data"]["before"]
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130


def test_watch_opens_the_port_without_a_daemon(started: Start, tmp_path: Path) -> None:
    bench = started(Bench, EG25)
    (path,) = bench.paths.values()
    state = tmp_path / "none"
    state.mkdir()
    with watching(path, "--state-dir", str(state), "--poll-interval", "0.2") as process:
        events = events_of(process)
        names = []
        while "modem.first_seen" not in names or "sim.first_seen" not in names:
            names.append(next(events)["event"])
        bench.do(f"swap-silent {EG25}")
        assert next(event for event in events if event["event"] == "sim.swapped")
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130


def test_watch_ends_silently_when_its_pipe_is_closed(started: Start, tmp_path: Path) -> None:
    bench = started(Bench, EG25)
    (path,) = bench.paths.values()
    state = tmp_path / "none"
    state.mkdir()
    with watching(path, "--state-dir", str(state), "--poll-interval", "0.1") as process:
        assert process.stdout and process.stderr
        next(events_of(process))
        process.stdout.close()
        while process.poll() is None:
            bench.do(f"urc {EG25} RING")
        assert (process.returncode, process.stderr.read()) == (0, "")


# -- misuse and failures


def raw(agent: Agent) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(20)
    with short_name(socket_path(agent.state_dir)) as name:
        line.connect(name)
    return line


def test_client_that_does_not_read_blocks_no_other_client(
    watched: tuple[Bench, Agent, str],
) -> None:
    bench, agent, _ = watched
    with raw(agent) as sleeper:
        sleeper.sendall(b'{"do": "watch"}\n')
        for _ in range(2000):
            bench.do(f"urc {EG25} RING")
        assert agent.status()["modems"]
        with raw(agent) as other:
            other.sendall(b"[[[[\n" + b'{"do": "status"}\n')
            with other.makefile("rb") as answers:
                assert json.loads(answers.readline())["error"]["code"] == "usage"
                assert json.loads(answers.readline())["pid"] == agent.popen.pid


def test_request_is_answered_after_a_half_close(watched: tuple[Bench, Agent, str]) -> None:
    _, agent, path = watched
    with raw(agent) as line:
        request = {"do": "at", "port": path, "line": "AT+CSQ"}
        line.sendall(json.dumps(request).encode())
        line.shutdown(socket.SHUT_WR)
        with line.makefile("rb") as answers:
            assert json.loads(answers.readline())["answer"]["final"]["text"] == "OK"
            assert answers.readline() == b""


AID = 'AT+CCHO="A0000005591010FFFFFFFF8900000100"'


def test_channel_is_closed_when_its_client_disconnects(started: Start) -> None:
    with simulated(WITH_CHANNELS) as modem:
        agent = started(Agent, "--port", modem.path, "--poll-interval", "3600")
        until(lambda: agent.is_watching(modem.path))
        with raw(agent) as line, raw(agent) as other:
            line.sendall(json.dumps({"do": "at", "port": modem.path, "line": AID}).encode() + b"\n")
            with line.makefile("rb") as answers:
                answer = json.loads(answers.readline())["answer"]
            session = re.sub(r".*: *", "", answer["lines"][0]).upper()
            closing = f"AT+CCHC={session}"
            # no other client may use the channel
            request = {"do": "at", "port": modem.path, "line": closing}
            other.sendall(json.dumps(request).encode() + b"\n")
            with other.makefile("rb") as answers:
                assert json.loads(answers.readline())["error"]["code"] == "line_refused"
            assert closing not in modem.lines_received
            line.close()
            until(lambda: closing in modem.lines_received)
        assert agent.is_watching(modem.path)
        assert modem.lines_received.count(closing) == 1


def test_status_finds_a_holder_that_the_agent_cannot_see(started: Start) -> None:
    bench = started(Bench, EG25)
    (port,) = bench.paths.values()
    locker = (
        "import fcntl, sys; port = open(sys.argv[1], 'rb+', buffering=0); "
        "fcntl.flock(port, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", locker, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        # the status of an agent that runs as a user of its own, under ProtectProc
        modem = {"port": port, "reason": "busy", "holder": {"pid": None, "name": None}}
        [shown] = with_holders({"modems": [modem]})["modems"]
        assert shown["holder"]["pid"] == holder.pid
        assert f"(pid {holder.pid})" in shown["message"]
        holder.communicate()
    assert with_holders({"modems": [{"port": port, "state": "watching"}]})["modems"] == [
        {"port": port, "state": "watching"}
    ]
