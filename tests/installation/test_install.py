"""``install`` and ``uninstall`` as processes, on images in a directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modemagent.installation.layout import ITEMS, UNIT
from modemagent.settings import KEYS, Settings, check

COMMAND = [sys.executable, "-m", "modemagent"]
ENVIRONMENT = {key: value for key, value in os.environ.items() if "MODEMAGENT" not in key}
UNIT_FILE = f"usr/local/lib/systemd/system/{UNIT}"
WANTS = f"etc/systemd/system/multi-user.target.wants/{UNIT}"
SETTINGS = "etc/modemagent/agent.toml"
TOKEN = "etc/modemagent/token"


class Image:
    """A directory that the commands use as root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def call(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, words[0], "--root", str(self.root), *words[1:]],
            capture_output=True, text=True, env=ENVIRONMENT, timeout=40, **options,
        )  # fmt: skip

    def done(self, *words: str) -> dict[str, str]:
        """Call with --json and return the action for each path."""
        called = self.call(*words, "--json")
        assert called.returncode == 0, called.stdout + called.stderr
        steps: list[dict[str, str]] = json.loads(called.stdout)["steps"]
        return {step["path"].lstrip("/"): step["action"] for step in steps}

    def files(self) -> dict[str, str]:
        """Return all files and links below the root: path -> text, or target."""
        return {
            str(path.relative_to(self.root)): str(path.readlink())
            if path.is_symlink()
            else path.read_text()
            for path in sorted(self.root.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    def edit(self, path: str, text: str) -> None:
        file = self.root / path
        file.write_text(file.read_text() + text)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path / "image")


def test_a_dry_run_shows_all_steps_and_changes_nothing(image: Image) -> None:
    shown = image.call("install", "--dry-run")
    assert shown.returncode == 0
    assert list(image.root.iterdir()) == []
    planned = image.done("install", "--dry-run")
    assert set(planned.values()) == {"create"}
    assert image.done("install") == planned
    assert set(planned) == set(image.files()) - {"etc/modemagent/installed.json"}
    for path in planned:
        assert f"create  /{path}" in shown.stdout


def test_a_second_install_changes_nothing(image: Image) -> None:
    image.done("install")
    before = image.files()
    assert set(image.done("install").values()) == {"same"}
    assert image.files() == before


def test_next_steps_are_shown_until_they_are_done(image: Image) -> None:
    said = image.call("install").stdout.split("Next steps:\n")[1].splitlines()
    assert [line[:2] for line in said] == ["1.", "2.", "3."]
    assert "gateway_id and registry" in said[0] and "token" in said[1]
    image.edit(SETTINGS, 'registry = "https://r.example"\n')
    assert "Set gateway_id in" in image.call("install").stdout
    image.edit(SETTINGS, 'gateway_id = "gw-1"\n')
    (image.root / TOKEN).write_text("secret\n")
    assert "Next steps" not in image.call("install").stdout


def test_edited_files_are_kept_beside_the_new_version(image: Image) -> None:
    image.done("install")
    image.edit(SETTINGS, 'gateway_id = "gw-1"\n')
    image.edit(UNIT_FILE, "# ours\n")
    mine = image.files()[SETTINGS], image.files()[UNIT_FILE]
    done = image.done("install", "--executable", "/usr/bin/modemagent")
    assert (done[SETTINGS], done[UNIT_FILE], done[f"{UNIT_FILE}.new"]) == ("keep", "keep", "create")
    assert (image.files()[SETTINGS], image.files()[UNIT_FILE]) == mine
    assert "ExecStart=/usr/bin/modemagent run" in image.files()[f"{UNIT_FILE}.new"]
    assert f"{SETTINGS}.new" not in image.files()  # it has no newer version
    again = image.call("install", "--executable", "/usr/bin/modemagent")
    assert f"/{UNIT_FILE}.new" in again.stdout
    # new version adopted: the file beside it is removed
    (image.root / UNIT_FILE).write_text(image.files()[f"{UNIT_FILE}.new"])
    done = image.done("install", "--executable", "/usr/bin/modemagent")
    assert (done[UNIT_FILE], done[f"{UNIT_FILE}.new"]) == ("same", "remove")


def test_existing_settings_are_kept(image: Image) -> None:
    (image.root / "etc/modemagent").mkdir(parents=True)
    (image.root / SETTINGS).write_text('gateway_id = "gw-7"\n')
    (image.root / TOKEN).write_text("secret\n")
    done = image.done("install")
    assert (done[SETTINGS], done[f"{SETTINGS}.new"], done[TOKEN]) == ("keep", "create", "same")
    assert image.files()[SETTINGS] == 'gateway_id = "gw-7"\n'
    assert image.files()[TOKEN] == "secret\n"
    assert "secret" not in image.call("install").stdout
    assert "secret" not in image.files()["etc/modemagent/installed.json"]


def test_an_update_of_an_unedited_file_is_shown_as_a_diff(image: Image) -> None:
    image.done("install", "--executable", "/opt/one/modemagent")
    shown = image.call("install", "--executable", "/opt/two/modemagent").stdout
    assert f"update  /{UNIT_FILE}" in shown
    assert "-ExecStart=/opt/one/modemagent run" in shown
    assert "+ExecStart=/opt/two/modemagent run" in shown
    assert "ExecStart=/opt/two/modemagent run" in image.files()[UNIT_FILE]


def test_a_file_no_longer_shipped_is_removed(image: Image) -> None:
    image.done("install")
    manifest = image.root / "etc/modemagent/installed.json"
    record = json.loads(manifest.read_text())
    known = record["files"][f"/{UNIT_FILE}"]
    for name in ("old", "edited"):
        (image.root / f"etc/{name}.conf").write_text(
            image.files()[UNIT_FILE] + ("# mine\n" if name == "edited" else "")
        )
        record["files"][f"/etc/{name}.conf"] = known
    manifest.write_text(json.dumps(record))
    done = image.done("install")
    assert (done["etc/old.conf"], done["etc/edited.conf"]) == ("remove", "keep")
    assert "etc/old.conf" not in image.files() and "etc/edited.conf" in image.files()


def test_a_disabled_service_stays_disabled(image: Image) -> None:
    image.done("install")
    (image.root / WANTS).unlink()
    assert image.done("install")[WANTS] == "keep"
    assert WANTS not in image.files()


def test_uninstall_removes_all_installed_files(image: Image) -> None:
    (image.root / "etc").mkdir()
    (image.root / "etc/theirs").write_text("x")
    image.done("install")
    planned = image.done("uninstall", "--dry-run")
    assert len(image.files()) == len(planned) + 1
    assert image.done("uninstall") == planned
    assert set(planned.values()) == {"remove"}
    assert [p.name for p in image.root.rglob("*")] == ["etc", "theirs"]
    again = image.call("uninstall")
    assert (again.returncode, again.stdout) == (0, "modemagent is not installed here.\n")


def test_uninstall_keeps_edited_files_unless_purged(image: Image) -> None:
    image.done("install")
    image.edit(SETTINGS, 'gateway_id = "gw-1"\n')
    image.edit(UNIT_FILE, "# ours\n")
    (image.root / TOKEN).write_text("secret\n")
    state = image.root / "var/lib/private/modemagent"
    state.mkdir(parents=True)
    (state / "outbox.db").write_text("reports")
    (image.root / "var/lib/modemagent").symlink_to("private/modemagent")
    done = image.done("uninstall")
    kept = {path for path, action in done.items() if action == "keep"}
    assert kept == {SETTINGS, UNIT_FILE, TOKEN, "var/lib/modemagent"}
    assert (state / "outbox.db").read_text() == "reports"
    assert not list(image.root.rglob("*.rules"))
    assert set(image.done("uninstall", "--purge").values()) == {"remove"}
    assert image.files() == {}
    assert (image.root / "var/lib/private").is_dir()  # belongs to systemd


def test_another_prefix_is_refused_while_one_is_installed(image: Image) -> None:
    image.done("install")
    refused = image.call("install", "--prefix", "/usr")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "--prefix /usr/local" in refused.stderr
    (image.root / TOKEN).write_text("secret\n")
    assert image.done("uninstall")[TOKEN] == "keep"
    assert f"usr/lib/systemd/system/{UNIT}" in image.done("install", "--prefix", "/usr")


def test_links_in_an_image_are_resolved_within_it(image: Image, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (image.root / "usr").mkdir()
    (image.root / "var/usrlocal").mkdir(parents=True)
    (image.root / "usr/local").symlink_to("/var/usrlocal")
    (image.root / "etc").symlink_to(f"../../../../../../../../../..{outside}")
    inside = image.root / outside.relative_to("/")
    inside.mkdir(parents=True)
    image.done("install")
    assert (inside / "modemagent/agent.toml").is_file()
    assert (image.root / "var/usrlocal/lib/systemd/system" / UNIT).is_file()
    assert list(outside.iterdir()) == []
    assert not Path("/var/usrlocal").exists()


def test_a_link_in_place_of_a_file_is_kept(image: Image, tmp_path: Path) -> None:
    (image.root / "etc/modemagent").mkdir(parents=True)
    (image.root / SETTINGS).symlink_to(tmp_path / "elsewhere.toml")
    assert image.done("install")[SETTINGS] == "keep"
    assert not (tmp_path / "elsewhere.toml").exists()


def test_permissions_of_written_files(image: Image) -> None:
    image.call("install")
    assert (image.root / TOKEN).stat().st_mode & 0o777 == 0o600
    assert (image.root / SETTINGS).stat().st_mode & 0o777 == 0o644


def test_directories_are_accessible_whatever_the_umask(image: Image) -> None:
    assert image.call("install", umask=0o077).returncode == 0
    folders = [path for path in image.root.rglob("*") if path.is_dir() and not path.is_symlink()]
    assert {oct(folder.stat().st_mode & 0o777) for folder in folders} == {"0o755"}
    assert (image.root / SETTINGS).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("link", ["etc/modemagent", "etc"])
def test_a_dangling_link_is_reported_before_writing(image: Image, link: str) -> None:
    (image.root / link).parent.mkdir(exist_ok=True)
    (image.root / link).symlink_to("/data/there")
    before = image.files()
    refused = image.call("install")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert f"/{link} is a link to /data/there" in refused.stderr
    assert f"mkdir -p {image.root}/data/there" in refused.stderr and "sudo" not in refused.stderr
    assert image.files() == before and [p.name for p in image.root.iterdir()] == ["etc"]
    assert "The installation would fail: " in image.call("install", "--dry-run").stdout
    (image.root / "data/there").mkdir(parents=True)
    assert image.done("install")[SETTINGS] == "create"
    assert list((image.root / "data/there").rglob("agent.toml"))


def test_an_unreadable_manifest_stops_the_command(image: Image) -> None:
    image.done("install")
    before = image.files()
    for broken in ("{", "[]", '{"version": "1", "prefix": "/usr", "files": {"../x": ""}}'):
        (image.root / "etc/modemagent/installed.json").write_text(broken)
        for command in ("install", "uninstall"):
            refused = image.call(command)
            assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
    assert image.files() | {"etc/modemagent/installed.json": ""} == before | {
        "etc/modemagent/installed.json": ""
    }


def _without_root(code: str) -> subprocess.CompletedProcess[str]:
    """Run code as an unprivileged user, after all imports were done as root."""
    lines = (
        "import os, sys",
        "import difflib, json, sysconfig, tempfile, tomllib, modemagent.settings",
        "import modemagent.cli.install, modemagent.installation.apply",
        "import modemagent.installation.plan, modemagent.installation.entry_point",
        "from modemagent.cli.main import run",
        "sysconfig.get_path('scripts')",
        "os.geteuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534))",
        code,
    )
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, env=ENVIRONMENT
    )


def test_only_root_changes_the_running_system() -> None:
    for command in ("install", "uninstall"):
        refused = _without_root(f"sys.exit(run(['{command}']))")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.count("\n") == 1
        assert "sudo" in refused.stderr and "--root" in refused.stderr
    refused = _without_root("sys.exit(run(['install', '--json']))")
    assert json.loads(refused.stdout)["error"]["exit"] == 1


def test_an_image_needs_no_root(image: Image) -> None:
    image.root.chmod(0o777)
    for folder in image.root.parents:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    done = _without_root(f"sys.exit(run(['install', '--root', {str(image.root)!r}]))")
    assert done.returncode == 0, done.stderr
    assert image.files()[SETTINGS]


def test_a_file_in_place_of_a_directory_is_one_line(image: Image) -> None:
    (image.root / "usr").write_text("a file where a folder should be")
    refused = image.call("install")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "/usr is not a directory" in refused.stderr
    assert list(image.root.iterdir()) == [image.root / "usr"]


def test_missing_permission_is_reported_before_writing(image: Image) -> None:
    image.root.chmod(0o777)
    for folder in image.root.parents:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    (image.root / "etc").mkdir(mode=0o555)
    refused = _without_root(f"sys.exit(run(['install', '--root', {str(image.root)!r}]))")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "cannot write /etc/modemagent/agent.toml: Permission denied" in refused.stderr
    assert image.files() == {} and "sudo" in refused.stderr


def test_the_shipped_settings_list_every_key_with_its_default() -> None:
    from modemagent.installation.layout import shipped

    text = shipped("agent.toml")
    assert check(text) == (Settings(), ())
    examples = {
        line[1:].partition(" = ")[0]: line[1:]
        for line in text.splitlines()
        if line.startswith("#") and not line.startswith("# ")
    }
    assert set(examples) == set(KEYS)
    settings, mistakes = check("\n".join(examples.values()))
    assert mistakes == ()
    for key in KEYS:
        default = getattr(Settings(), key)
        if default not in (None, ()):
            assert getattr(settings, key) == default, key


def test_shipped_files_and_installed_files_match() -> None:
    folder = Path(__file__).parents[2] / "udev"
    assert {item.source for item in ITEMS if item.source} == {p.name for p in folder.iterdir()}
