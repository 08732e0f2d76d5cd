"""SIGHUP: new settings are taken over, and a modem that is named before and after hears nothing."""

from __future__ import annotations

import signal
import ssl
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modemagent.control.client import ControlClient
from modemagent.simulator.bench import simulated
from modemagent.simulator.endpoints import PtyEndpoint
from modemagent.simulator.server import RunningModem
from tests.process.conftest import Agent, call, until
from tests.report.conftest import SmallRegistry, running

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Any]
EG25 = "quectel-eg25-g"


def begun(started: Start, file: Path, text: str) -> Agent:
    file.write_text(text)
    agent: Agent = started(Agent)
    agent.kill()
    agent.log.write_text("")
    agent.words = ("--config", str(file), *agent.words)
    agent.start()
    until(agent.status)
    return agent


def reload(agent: Agent, file: Path, text: str, said: str) -> None:
    """Write the file, send the signal, and wait for the word in the log."""
    before = agent.log.read_text().count(said)
    file.write_text(text)
    agent.popen.send_signal(signal.SIGHUP)
    until(lambda: agent.log.read_text().count(said) > before)


def test_a_port_that_stays_hears_nothing_while_others_come_and_go(
    started: Start, tmp_path: Path
) -> None:
    file, sent = tmp_path / "agent.toml", tmp_path / "reports"
    with simulated(EG25) as stays, simulated(EG25) as goes, simulated(EG25) as comes:
        agent = begun(
            started, file, f'port = ["{stays.path}", "{goes.path}"]\npoll_interval = 3600\n'
        )
        until(lambda: agent.is_watching(stays.path, goes.path))
        heard = len(stays.lines_received)
        assert heard
        reload(
            agent,
            file,
            f'port = ["{stays.path}", "{comes.path}"]\npoll_interval = 1800\n'
            f'registry = "file://{sent}"\nheartbeat_interval = 600\n',
            "settings_reloaded",
        )
        until(lambda: agent.is_watching(stays.path, comes.path))
        until(agent.is_empty)
        assert goes.path not in agent.ports()
        assert len(stays.lines_received) == heard
        assert [r for r in agent.outbox() if r["reason"] == "removed"] == []
        # the shorter interval is in force: the next look comes by it
        reload(agent, file, f'port = ["{stays.path}"]\npoll_interval = 0.1\n', "settings_reloaded")
        until(lambda: len(stays.lines_received) > heard)
        assert agent.status()["uplink"]["state"] == "off"


