"""The program of the service belongs to root, with every directory and link on the way to it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modemagent.cli import install
from modemagent.installation import entry_point, ownership
from modemagent.installation.ownership import check_ownership, code_paths
from modemagent.installation.target_root import InstallError, TargetRoot

#: A directory of root on every system; the one for temporary files may be written by every user.
PLACE = "/opt"
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(PLACE, os.W_OK), reason="only root can make files of root"
)
NOBODY = 65534


@pytest.fixture
def venv() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=PLACE) as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "venv/bin").mkdir(parents=True)
        (folder / "venv/bin/python").touch()
        yield folder / "venv"


def test_environment_of_root_is_accepted(venv: Path) -> None:
    (venv / "bin/python3").symlink_to("python")
    os.lchown(venv / "bin/python3", 0, 0)
    check_ownership([venv / "bin/python3", venv / "missing"])


@pytest.mark.parametrize(
    ("change", "who"),
    [
        (lambda venv: os.chown(venv.parent, NOBODY, NOBODY), "the user nobody"),
        (lambda venv: os.chown(venv / "bin/python", 54321, 0), "the user 54321"),
        (lambda venv: (venv / "bin").chmod(0o757), "every user"),
        (lambda venv: ((venv / "bin").chmod(0o775), os.chown(venv / "bin", 0, 50)), "the group 50"),
    ],
)
def test_other_users_who_may_change_the_program_are_named(
    venv: Path, change: Callable[[Path], object], who: str
) -> None:
    change(venv)
    with pytest.raises(InstallError, match=f"^{who} may change ") as refused:
        check_ownership([venv / "bin/python"])
    assert "python3 -m venv /opt/modemagent" in refused.value.hint
    assert "--force" in refused.value.hint


def test_directories_of_links_count_too(venv: Path) -> None:
    (link := venv.parent / "between").mkdir()
    (link / "python").symlink_to(venv / "bin/python")
    (venv / "bin/python3").symlink_to("../../between/python")
    check_ownership([venv / "bin/python3"])
    os.chown(link, NOBODY, NOBODY)
    with pytest.raises(InstallError, match=f"may change {link},"):
        check_ownership([venv / "bin/python3"])


def test_interpreter_libraries_and_package_are_code() -> None:
    paths = code_paths(("/opt/modemagent/bin/modemagent",))
    assert {Path("/opt/modemagent/bin/modemagent"), Path(sys.executable)} < set(paths)
    assert Path(ownership.__file__).parents[1] in paths
    assert any(path.name == "site-packages" for path in paths)


def test_install_refuses_and_warns_with_force(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(venv, NOBODY, NOBODY)
    monkeypatch.setattr(ownership, "code_paths", lambda _: (venv,))
    monkeypatch.setattr(entry_point, "_TEMPORARY", ())  # the tests may run from /tmp
    live = TargetRoot(Path("/"))
    with pytest.raises(InstallError, match="the user nobody may change"):
        install._unit(live, None, dry_run=False, force=False)
    *_, notes = install._unit(live, None, dry_run=True, force=False)
    assert any(
        note.startswith(f"The installation would fail: the user nobody may change {venv}")
        for note in notes
    )
    *_, notes = install._unit(live, None, dry_run=False, force=True)
    assert any(note.startswith(f"Warning: the user nobody may change {venv}") for note in notes)
    image = TargetRoot(venv)  # its program is not the one that runs now
    *_, notes = install._unit(image, None, dry_run=False, force=False)
    assert "may change" not in "".join(notes)
