"""Errors of opening a port, and finding its holder."""

import errno
import fcntl
import grp  # noqa: F401 - imported as root: another user may not read Python's files
import os
import shutil
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modemagent.at.steps import Command, Plan, Response
from modemagent.channel import port_lock, tty
from modemagent.channel.port_lock import Holder, find_holder
from modemagent.channel.runner import run_plans
from modemagent.channel.url import open_port
from modemagent.errors import PortBusy, PortDenied, PortError, PortNotFound, UsageError


def at() -> Plan[Response]:
    return (yield Command("AT", 2.0))  # type: ignore[return-value]


@pytest.mark.parametrize(
    "port",
    ["loop://", "spy:///dev/ttyUSB0", "http://localhost:80", "socket://", "socket://localhost",
     "socket://localhost:0", "socket://localhost:99999", "socket://localhost:seven",
     "rfc2217://:7000", "socket://a..b:7000", "rfc2217://" + 64 * "a" + ":7000",
     "rfc2217://localhost:7000?logging=debug"],
)  # fmt: skip
def test_malformed_port_names(port: str, run_plan: Any) -> None:
    with pytest.raises(UsageError) as wrong:
        run_plan(port, at())
    assert wrong.value.hint


def test_unsupported_baud_rate(pty_peer: Any) -> None:
    with pytest.raises(UsageError):
        open_port(pty_peer.address, baud=12345)


@pytest.mark.parametrize("port", ["/dev/ttyUSB_none", "/dev/null/tty", "/dev"])
def test_missing_device(port: str, run_plan: Any) -> None:
    with pytest.raises(PortNotFound) as missing:
        run_plan(port, at())
    assert missing.value.port == port
    assert missing.value.hint


