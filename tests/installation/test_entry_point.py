"""The program of the service: found, checked, and visible to a hardened service."""

from __future__ import annotations

import doctest
import sys
from pathlib import Path

import pytest

from modemagent.installation import entry_point
from modemagent.installation.entry_point import check, folders, hidden, running, unit
from modemagent.installation.layout import UNIT, shipped
from modemagent.installation.target_root import InstallError


def test_the_running_installation_starts_in_an_empty_environment() -> None:
    words = running()
    assert words[0].startswith("/")
    check(words)


@pytest.mark.parametrize("script", ["echo modemagent 9.9.9", "exit 1", "echo broken >&2; exit 1"])
def test_a_program_of_another_version_is_refused(tmp_path: Path, script: str) -> None:
    program = tmp_path / "modemagent"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.raises(InstallError, match="does not start modemagent"):
        check((str(program),))
    with pytest.raises(InstallError, match="does not start modemagent"):
        check((str(tmp_path / "missing"),))


def test_a_temporary_directory_is_refused() -> None:
    with pytest.raises(InstallError, match="emptied at boot") as refused:
        check(running(), ("/tmp/venv",))
    assert "/opt" in refused.value.hint


def test_a_script_run_by_its_full_path_is_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "modemagent"
    script.touch()
    monkeypatch.setattr(sys, "argv", [str(script), "install"])
    assert running() == (str(script),)


def test_the_directories_include_the_interpreters() -> None:
    found = folders(running())
    for prefix in (sys.prefix, sys.base_prefix, str(Path(entry_point.__file__).parent)):
        assert any(f"{prefix}/".startswith(f"{place}/") for place in found)


@pytest.mark.parametrize(
    ("places", "homes", "vanishing"),
    [
        (("/opt/m", "/usr"), (), ()),
        (("/home/pi/venv/bin", "/home/pi/venv", "/usr"), ("/home/pi/venv",), ()),
        (("/root/.pyenv/versions/3.11", "/opt/m"), ("/root/.pyenv/versions/3.11",), ()),
        (("/homestead/m", "/rooted/m", "/tmpfiles/m"), (), ()),
        (("/tmp/v/bin", "/var/tmp/w"), (), ("/tmp/v/bin", "/var/tmp/w")),
    ],
)
def test_directories_hidden_from_a_hardened_service(
    places: tuple[str, ...], homes: tuple[str, ...], vanishing: tuple[str, ...]
) -> None:
    assert hidden(places) == (homes, vanishing)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("/usr/bin/modemagent",), "ExecStart=/usr/bin/modemagent run"),
        (
            ("/opt/v/bin/python", "-m", "modemagent"),
            "ExecStart=/opt/v/bin/python -m modemagent run",
        ),
        (("/opt/100% sure/$x",), 'ExecStart="/opt/100%% sure/$$x" run'),
    ],
)
def test_exec_start_line(words: tuple[str, ...], line: str) -> None:
    text = unit(shipped(UNIT), words, ())
    assert [row for row in text.splitlines() if row.startswith("ExecStart=")] == [line]
    checks = line.replace("ExecStart=", "ExecReload=").removesuffix("run") + "config check"
    assert next(row for row in text.splitlines() if row.startswith("ExecReload=")) == checks


def test_only_one_home_directory_is_visible() -> None:
    text = unit(shipped(UNIT), ("/home/pi/my venv/bin/modemagent",), ("/home/pi/my venv",))
    assert 'BindReadOnlyPaths="/home/pi/my venv"' in text.splitlines()
    assert "ProtectHome=tmpfs" in text.splitlines()
    assert "ProtectHome=yes" not in text.splitlines()


def test_doctests() -> None:
    assert doctest.testmod(entry_point) == (0, 2)
