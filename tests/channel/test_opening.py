"""What opening refuses, in which words, and who holds a port."""

import errno
import fcntl
import grp  # noqa: F401 - before the user changes, who may not read Python's own files
import os
import shutil
import socket
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from modemagent.at.steps import Command, Plan, Response
from modemagent.channel import lock, tty
from modemagent.channel.blocking import run_plans
from modemagent.channel.lock import Holder, find_holder
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
def test_words_that_name_no_port(port: str, door: Any) -> None:
    with pytest.raises(UsageError) as wrong:
        door(port, at())
    assert wrong.value.hint


def test_a_rate_that_no_line_has(far_pty: Any) -> None:
    with pytest.raises(UsageError):
        open_port(far_pty.address, baud=12345)


@pytest.mark.parametrize("port", ["/dev/ttyUSB_none", "/dev/null/tty", "/dev"])
def test_no_such_device(port: str, door: Any) -> None:
    with pytest.raises(PortNotFound) as missing:
        door(port, at())
    assert missing.value.port == port
    assert missing.value.hint


def test_a_file_is_no_device(tmp_path: Path, door: Any) -> None:
    file = tmp_path / "modem"
    file.write_bytes(b"OK\r\n")
    with pytest.raises(PortNotFound):
        door(str(file), at())
    assert file.read_bytes() == b"OK\r\n"


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_nobody_listens(scheme: str, door: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
    with pytest.raises(PortNotFound) as missing:
        door(f"{scheme}://127.0.0.1:{number}", at())
    assert missing.value.hint


def test_no_rfc2217_there(far_socket: Any) -> None:
    far_socket.reply = lambda line: b""
    url = far_socket.address.replace("socket", "rfc2217")
    with pytest.raises(PortNotFound):
        open_port(url, baud=115200, timeout_s=0.3)


@pytest.mark.parametrize("name", ["null", "zero", "full", "random", "urandom"])
def test_devices_that_are_no_ports(name: str, door: Any) -> None:
    with pytest.raises(PortNotFound, match=f"/dev/{name} is no serial port") as wrong:
        door(f"/dev/{name}", at())
    assert "modemagent list" in wrong.value.hint
    assert wrong.value.exit_status == 4


def test_a_device_without_terminal_settings_is_a_port_too(monkeypatch: pytest.MonkeyPatch) -> None:
    # as /dev/wwan0at0, which is not to be had without a modem: ENOTTY from every terminal call
    monkeypatch.setattr(tty, "_NO_PORTS", ())
    port = open_port("/dev/zero", baud=115200)
    assert port.read()
    port.close()
    port.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_not_allowed(far_pty: Any) -> None:
    os.chown(far_pty.address, 0, 20)  # dialout
    Path(far_pty.address).chmod(0o660)
    effective = os.geteuid()
    os.seteuid(65534)
    try:
        with pytest.raises(PortDenied) as denied:
            open_port(far_pty.address, baud=115200)
    finally:
        os.seteuid(effective)
    assert "usermod -aG dialout" in denied.value.hint


def test_who_holds_a_port(far_pty: Any) -> None:
    assert find_holder(far_pty.address) is None, "who plays the modem is no holder"
    port = open_port(far_pty.address, baud=115200)
    own = Path("/proc/self/comm").read_text().strip()
    assert find_holder(far_pty.address) == Holder(os.getpid(), own)
    port.close()
    assert find_holder(far_pty.address) is None
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
        stdin=os.open(far_pty.address, os.O_RDWR | os.O_NOCTTY),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        holder = find_holder(far_pty.address)
        process.kill()
    assert holder is not None
    assert holder.pid == process.pid


@pytest.mark.parametrize("there", ["fifo", "folder", "terminal"])
def test_what_lies_in_place_of_a_lock_file_is_no_lock(
    there: str, far_pty: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LOCK_DIRS", (str(tmp_path),))
    file = tmp_path / f"LCK..{Path(far_pty.address).name}"
    if there == "fifo":
        os.mkfifo(file)
    elif there == "folder":
        file.mkdir()
    else:
        file.symlink_to(far_pty.address)
    outcome: list[object] = []
    looking = threading.Thread(
        target=lambda: outcome.append(find_holder(far_pty.address)), daemon=True
    )
    looking.start()
    looking.join(5.0)
    assert outcome == [None]


@pytest.mark.parametrize("name", ["gpsd", "pppd", "minicom", "gammu-smsd"])
def test_a_program_that_lives_by_a_port_holds_it_though_it_locks_nothing(
    name: str, far_pty: Any, tmp_path: Path, door: Any
) -> None:
    program = tmp_path / name
    program.symlink_to(sys.executable)
    reading = f"import os; os.open({far_pty.address!r}, os.O_RDWR); print(flush=True); input()"
    holder = subprocess.Popen(
        [program, "-c", reading], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(PortBusy) as busy:
        door(far_pty.address, at())
    assert (busy.value.holder_pid, busy.value.holder_name) == (holder.pid, name)
    holder.communicate(b"\n")
    assert door(far_pty.address, at()).ok


def test_a_failed_opening_leaves_no_descriptor_and_no_lock(far_pty: Any) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(3):
        with pytest.raises(PortError):
            open_port(far_pty.address + "0", baud=115200)
    first = open_port(far_pty.address, baud=115200)
    with pytest.raises(PortError):
        open_port(far_pty.address, baud=115200)
    first.close()
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_a_port_that_can_not_be_set_is_given_back(
    far_pty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise termios.error(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(termios, "tcsetattr", refuse)
        with pytest.raises(PortNotFound):
            open_port(far_pty.address, baud=115200)
    # the far side keeps the terminal open, so the kernel would keep TIOCEXCL
    descriptor = os.open(far_pty.address, os.O_RDWR | os.O_NOCTTY)
    try:
        assert fcntl.ioctl(descriptor, lock._TIOCGEXCL, bytes(4)) == bytes(4)
    finally:
        os.close(descriptor)


@pytest.mark.skipif(shutil.which("ser2net") is None, reason="ser2net is not installed")
def test_a_real_serial_server(far_pty: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    config = tmp_path / "ser2net.yaml"
    config.write_text(
        "connection: &modem\n"
        f"  accepter: telnet(rfc2217),tcp,127.0.0.1,{number}\n"
        f"  connector: serialdev,{far_pty.address},115200n81,local\n"
    )
    with subprocess.Popen(
        ["ser2net", "-n", "-d", "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as server:
        try:
            url = f"rfc2217://127.0.0.1:{number}"
            deadline = time.monotonic() + 20
            while True:  # until it listens
                result = run_plans({url: at()}, timeout_s=10)[url]
                if not isinstance(result, PortNotFound) or time.monotonic() > deadline:
                    break
        finally:
            server.kill()
    assert isinstance(result, Response), result
    assert result.ok