def test_a_regular_file_is_not_opened(tmp_path: Path, run_plan: Any) -> None:
    file = tmp_path / "modem"
    file.write_bytes(b"OK\r\n")
    with pytest.raises(PortNotFound):
        run_plan(str(file), at())
    assert file.read_bytes() == b"OK\r\n"


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_refused_connection(scheme: str, run_plan: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
    with pytest.raises(PortNotFound) as missing:
        run_plan(f"{scheme}://127.0.0.1:{number}", at())
    assert missing.value.hint


def test_server_without_rfc2217(socket_peer: Any) -> None:
    socket_peer.reply = lambda line: b""
    url = socket_peer.address.replace("socket", "rfc2217")
    with pytest.raises(PortNotFound):
        open_port(url, baud=115200, timeout_s=0.3)


@pytest.mark.parametrize("name", ["null", "zero", "full", "random", "urandom"])
def test_devices_that_are_not_ports(name: str, run_plan: Any) -> None:
    with pytest.raises(PortNotFound, match=f"/dev/{name} is not a serial port") as wrong:
        run_plan(f"/dev/{name}", at())
    assert "modemagent list" in wrong.value.hint
    assert wrong.value.exit_status == 4


def test_a_device_without_terminal_settings_is_a_port_too(monkeypatch: pytest.MonkeyPatch) -> None:
    # as /dev/wwan0at0, which needs a modem: ENOTTY from every terminal call
    monkeypatch.setattr(tty, "_NOT_PORTS", ())
    port = open_port("/dev/zero", baud=115200)
    assert port.read()
    port.close()
    port.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can switch users")
def test_missing_permission(pty_peer: Any) -> None:
    os.chown(pty_peer.address, 0, 20)  # dialout
    Path(pty_peer.address).chmod(0o660)
    effective = os.geteuid()
    os.seteuid(65534)
    try:
        with pytest.raises(PortDenied) as denied:
            open_port(pty_peer.address, baud=115200)
    finally:
        os.seteuid(effective)
    assert "usermod -aG dialout" in denied.value.hint


def test_find_holder(pty_peer: Any) -> None:
    assert find_holder(pty_peer.address) is None, "the process that plays the modem is not a holder"
    port = open_port(pty_peer.address, baud=115200)
    own = Path("/proc/self/comm").read_text().strip()
    assert find_holder(pty_peer.address) == Holder(os.getpid(), own)
    port.close()
    assert find_holder(pty_peer.address) is None
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
        stdin=os.open(pty_peer.address, os.O_RDWR | os.O_NOCTTY),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        holder = find_holder(pty_peer.address)
        process.kill()
    assert holder is not None
    assert holder.pid == process.pid


@pytest.fixture
def lock_file(pty_peer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The name of a lock file for the port of the peer."""
    monkeypatch.setattr(port_lock, "LOCK_DIRS", (str(tmp_path),))
    return tmp_path / f"LCK..{pty_peer.address.removeprefix('/dev/').replace('/', '_')}"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this user that does not use the port."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("there", ["fifo", "folder", "terminal", "link", "huge"])
def test_only_a_regular_lock_file_counts(
    there: str, pty_peer: Any, lock_file: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    if there == "fifo":
        os.mkfifo(lock_file)
    elif there == "folder":
        lock_file.mkdir()
    elif there == "terminal":
        lock_file.symlink_to(pty_peer.address)
    elif there == "link":
        target = lock_file.with_name("target")
        target.write_text(f"{sleeper.pid}\n")
        lock_file.symlink_to(target)
    else:
        lock_file.touch()
        os.truncate(lock_file, 2**40)
    outcome: list[object] = []
    search = threading.Thread(
        target=lambda: outcome.append(find_holder(pty_peer.address)), daemon=True
    )
    search.start()
    search.join(5.0)
    assert outcome == [None]


def test_lock_file_of_a_process_without_the_port_does_not_count(
    pty_peer: Any, lock_file: Path, run_plan: Any, sleeper: subprocess.Popen[bytes]
) -> None:
    lock_file.write_text(f"{sleeper.pid:>10}\n")
    if os.geteuid() == 0:
        # as planted by another user; written by root for a process of root, it counts
        assert find_holder(pty_peer.address) == Holder(sleeper.pid, "sleep")
        os.chown(lock_file, 65534, 65534)
    assert find_holder(pty_peer.address) is None
    assert run_plan(pty_peer.address, at()).ok


def test_lock_file_and_process_must_both_belong_to_root(pty_peer: Any, lock_file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start a process of another user")
    with subprocess.Popen(["sleep", "60"], user=65534) as process:
        lock_file.write_text(f"{process.pid:>10}\n")
        found = find_holder(pty_peer.address)
        process.kill()
    assert found is None


@pytest.mark.parametrize("name", ["gpsd", "pppd", "minicom", "gammu-smsd"])
def test_a_port_owner_without_a_lock_is_the_holder(
    name: str, pty_peer: Any, tmp_path: Path, run_plan: Any
) -> None:
    program = tmp_path / name
    program.symlink_to(sys.executable)
    reading = f"import os; os.open({pty_peer.address!r}, os.O_RDWR); print(flush=True); input()"
    holder = subprocess.Popen(
        [program, "-c", reading], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(PortBusy) as busy:
        run_plan(pty_peer.address, at())
    assert (busy.value.holder_pid, busy.value.holder_name) == (holder.pid, name)
    holder.communicate(b"\n")
    assert run_plan(pty_peer.address, at()).ok


def test_a_failed_open_leaves_no_descriptor_and_no_lock(pty_peer: Any) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(3):
        with pytest.raises(PortError):
            open_port(pty_peer.address + "0", baud=115200)
    first = open_port(pty_peer.address, baud=115200)
    with pytest.raises(PortError):
        open_port(pty_peer.address, baud=115200)
    first.close()
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_a_port_that_cannot_be_configured_is_unlocked(
    pty_peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise termios.error(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(termios, "tcsetattr", refuse)
        with pytest.raises(PortNotFound):
            open_port(pty_peer.address, baud=115200)
    # the peer keeps the terminal open, so the kernel would keep TIOCEXCL
    descriptor = os.open(pty_peer.address, os.O_RDWR | os.O_NOCTTY)
    try:
        assert fcntl.ioctl(descriptor, port_lock._TIOCGEXCL, bytes(4)) == bytes(4)
    finally:
        os.close(descriptor)


@pytest.mark.skipif(shutil.which("ser2net") is None, reason="ser2net is not installed")
def test_a_real_serial_server(pty_peer: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    config = tmp_path / "ser2net.yaml"
    config.write_text(
        "connection: &modem\n"
        f"  accepter: telnet(rfc2217),tcp,127.0.0.1,{number}\n"
        f"  connector: serialdev,{pty_peer.address},115200n81,local\n"
    )
    with subprocess.Popen(
        ["ser2net", "-n", "-d", "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as server:
        try:
            url = f"rfc2217://127.0.0.1:{number}"
            deadline = time.monotonic() + 120
            while True:  # until the server listens
                result = run_plans({url: at()}, timeout_s=10)[url]
                if not isinstance(result, PortNotFound) or time.monotonic() > deadline:
                    break
        finally:
            server.kill()
    assert isinstance(result, Response), result
    assert result.ok
