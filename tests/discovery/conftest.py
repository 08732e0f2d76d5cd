"""A machine whose devices are added and removed: real libudev and netlink events, by umockdev."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

TREES = Path(__file__).parents[2] / "fixtures" / "udev"
_PYTHON = "/usr/bin/python3"


class Bed:
    """A machine that starts without devices.

    :ivar environment: environment of a process on this machine
    :ivar devices: the directory that replaces ``/dev``
    """

    def __init__(self) -> None:
        self._host = subprocess.Popen(
            ["umockdev-wrapper", _PYTHON, str(Path(__file__).with_name("bed.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        folder = self._read_line()
        self.devices = Path(folder, "dev")
        self.environment: Mapping[str, str] = {
            **os.environ,
            "UMOCKDEV_DIR": folder,
            "LD_PRELOAD": "libumockdev-preload.so.0",
        }

    def add(self, tree: str, **terminals: str) -> None:
        """Add the devices of ``fixtures/udev/TREE.umockdev``; a path names another file.

        :param terminals: device file -> the pseudo terminal behind it
        """
        self._do("add", self._file(tree), *(f"{node}={path}" for node, path in terminals.items()))

    def remove(self, tree: str) -> None:
        """Remove the devices of a tree."""
        self._do("remove", self._file(tree))

    def moments(self) -> dict[str, float]:
        """Return when each device file last appeared, on the monotonic clock."""
        assert self._host.stdin is not None
        print("moments", file=self._host.stdin, flush=True)
        moments: dict[str, float] = json.loads(self._read_line())
        return moments

    def written(self) -> dict[str, int]:
        """Return the number of bytes written to each silent device file."""
        assert self._host.stdin is not None
        print("written", file=self._host.stdin, flush=True)
        counts: dict[str, int] = json.loads(self._read_line())
        return counts

    def close(self) -> None:
        self._host.communicate(timeout=120)

    def _file(self, tree: str) -> str:
        return tree if "/" in tree else str(TREES / f"{tree}.umockdev")

    def _do(self, *words: str) -> None:
        assert self._host.stdin is not None
        print(*words, file=self._host.stdin, flush=True)
        assert self._read_line() == "ok"

    def _read_line(self) -> str:
        assert self._host.stdout is not None
        return self._host.stdout.readline().strip()


@cache
def _has_umockdev() -> bool:
    program = "import gi; gi.require_version('UMockdev', '1.0')"
    done = subprocess.run([_PYTHON, "-c", program], capture_output=True, check=False)
    return shutil.which("umockdev-wrapper") is not None and not done.returncode


@pytest.fixture
def bed() -> Iterator[Bed]:
    if not _has_umockdev():
        pytest.skip("needs umockdev (apt-get install umockdev gir1.2-umockdev-1.0 python3-gi)")
    made = Bed()
    yield made
    made.close()
