"""The commands in the README exist and work, against simulated modems."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from modemagent.cli.main import cli
from tests.simulated import simulated

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.+)$", README, re.MULTILINE)
OWN = [line for line in COMMANDS if line.startswith("modemagent ")]
# Commands that end by themselves and need neither a daemon nor a registry.
RUNNABLE = [
    line for line in OWN if re.match(r"modemagent (list|identify|at|validate|registry token)", line)
]


def test_readme_has_less_than_120_lines() -> None:
    assert len(README.splitlines()) < 120


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("scripts/")])
def test_scripts_exist_and_are_executable(line: str) -> None:
    assert (ROOT / line.split()[0]).stat().st_mode & 0o111


@pytest.mark.parametrize("line", [line for line in COMMANDS if "/pip install " in line])
def test_extras_in_pip_commands_exist(line: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(re.findall(r"\[(\w+)\]", line)) <= extras.keys()


def test_no_command_installs_outside_an_environment() -> None:
    assert "sudo python3 -m venv /opt/modemagent" in COMMANDS
    installing = [line for line in COMMANDS if "pip install" in line]
    assert installing
    assert all(line.startswith("sudo /opt/modemagent/bin/pip ") for line in installing)


@pytest.mark.parametrize("line", OWN)
def test_every_command_line_is_accepted(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command | None = cli
    context = click.Context(cli, info_name="modemagent")
    while isinstance(command, click.Group):
        _, command, words = command.resolve_command(context, words)
    assert command is not None
    command.make_context("modemagent", words)


@pytest.mark.parametrize("line", RUNNABLE)
def test_every_command_line_runs(line: str, machine, environment, tmp_path) -> None:
    with simulated("quectel-eg25-g") as sim:
        machine.usb_modem("1-1.4", "2c7c", "0125", {2: "ttyUSB2"}, devices={"ttyUSB2": sim.path})
        words = shlex.split(line.replace("/dev/ttyUSB2", str(machine.root / "dev/ttyUSB2")))
        done = subprocess.run(
            [sys.executable, "-m", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={
                **environment,
                "MODEMAGENT_IDENTIFY_ROOT": str(machine.root),
                "MODEMAGENT_LIST_ROOT": str(machine.root),
            },
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("target", re.findall(r"\]\(([^):]+)\)", README))
def test_links_point_to_existing_files(target: str) -> None:
    assert (ROOT / target).exists()
