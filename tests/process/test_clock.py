"""A wall clock that is wrong or jumps affects nothing but the dates in reports.

libfaketime moves the daemon's wall clock; ``FAKETIME_DONT_FAKE_MONOTONIC`` keeps the monotonic
clock real, as on a machine whose time is set.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modemagent.report import origin
from tests.process.conftest import ENVIRONMENT, Agent, Bench, Registry, until

Start = Callable[..., Any]
DAY = 86400
LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*-linux-gnu*/faketime/libfaketime.so.1"))), None)
needs_faketime = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")


class Clock:
    """The daemon's wall clock: an offset to the real time, in a file that libfaketime reads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set("+0")

    def set(self, offset: str) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.rename(self._file)  # libfaketime never reads half a file

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1",
        }  # fmt: skip


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock(tmp_path / "clock")
    moved.set(f"-{int(time.time())}")
    for name, value in moved.environment.items():
        monkeypatch.setitem(ENVIRONMENT, name, value)
    return moved


@pytest.fixture
def bench(started: Start) -> Bench:
    served: Bench = started(Bench, "quectel-eg25-g")
    return served


def years(agent: Agent) -> list[str]:
    return [report["observed_at"][:4] for report in agent.outbox()]


@needs_faketime
def test_agent_works_in_1970_and_through_jumps_of_400_days(
    started: Start, bench: Bench, clock: Clock
) -> None:
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path, "--poll-interval", "0.2")
    until(lambda: agent.is_watching(path))
    assert years(agent) == ["1970"]
    now = int(time.time())
    for offset in ("+0", f"+{400 * DAY}", f"-{400 * DAY}", f"-{now}", "+0"):
        clock.set(offset)
        count = len(agent.outbox())
        # the poll that detects a silent swap is timed by the monotonic clock
        bench.do(f"swap-silent {name}")
        until(lambda: len(agent.outbox()) > count)  # noqa: B023
    reports = agent.outbox()
    assert [report["sequence"] for report in reports] == list(range(1, len(reports) + 1))
    uptimes = [report["uptime_ms"] for report in reports]
    assert uptimes == sorted(uptimes)
    assert len({report["boot_id"] for report in reports}) == 1
    dates = [report["observed_at"] for report in reports]
    assert dates != sorted(dates)
    synchronized = origin.clock_synchronized()
    assert {report["clock_synchronized"] for report in reports} == {synchronized}
    assert agent.stop() < 5


@needs_faketime
def test_intervals_do_not_follow_the_wall_clock(
    started: Start, bench: Bench, clock: Clock, tmp_path: Path
) -> None:
    pytest.importorskip("fastapi", reason="the registry's packages are not installed")
    moved = {name: ENVIRONMENT.pop(name) for name in clock.environment}
    registry = started(Registry)
    token = tmp_path / "token"
    token.write_text(registry.token("--scope", "gateway", "--gateway-id", "gw-1") + "\n")
    ENVIRONMENT.update(moved)
    ((name, path),) = bench.paths.items()
    agent = started(
        Agent, "--port", path, "--heartbeat-interval", "1",
        "--registry", registry.url, "--token-file", str(token),
    )  # fmt: skip
    until(lambda: agent.is_watching(path))
    clock.set(f"+{400 * DAY}")
    until(lambda: len(registry.sequences()) >= 2)
    clock.set(f"-{400 * DAY}")
    until(lambda: len(registry.sequences()) >= 4)
    bench.do(f"swap {name}")
    until(lambda: agent.is_empty() and len(registry.sequences()) >= 5)
    status = agent.status()
    assert 0 < status["running_s"] < 60
    assert 0 <= status["uplink"]["last_success_ago_s"] < 30
    agent.stop()
    sequences = registry.sequences()
    assert sequences == list(range(1, len(sequences) + 1))


def certificate(folder: Path, *, not_before: str, not_after: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1 that is valid between two dates."""
    key, made = folder / "key.pem", folder / "certificate.pem"
    request = folder / "request.pem"
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    settings = folder / "ca.cnf"
    settings.write_text(
        f"[ca]\ndefault_ca=one\n[one]\ndatabase={folder}/index\nserial={folder}/serial\n"
        f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=any\nx509_extensions=names\n"
        "[any]\ncommonName=supplied\n[names]\nsubjectAltName=IP:127.0.0.1\n"
        "basicConstraints=critical,CA:true\n"
    )
    for words in (
        ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request,
         "-subj", "/CN=127.0.0.1"],
        ["ca", "-batch", "-selfsign", "-config", settings, "-keyfile", key, "-in", request,
         "-out", made, "-startdate", not_before, "-enddate", not_after],
    ):  # fmt: skip
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    return made, key


@needs_faketime
def test_delivery_waits_for_the_clock_to_reach_the_certificate(
    started: Start, bench: Bench, clock: Clock, tmp_path: Path
) -> None:
    """In 1970 no certificate is valid yet; the reports are sent once the clock is right."""
    import ssl

    from tests.report.conftest import SmallRegistry, running

    if origin.clock_synchronized():
        pytest.skip("this machine's clock is synchronized, which cannot be faked for the daemon")
    made, key = certificate(tmp_path, not_before="20200101000000Z", not_after="20400101000000Z")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    server = SmallRegistry()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    ((_, path),) = bench.paths.items()
    settings = tmp_path / "agent.toml"
    settings.write_text(f'ca_file = "{made}"\n')
    with running(server):
        agent = started(
            Agent, "--port", path, "--registry", f"https://127.0.0.1:{server.server_port}",
        )  # fmt: skip
        agent.kill()
        agent.words = ("--config", str(settings), *agent.words)
        agent.start()
        until(lambda: agent.status().get("uplink", {}).get("state") == "waiting_for_time")
        uplink = agent.status()["uplink"]
        assert "not yet valid" in uplink["reason"] and "1970" in uplink["reason"]
        assert "time server" in uplink["hint"]
        clock.set("+0")
        until(lambda: agent.is_empty() and server.order)
    assert server.order == sorted(server.order)