def test_a_broken_file_leaves_everything_as_it_was_and_says_so(
    started: Start, tmp_path: Path
) -> None:
    file = tmp_path / "agent.toml"
    with simulated(EG25) as modem:
        good = f'port = ["{modem.path}"]\npoll_interval = 3600\n'
        agent = begun(started, file, good)
        until(lambda: agent.is_watching(modem.path))
        heard = len(modem.lines_received)
        reload(agent, file, "port = []\nbaud = 1\npol_interval = 3\n", "pol_interval")
        log = agent.log.read_text()
        assert log.count('"event": "settings_rejected"') == 2
        assert "line 2" in log and "line 3" in log
        until(lambda: agent.status()["settings"]["error"])
        assert "stay in force" in call("status", "--state-dir", str(agent.state_dir)).stdout
        reload(agent, file, f'{good}token_file = "/nowhere"\nregistry = "http://x"\n', "/nowhere")
        reload(agent, file, f'{good}proxy = "proxy:3128"\nregistry = "http://x"\n', "HOST:PORT")
        reload(agent, file, f'{good}registry = "file://{tmp_path}/no/out"\n', "mkdir -p")
        assert agent.status()["uplink"]["state"] == "off"
        reload(agent, file, f'{good}state_dir = "/elsewhere"\n', "settings_reloaded")
        assert agent.is_watching(modem.path)
        assert agent.status()["settings"]["error"] is None
        assert len(modem.lines_received) == heard


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate for this machine that is its own authority; return it and its key."""
    made, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = (
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
        "-keyout", str(key), "-out", str(made),
    )  # fmt: skip
    subprocess.run(words, check=True, capture_output=True)
    return made, key


@pytest.mark.parametrize("renewed", ["ca_file", "client_cert_file"])
def test_a_renewed_certificate_under_the_old_name_is_taken_up(
    started: Start, tmp_path: Path, renewed: str
) -> None:
    registry, gateway = certificate(tmp_path, "registry"), certificate(tmp_path, "gateway")
    old = certificate(tmp_path, "old")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*registry)
    context.load_verify_locations(gateway[0])
    context.verify_mode = ssl.CERT_REQUIRED
    server = SmallRegistry()
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    texts = {
        "ca_file": registry[0].read_text(),
        "client_cert_file": "".join(part.read_text() for part in gateway),
    }
    files = {key: tmp_path / key for key in texts}
    for key, made in files.items():
        made.write_text("".join(part.read_text() for part in old) if key == renewed else texts[key])
    settings = "".join(f'{key} = "{made}"\n' for key, made in files.items())
    settings += f'port = ["/nowhere/tty"]\nregistry = "https://127.0.0.1:{server.server_port}"\n'
    settings += "heartbeat_interval = 1\n"
    file = tmp_path / "agent.toml"
    with running(server):
        agent = begun(started, file, settings)
        until(lambda: agent.status()["uplink"]["state"] == "unreachable")
        assert not server.order
        files[renewed].write_text("no certificate")
        reload(agent, file, settings, "can not be loaded")
        files[renewed].write_text(texts[renewed])
        reload(agent, file, settings, "settings_reloaded")
        until(lambda: server.order)


def speeds(modem: RunningModem) -> list[int]:
    """Return the speeds the terminal of a modem is set to, in and out."""
    assert isinstance(modem.seat, PtyEndpoint) and modem.seat._far is not None
    attributes: list[int] = termios.tcgetattr(modem.seat._far)[4:6]
    return attributes


def states(call: ControlClient, path: str) -> Iterator[str]:
    """Yield the states a port goes through, up to being watched."""
    for event in call.events():
        if event["event"] == "port.state" and event["port"] == path:
            data: Any = event["data"]
            yield data["state"]
            if data["state"] == "watching":
                return


def test_another_speed_opens_the_port_once_more_and_is_set_on_the_line(
    started: Start, tmp_path: Path
) -> None:
    file = tmp_path / "agent.toml"
    with simulated(EG25) as modem, simulated(EG25, clone=1) as other:
        ports = f'port = ["{modem.path}", "{other.path}"]\npoll_interval = 3600\n'
        before = speeds(modem)
        agent = begun(started, file, f"{ports}baud = 9600\n")
        until(lambda: agent.is_watching(modem.path, other.path))
        assert speeds(modem) == speeds(other) == [termios.B9600] * 2
        heard = modem.lines_received
        with ControlClient(agent.state_dir, timeout_s=20) as call:
            call.ask({"do": "watch"})
            reload(agent, file, f"{ports}baud = 57600\n", "settings_reloaded")
            told = list(states(call, modem.path))
        assert told == ["stopped", "opening", "identifying", "watching"]
        until(lambda: agent.is_watching(modem.path, other.path))
        assert speeds(modem) == speeds(other) == [termios.B57600] * 2
        # it was read once more, and is watched: its own word is heard
        assert modem.lines_received == heard * 2
        modem.remove_sim()
        until(lambda: [r["reason"] for r in agent.outbox()][-1] == "sim_changed")
        assert "removed" not in [report["reason"] for report in agent.outbox()]
        assert "Unhandled" not in agent.log.read_text()
        # the same again changes nothing
        heard = other.lines_received
        reload(agent, file, f"{ports}baud = 57600\n", "settings_reloaded")
        assert other.lines_received == heard
        agent.stop()
        assert speeds(modem) == before != [termios.B57600] * 2
