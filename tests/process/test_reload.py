"""SIGHUP: new settings take effect, and ports that stay configured are not touched."""

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
from modemagent.simulator.endpoints import PtyEndpoint
from modemagent.simulator.server import RunningModem
from tests.process.conftest import Agent, call, until
from tests.report.conftest import SmallRegistry, running
from tests.simulated import simulated

Start = Callable[..., Any]
EG25 = "quectel-eg25-g"


def agent_with(started: Start, file: Path, text: str) -> Agent:
    file.write_text(text)
    agent: Agent = started(Agent)
    agent.kill()
    agent.log.write_text("")
    agent.words = ("--config", str(file), *agent.words)
    agent.start()
    until(agent.status)
    return agent


def reload(agent: Agent, file: Path, text: str, logged: str) -> None:
    """Write the file, send SIGHUP and wait until the log contains the expected text once more."""
    before = agent.log.read_text().count(logged)
    file.write_text(text)
    agent.popen.send_signal(signal.SIGHUP)
    until(lambda: agent.log.read_text().count(logged) > before)


def test_reload_sends_no_byte_to_a_port_that_stays(started: Start, tmp_path: Path) -> None:
    file, sent = tmp_path / "agent.toml", tmp_path / "reports"
    with (
        simulated(EG25) as stays,
        simulated(EG25, clone=1) as goes,
        simulated(EG25, clone=2) as comes,
    ):
        agent = agent_with(
            started, file, f'port = ["{stays.path}", "{goes.path}"]\npoll_interval = 3600\n'
        )
        until(lambda: agent.is_watching(stays.path, goes.path))
        received = len(stays.lines_received)
        assert received
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
        assert len(stays.lines_received) == received
        assert [r for r in agent.outbox() if r["reason"] == "removed"] == []
        # the shorter interval takes effect with the next poll
        reload(agent, file, f'port = ["{stays.path}"]\npoll_interval = 0.1\n', "settings_reloaded")
        until(lambda: len(stays.lines_received) > received)
        assert agent.status()["uplink"]["state"] == "off"


def test_invalid_file_is_rejected_and_settings_stay_in_force(
    started: Start, tmp_path: Path
) -> None:
    file = tmp_path / "agent.toml"
    with simulated(EG25) as modem:
        good = f'port = ["{modem.path}"]\npoll_interval = 3600\n'
        agent = agent_with(started, file, good)
        until(lambda: agent.is_watching(modem.path))
        received = len(modem.lines_received)
        reload(agent, file, "port = []\nbaud = 1\npol_interval = 3\n", "pol_interval")
        log = agent.log.read_text()
        assert log.count('"event": "settings_rejected"') == 2
        assert "line 2" in log and "line 3" in log
        until(lambda: agent.status()["settings"]["error"])
        assert "stay in effect" in call("status", "--state-dir", str(agent.state_dir)).stdout
        reload(agent, file, f'{good}token_file = "/nowhere"\nregistry = "http://x"\n', "/nowhere")
        reload(agent, file, f'{good}proxy = "proxy:3128"\nregistry = "http://x"\n', "HOST:PORT")
        reload(agent, file, f'{good}registry = "file://{tmp_path}/no/out"\n', "mkdir -p")
        assert agent.status()["uplink"]["state"] == "off"
        reload(agent, file, f'{good}state_dir = "/elsewhere"\n', "settings_reloaded")
        assert agent.is_watching(modem.path)
        assert agent.status()["settings"]["error"] is None
        assert len(modem.lines_received) == received


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1; return its file and that of its key."""
    made, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = (
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
        "-keyout", str(key), "-out", str(made),
    )  # fmt: skip
    subprocess.run(words, check=True, capture_output=True)
    return made, key


@pytest.mark.parametrize("renewed", ["ca_file", "client_cert_file"])
def test_reload_loads_a_renewed_certificate_again(
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
        agent = agent_with(started, file, settings)
        until(lambda: agent.status()["uplink"]["state"] == "unreachable")
        assert not server.order
        files[renewed].write_text("no certificate")
        reload(agent, file, settings, "cannot load certificates")
        files[renewed].write_text(texts[renewed])
        reload(agent, file, settings, "settings_reloaded")
        until(lambda: server.order)


def test_registry_changes_from_http_to_https(started: Start, tmp_path: Path) -> None:
    made, key = certificate(tmp_path, "registry")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    plain, encrypted = SmallRegistry(), SmallRegistry()
    encrypted.socket = context.wrap_socket(
        encrypted.socket, server_side=True, do_handshake_on_connect=False
    )
    settings = 'port = ["/nowhere/tty"]\nheartbeat_interval = 1\n'
    file = tmp_path / "agent.toml"
    with running(plain), running(encrypted):
        http = f'registry = "http://127.0.0.1:{plain.server_port}"\n'
        agent = agent_with(started, file, settings + http)
        until(lambda: plain.order)
        https = f'registry = "https://127.0.0.1:{encrypted.server_port}"\nca_file = "{made}"\n'
        reload(agent, file, settings + https, "settings_reloaded")
        until(lambda: encrypted.order)
        reload(agent, file, settings + http, "settings_reloaded")
        before = len(plain.order)
        until(lambda: len(plain.order) > before)


def speeds(modem: RunningModem) -> list[int]:
    """Return the input and output speed of a modem's terminal."""
    assert isinstance(modem.endpoint, PtyEndpoint) and modem.endpoint._terminal is not None
    attributes: list[int] = termios.tcgetattr(modem.endpoint._terminal)[4:6]
    return attributes


def states(call: ControlClient, path: str) -> Iterator[str]:
    """Yield the states of a port up to `watching`."""
    for event in call.events():
        if event["event"] == "port.state" and event["port"] == path:
            data: Any = event["data"]
            yield data["state"]
            if data["state"] == "watching":
                return


def test_reload_with_another_speed_reopens_the_port(started: Start, tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    with simulated(EG25) as modem, simulated(EG25, clone=1) as other:
        ports = f'port = ["{modem.path}", "{other.path}"]\npoll_interval = 3600\n'
        before = speeds(modem)
        agent = agent_with(started, file, f"{ports}baud = 9600\n")
        until(lambda: agent.is_watching(modem.path, other.path))
        assert speeds(modem) == speeds(other) == [termios.B9600] * 2
        received = modem.lines_received
        with ControlClient(agent.state_dir, timeout_s=20) as call:
            call.ask({"do": "watch"})
            reload(agent, file, f"{ports}baud = 57600\n", "settings_reloaded")
            passed = list(states(call, modem.path))
        assert passed == ["stopped", "opening", "identifying", "watching"]
        until(lambda: agent.is_watching(modem.path, other.path))
        assert speeds(modem) == speeds(other) == [termios.B57600] * 2
        # it was identified once more, and its URCs are received
        assert modem.lines_received == received * 2
        modem.remove_sim()
        until(lambda: [r["reason"] for r in agent.outbox()][-1] == "sim_changed")
        assert "removed" not in [report["reason"] for report in agent.outbox()]
        assert "Unhandled" not in agent.log.read_text()
        # a reload without a difference changes nothing
        received = other.lines_received
        reload(agent, file, f"{ports}baud = 57600\n", "settings_reloaded")
        assert other.lines_received == received
        agent.stop()
        assert speeds(modem) == before != [termios.B57600] * 2
