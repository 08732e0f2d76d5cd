"""The rules as applied by the real udev, to device trees that umockdev substitutes for sysfs.

Each run has its own mount namespace with an empty /run and a minimal /dev, so that links and rules
of the test machine do not change.
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
# other packages on this machine (ModemManager, gpsd) have rules of their own
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
    """The result of udev for one port.

    :param links: its links below ``/dev/modemagent``
    :param warnings: messages of udev about the rules
    """

    properties: Mapping[str, str]
    links: frozenset[str]
    warnings: tuple[str, ...]

    @property
    def ours(self) -> dict[str, str]:
        """The properties with the prefix of modemagent."""
        return {k: v for k, v in self.properties.items() if k.startswith("MODEMAGENT_") and v}

    @property
    def role(self) -> str | None:
        return self.ours.get("MODEMAGENT_ROLE")

    @property
    def tags(self) -> set[str]:
        return set(self.properties.get("TAGS", "").strip(":").split(":"))


def namespace() -> list[str]:
    """Return the prefix of a command with a mount namespace; skip if that is not possible."""
    for tool in ("umockdev-run", "udevadm", "unshare"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (apt-get install umockdev udev util-linux)")
    words = ["unshare", "--mount"] + (["--map-root-user"] if os.geteuid() else [])
    tried = subprocess.run([*words, "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True)
    if tried.returncode:
        pytest.skip("this system does not allow a mount namespace")
    return words


def devices(tree: Path) -> list[str]:
    """Return the sysfs paths of the ports of a tree: subsystem tty or wwan, with a device node."""
    found = []
    for block in tree.read_text(encoding="utf-8").split("\n\n"):
        if re.search(r"^E: SUBSYSTEM=(tty|wwan)$", block, re.M) and "\nN: " in block:
            found.append(block.split("\n", 1)[0].removeprefix("P: "))
    return found


Judge = Callable[..., dict[str, Port]]


@pytest.fixture
def judged(tmp_path: Path) -> Judge:
    """Run udev on a device tree and return the result for each port by name."""

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
            timeout=120,
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
    # files read and values assigned are not warnings
    about = [line for line in lines if "rules.d/" in line and "Reading rules file" not in line]
    warnings = tuple(line for line in about if not re.search(r" (LINK|GROUP|MODE|TAG|RUN) ", line))
    return place.rpartition("/")[2], Port(properties, frozenset(links), warnings)
