"""Real processes: each test calls ``python -m modemagent`` as a user's script would."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from modemagent.cli.main import run as run_command_line

Call = Callable[..., subprocess.CompletedProcess[str]]
#: What umockdev 0.17 writes when it ends a process of several threads: while one of them looks at a
#: device file, another one changes the path, which is in a buffer of the whole process.
UMOCKDEV_FAULT = "is_emulated_device: Assertion"
SLOW_FOLDERS = ("fuzz", "modem", "modemmanager", "process")
WHOLE_FILES = ("modem/test_capture.py", "modem/test_replay.py", "modem/test_wires.py")
COMMAND = (sys.executable, "-m", "modemagent")


def pytest_configure() -> None:
    """Let SIGINT end the processes that tests start.

    A shell starts a command in the background, and what nohup runs there, with SIGINT ignored, and
    every process inherits that. It does not inherit a handler.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, so that no worker is left with them at the end."""
    items.sort(key=lambda item: item.path.parent.name not in SLOW_FOLDERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give the next test function, with all its cases, to the next worker that is free.

    Test files whose tests share an expensive fixture go to one worker as a whole.
    """
    if config.getoption("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByFunction(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file.endswith(WHOLE_FILES) else nodeid.partition("[")[0]

    return ByFunction(config, log)


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test again, once, in which a fault of umockdev has ended a process."""
    if "bed" not in getattr(item, "fixturenames", ()):
        return None
    place = {"nodeid": item.nodeid, "location": item.location}
    item.ihook.pytest_runtest_logstart(**place)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed for report in reports) and any(
        UMOCKDEV_FAULT in report.capstdout + report.capstderr for report in reports
    ):
        item._initrequest()  # type: ignore[attr-defined]  # fixtures are made again
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(**place)
    return True


def call_in_process(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in this process, which takes milliseconds.

    For commands that a test needs but does not test: what they do to their process is not seen.
    """
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run_command_line(words)
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a call: no variable of the tester's own shell reaches a command."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MODEMAGENT_", "FORCE_"))}
    return {**kept, "LC_ALL": "C.UTF-8"}


@pytest.fixture
def call(environment: dict[str, str]) -> Call:
    def run(
        *words: str, stdin: str | bytes = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *words],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env={**environment, **(env or {})},
            timeout=50,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args,
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "surrogateescape"),
        )

    return run


class Machine:
    """A tree with ``sys`` and ``dev`` as the kernel lays them out."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys/class/tty").mkdir(parents=True)
        (root / "dev").mkdir()

    def usb_modem(
        self,
        place: str,
        vid: str,
        pid: str,
        interfaces: dict[int, str],
        *,
        product: str = "",
        devices: dict[str, str] | None = None,
    ) -> None:
        """Plug in a modem.

        :param place: bus and hub ports, as ``1-1.4``
        :param interfaces: interface number -> name of its tty
        :param devices: name of a tty -> the file its device name leads to
        """
        usb = self.root / "sys/devices/pci0000:00/usb1" / place
        usb.mkdir(parents=True)
        (usb / "idVendor").write_text(vid + "\n")
        (usb / "idProduct").write_text(pid + "\n")
        (usb / "product").write_text(product + "\n")
        driver = self.root / "sys/bus/usb/drivers/option"
        driver.mkdir(parents=True, exist_ok=True)
        for number, name in interfaces.items():
            interface = usb / f"{place}:1.{number}"
            port = interface / name
            (port / "tty" / name).mkdir(parents=True)
            (interface / "bInterfaceNumber").write_text(f"{number:02x}\n")
            (interface / "driver").symlink_to(driver)
            (port / "tty" / name / "device").symlink_to(port)
            (self.root / "sys/class/tty" / name).symlink_to(port / "tty" / name)
            target = (devices or {}).get(name)
            if target is None:
                (self.root / "dev" / name).touch()
            else:
                (self.root / "dev" / name).symlink_to(target)

    def uart(self, name: str, kind: int) -> None:
        """Add a UART of the board; kind 0 is a name without hardware."""
        place = self.root / "sys/devices/platform/serial8250" / name
        place.mkdir(parents=True)
        (place / "type").write_text(f"{kind}\n")
        (place / "device").symlink_to(place.parent)
        (self.root / "sys/class/tty" / name).symlink_to(place)
        (self.root / "dev" / name).touch()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")
