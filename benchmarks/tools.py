"""The measured tools, with their start, their results and their installation.

A tool that is not installed is reported and skipped. Those from the Python package index are in a
virtual environment beside this file, so that they cannot change the one of modemagent.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from measure import HERE, Numbers

ENVIRONMENT = HERE / ".venv"
SETTINGS = tempfile.TemporaryDirectory(prefix="modemagent-benchmark-")

#: Versions are pinned: a figure belongs to one version.
PYTHON_PEERS = ("python-gsmmodem-new==0.13.0", "atlib==0.6.0", "pyserial==3.5")
DEBIAN_PEERS = ("gammu",)

INSTALL = "python benchmarks/identify.py --install-peers"


class Tool(NamedTuple):
    """A tool.

    :ivar command: returns the command line for a port
    :ivar found: returns the numbers in its output
    :ivar missing: how to install it, None if it is installed
    """

    name: str
    command: Callable[[str], list[str]]
    found: Callable[[str], Numbers]
    missing: Callable[[], str | None]


def modemagent(*words: str) -> list[str]:
    """Return the command that runs modemagent in this interpreter's environment."""
    return [str(Path(sys.executable).with_name("modemagent")), *words]


def _ours(output: str) -> Numbers:
    modems = json.loads(output or "{}").get("modems", [])
    return numbers(modems[0]) if modems else {}


def numbers(modem: dict[str, dict[str, str | None]] | dict[str, object]) -> Numbers:
    """Return the three numbers of one entry of ``identify --json``."""
    device, sims = modem["modem"], modem["sims"]
    assert isinstance(device, dict)
    assert isinstance(sims, list)
    card: dict[str, object] = next((sim for sim in sims if sim["active"]), {})
    return {"imei": device["imei"], "imsi": card.get("imsi"), "iccid": card.get("iccid")}


def _printed(output: str) -> Numbers:
    """Return the numbers in the JSON object that the scripts in ``peers/`` print."""
    last = output.strip().rpartition("\n")[2]
    return json.loads(last) if last.startswith("{") else {}


def _gammu_command(port: str) -> list[str]:
    settings = Path(SETTINGS.name) / f"gammu-{port.strip('/').replace('/', '-')}.rc"
    settings.write_text(f"[gammu]\ndevice = {port}\nconnection = at\n")
    return ["gammu", "-c", str(settings), "identify"]


def _gammu_found(output: str) -> Numbers:
    said = dict(re.findall(r"^(\S.*?) *: (.*)$", output, re.MULTILINE))
    return {"imei": said.get("IMEI"), "imsi": said.get("SIM IMSI")}


def _script(name: str) -> Callable[[str], list[str]]:
    return lambda port: [str(ENVIRONMENT / "bin/python"), str(HERE / "peers" / name), port]


def _python_peer(package: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        folders = (ENVIRONMENT / "lib").glob(f"python3*/site-packages/{package}")
        return None if any(folders) else INSTALL

    return missing


TOOLS = (
    Tool(
        "modemagent identify",
        lambda port: modemagent("identify", port, "--json"),
        _ours,
        lambda: None if Path(modemagent()[0]).exists() else "pip install -e .",
    ),
    Tool(
        "plain pyserial script",
        # pyserial is a dependency of modemagent: same interpreter, other program
        lambda port: [sys.executable, str(HERE / "peers" / "plain_script.py"), port],
        _printed,
        lambda: None,
    ),
    Tool("atlib", _script("atlib_identify.py"), _printed, _python_peer("atlib")),
    Tool(
        "python-gsmmodem-new",
        _script("gsmmodem_identify.py"),
        _printed,
        _python_peer("gsmmodem"),
    ),
    Tool(
        "gammu identify",
        _gammu_command,
        _gammu_found,
        lambda: None if shutil.which("gammu") else f"apt install gammu, or {INSTALL}",
    ),
)


def install() -> None:
    """Install the peers: Debian packages by apt (as root), Python ones by pip into a venv."""
    if not all(map(shutil.which, DEBIAN_PEERS)):
        subprocess.run(["apt-get", "install", "-y", *DEBIAN_PEERS], check=True)
    venv.create(ENVIRONMENT, with_pip=True)
    pip = str(ENVIRONMENT / "bin/pip")
    subprocess.run([pip, "install", "--quiet", *PYTHON_PEERS], check=True)
