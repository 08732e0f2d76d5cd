"""The rules as the real udev applies them, to device trees that umockdev puts in place of sysfs.

Everything happens in a mount namespace of its own with an empty /run and a /dev of few nodes, so
that the machine that tests keeps its links and its rules.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
RULES = ROOT / "udev"
TREES = ROOT / "fixtures" / "udev"

_NAMESPACE = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/udev/rules.d /run/dev
# what else is installed here (ModemManager, gpsd) has rules of its own
for place in /usr/lib /lib /usr/local/lib /etc; do
    if [ -d "$place/udev/rules.d" ]; then mount -t tmpfs tmpfs "$place/udev/rules.d"; fi
done
cp "$RULES"/*.rules $MORE_RULES /run/udev/rules.d
for node in null zero full random urandom; do
    touch /run/dev/$node
    mount --bind /dev/$node /run/dev/$node
done
mkdir /run/dev/pts /run/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts /run/dev/pts
ln -s pts/ptmx /run/dev/ptmx
mount --rbind /run/dev /dev
exec umockdev-run -d "$TREE" -- sh -c '
for place; do
    echo "== $place"
    udevadm test --action=add "/sys$place" 2>/run/said || true
    grep modemagent- /run/said || true
done' ports "$@"
"""


class Port(NamedTuple):
    """What udev makes of one port.

    :param links: what leads to it below ``/dev/modemagent``
    :param said: what udev complained of
    """

    properties: Mapping[str, str]
    links: frozenset[str]
    said: tuple[str, ...]

    @property
    def ours(self) -> dict[str, str]:
        """The properties that are stored under our name."""
        return {k: v for k, v in self.properties.items() if k.startswith("MODEMAGENT_") and v}

    @property
    def role(self) -> str | None:
        return self.ours.get("MODEMAGENT_ROLE")

    @property
    def tags(self) -> set[str]:
        return set(self.properties.get("TAGS", "").strip(":").split(":"))


def namespace() -> list[str]:
    """Return the words before a command that may mount; skips where there is no way."""
    for tool in ("umockdev-run", "udevadm", "unshare"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (apt-get install umockdev udev util-linux)")
    words = ["unshare", "--mount"] + (["--map-root-user"] if os.geteuid() else [])
    tried = subprocess.run([*words, "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True)
    if tried.returncode:
        pytest.skip("this system lets nobody make a mount namespace")
    return words


def devices(tree: Path) -> list[str]:
    """Return the places of the ports of a tree: what is of subsystem tty or wwan and has a node."""
    found = []
    for block in tree.read_text(encoding="utf-8").split("\n\n"):
        if re.search(r"^E: SUBSYSTEM=(tty|wwan)$", block, re.M) and "\nN: " in block:
            found.append(block.split("\n", 1)[0].removeprefix("P: "))
    return found


Judge = Callable[..., dict[str, Port]]


@pytest.fixture
def judged(tmp_path: Path) -> Judge:
    """Run a tree through udev: name of the port -> what it was given."""

    def judge(tree: str, *, more_rules: Path | None = None) -> dict[str, Port]:
        words = namespace()
        file = TREES / f"{tree}.umockdev"
        done = subprocess.run(
            [*words, "sh", "-c", _NAMESPACE, "sh", *devices(file)],
            env={
                **os.environ,
                "RULES": str(RULES),
                "MORE_RULES": str(more_rules or ""),
                "TREE": str(file),
                "LC_ALL": "C",
            },
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert done.returncode == 0, done.stderr
        return dict(map(_port, done.stdout.split("== ")[1:]))

    return judge


def _port(text: str) -> tuple[str, Port]:
    place, *lines = text.splitlines()
    properties = dict(line.split("=", 1) for line in lines if re.match(r"[.A-Z][A-Z_.0-9]*=", line))
    links = {
        link.removeprefix("/dev/modemagent/")
        for link in properties.get("DEVLINKS", "").split()
        if link.startswith("/dev/modemagent/")
    }
    # what it read and what it assigned is no complaint
    about = [line for line in lines if "rules.d/" in line and "Reading rules file" not in line]
    said = tuple(line for line in about if not re.search(r" (LINK|GROUP|MODE|TAG|RUN) ", line))
    return place.rpartition("/")[2], Port(properties, frozenset(links), said)
