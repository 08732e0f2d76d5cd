"""Which ports are watched: named ones, patterns, and no device twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modemagent.agent.presence import Presence, modem_id
from modemagent.report.message import PortPlace
from modemagent.settings import Settings


def test_a_named_port_a_pattern_and_a_link_are_one_device_once(tmp_path: Path) -> None:
    for name in ("ttyA", "ttyB"):
        (tmp_path / name).touch()
    link = tmp_path / "by-id"
    link.symlink_to(tmp_path / "ttyA")
    presence = Presence(
        Settings(discovery=False, port=(str(link),), port_glob=(f"{tmp_path}/tty*",))
    )
    assert list(presence.look()) == [str(link), str(tmp_path / "ttyB")]
    assert presence.named(str(link)) and not presence.named(str(tmp_path / "ttyB"))


def test_what_is_not_there_is_not_seen_until_it_is(tmp_path: Path) -> None:
    port, dangling = tmp_path / "ttyA", tmp_path / "link"
    dangling.symlink_to(tmp_path / "nothing")
    presence = Presence(Settings(discovery=False, port=(str(port), str(dangling))))
    assert presence.look() == {}
    port.touch()
    assert list(presence.look()) == [str(port)]
    port.unlink()
    assert presence.look() == {}


@pytest.mark.parametrize("port", ["/dev/" + "x" * 300, "/dev/tty\0"])
def test_what_is_no_path_is_not_there(port: str) -> None:
    assert Presence(Settings(discovery=False, port=(port,))).look() == {}


def test_what_may_not_be_looked_at_is_not_there(tmp_path: Path) -> None:
    """As an unprivileged process, which the test's own often is not."""
    (tmp_path / "tty").touch()
    tmp_path.chmod(0o700)
    look = (
        "import os, sys; from modemagent.agent.presence import Presence;"
        "from modemagent.settings import Settings;"
        "os.geteuid() or os.seteuid(65534);"
        "print(Presence(Settings(discovery=False, port=(sys.argv[1],))).look())"
    )
    if os.geteuid():
        tmp_path.chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", look, str(tmp_path / "tty")],
        capture_output=True,
        text=True,
        check=False,
    )
    tmp_path.chmod(0o700)
    assert (done.stdout, done.returncode) == ("{}\n", 0), done.stderr


def test_a_remote_port_is_always_worth_a_try() -> None:
    presence = Presence(Settings(discovery=False, port=("socket://192.0.2.7:4001",)))
    assert list(presence.look()) == ["socket://192.0.2.7:4001"]


def test_the_modem_of_a_usb_port_is_its_device() -> None:
    assert modem_id(PortPlace(path="/dev/ttyUSB2", id="usb:1-1.4:1.2")) == "usb:1-1.4"
    assert modem_id(PortPlace(path="/dev/ttyAMA0", id="tty:ttyAMA0")) is None
    assert modem_id(PortPlace(path="/dev/pts/3")) is None
