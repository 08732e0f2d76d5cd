"""Fixtures and hooks of all tests: calls of the command line, emulated sysfs trees, scheduling."""

import io
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

import tests
from modemagent.cli.main import run as run_command_line
from tests import preloaded

# python-barcode installs a folder "tests" too, which would be searched instead of this one
tests.__path__ = [str(Path(__file__).parent)]

Call = Callable[..., subprocess.CompletedProcess[str]]
#: Messages with which umockdev 0.17 aborts: one of several threads overwrites the path of a device
#: file that another one looks up; the uevents of a process that is short of CPU time pile up; a
#: device file that has returned is opened before its ioctls are emulated.
UMOCKDEV_CRASHES = (
    "is_emulated_device: Assertion",
    "uevent_sender sendmsg_one: sendmsg failed",
    "Failed to connect to ioctl socket",
)
#: Files whose tests compute longest, which run first.
FIRST = ("test_golden.py", "test_schemathesis.py", "test_faults.py")
#: A folder whose tests share a registry with a story, which one worker makes.
SHARED = "tests/registry/pages"
#: Folders whose tests wait for modems, timers and processes, and take little processor time.
WAITING = tuple(
    f"tests/{name}/"
    for name in ("process", "modemmanager", "modem", "cli", "watching", "udev", "report", "access")
)
#: Files whose tests share an expensive fixture, which one worker makes.
WHOLE_FILES = (
    *("modem/test_capture.py", "modem/test_replay.py", "modem/test_wires.py"),
    *("privacy/test_work_objects.py", "privacy/test_crawl.py", "provisioning/test_rehearsal.py"),
    "test_floors.py",
)
# The time of one example says nothing on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
#: Folders and files whose cases are assigned one by one, as each takes some seconds or more.
SINGLE_CASES = ("/fuzz/", "/modemmanager/", "/process/", "/test_schemathesis.py", "/test_demo.py")


def pytest_configure() -> None:
    """Make SIGINT interrupt the processes that tests start.

    A shell starts background commands with SIGINT ignored, and child processes inherit that. They
    do not inherit a handler.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest tests first, so that no worker runs them alone at the end."""

    def order(item: pytest.Item) -> tuple[bool, int]:
        path = item.path.as_posix()
        is_first = item.path.name in FIRST or SHARED in path
        ranks = (rank for rank, folder in enumerate(WAITING) if folder in path)
        return not is_first, next(ranks, len(WAITING))

    items.sort(key=order)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Assign each test function, with all its cases, to the next free worker.

    Files whose tests share an expensive fixture are assigned as a whole. Half of the workers begin
    with tests that wait, while the others compute.
    """
    if config.getoption("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByFunction(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            if SHARED in file:
                return SHARED
            if any(part in file for part in SINGLE_CASES):
                return nodeid
            return file if file.endswith(WHOLE_FILES) else nodeid.partition("[")[0]

        def _assign_work_unit(self, node: Any) -> None:
            waits = self.nodes.index(node) % 2 == 1
            scopes = (one for one in self.workqueue if one.startswith(WAITING) is waits)
            if (scope := next(scopes, None)) is not None:
                self.workqueue.move_to_end(scope, last=False)
            super()._assign_work_unit(node)

    return ByFunction(config, log)


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Repeat a test once if umockdev has crashed a process of it."""
    if "bed" not in getattr(item, "fixturenames", ()):
        return None
    place = {"nodeid": item.nodeid, "location": item.location}
    item.ihook.pytest_runtest_logstart(**place)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed for report in reports) and any(
        crash in report.capstdout + report.capstderr
        for report in reports
        for crash in UMOCKDEV_CRASHES
    ):
        item._initrequest()  # type: ignore[attr-defined]  # creates the fixtures again
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(**place)
    return True


def call_in_process(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in this process, which takes milliseconds.

    For commands that a test needs and does not test: effects on the process itself are not tested.
    """
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run_command_line(words)
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a call, without the settings of the shell that runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MODEMAGENT_", "FORCE_"))}
    return {**kept, "LC_ALL": "C.UTF-8"}


@pytest.fixture
def call(environment: dict[str, str]) -> Call:
    def run(
        *words: str, stdin: str | bytes = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return preloaded.run(words, input=stdin, env={**environment, **(env or {})})

    return run


class Machine:
    """Directory with ``sys`` and ``dev`` trees in the layout of the kernel."""

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
        driver: str = "option",
        kinds: dict[int, str] | None = None,
        beside: dict[int, str] | None = None,
    ) -> None:
        """Add a USB modem, or another device with serial ports.

        :param place: bus and hub ports, such as ``1-1.4``
        :param interfaces: name of the tty by interface number
        :param devices: file to which the device name links, by name of the tty
        :param driver: driver of the interfaces with a tty
        :param kinds: class, subclass and protocol by interface number, ``ff/ff/40``
        :param beside: further interfaces by number: the driver, with the port or network interface
            that it creates, ``qmi_wwan usbmisc/cdc-wdm0``
        """
        usb = self.root / "sys/devices/pci0000:00/usb1" / place
        usb.mkdir(parents=True)
        (usb / "idVendor").write_text(vid + "\n")
        (usb / "idProduct").write_text(pid + "\n")
        (usb / "product").write_text(product + "\n")
        link = self.root / "sys/bus/usb/devices" / place
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(usb)
        for number, words in (beside or {}).items():
            other, _, child = words.partition(" ")
            (self._interface(usb, number, other) / child).mkdir(parents=True, exist_ok=True)
        for number, name in interfaces.items():
            interface = self._interface(usb, number, driver)
            kind = (kinds or {}).get(number, "").split("/")
            for attribute, value in zip(("Class", "SubClass", "Protocol"), kind, strict=False):
                (interface / f"bInterface{attribute}").write_text(f"{value}\n")
            port = interface / name
            (port / "tty" / name).mkdir(parents=True)
            (port / "tty" / name / "device").symlink_to(port)
            (self.root / "sys/class/tty" / name).symlink_to(port / "tty" / name)
            target = (devices or {}).get(name)
            if target is None:
                (self.root / "dev" / name).touch()
            else:
                (self.root / "dev" / name).symlink_to(target)

    def _interface(self, usb: Path, number: int, driver: str) -> Path:
        interface = usb / f"{usb.name}:1.{number}"
        interface.mkdir()
        (interface / "bInterfaceNumber").write_text(f"{number:02x}\n")
        drivers = self.root / "sys/bus/usb/drivers" / driver
        drivers.mkdir(parents=True, exist_ok=True)
        (interface / "driver").symlink_to(drivers)
        return interface

    def uart(self, name: str, kind: int) -> None:
        """Add an on-board UART; kind 0 is a name without hardware."""
        place = self.root / "sys/devices/platform/serial8250" / name
        place.mkdir(parents=True)
        (place / "type").write_text(f"{kind}\n")
        (place / "device").symlink_to(place.parent)
        (self.root / "sys/class/tty" / name).symlink_to(place)
        (self.root / "dev" / name).touch()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")
