"""``modemagent registry lists`` and ``check``: the same over HTTP and beside the database."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import call_in_process
from tests.registry.conftest import IMEI, OTHER_IMEI, Registry


@pytest.fixture(params=["http", "database"])
def where(request: pytest.FixtureRequest, registry: Registry, tmp_path: Path) -> tuple[str, ...]:
    """Options for the running registry, or for its database."""
    if request.param == "database":
        return registry.where
    token = tmp_path / "token"
    token.write_text(registry.token("--scope", "operate", "--full-ids"))
    return "--url", f"http://127.0.0.1:{registry.port}", "--token-file", str(token)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return call_in_process("registry", "lists", *words)


def test_entries_are_added_shown_and_removed(where: tuple[str, ...]) -> None:
    done = run("add", "prohibited", "imei", IMEI, "--reason", "stolen", "--json", *where)
    assert (done.returncode, done.stderr) == (0, "")
    entry = json.loads(done.stdout)
    assert (entry["value"], entry["reason"]) == (IMEI, "stolen")
    ranged = run("add", "tracked", "range", IMEI[:14], OTHER_IMEI[:14], *where)
    assert OTHER_IMEI in ranged.stdout
    shown = json.loads(run("show", "prohibited", "--json", *where).stdout)
    assert shown == {"entries": [entry]}
    lists = json.loads(run("show", "--json", *where).stdout)["lists"]
    assert [(one["list"], one["entries"]) for one in lists] == [
        ("prohibited", 1), ("tracked", 1), ("permitted", 0),
    ]  # fmt: skip
    assert run("remove", "prohibited", entry["id"], *where).returncode == 0
    assert run("remove", "prohibited", entry["id"], *where).returncode == 2
    assert json.loads(run("show", "prohibited", "--json", *where).stdout)["entries"] == []
    refused = run("add", "prohibited", "imei", "867698040000014", *where)
    assert refused.returncode in (3, 6)
    assert refused.stdout == "" and "15th digit wrong" in refused.stderr


def test_file_is_imported_and_undone(where: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"IMEI;Reason\n{IMEI};stolen\n'{OTHER_IMEI};\n")
    tried = run("import", "prohibited", str(file), "--dry-run", *where)
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout == (
        "would import 2 lines: 2 added, 0 changed, 0 removed, 0 unchanged, 0 skipped\n"
    )
    assert "line 3: the number begins with the mark of text" in tried.stderr
    done = run("import", "prohibited", str(file), "--source", "police", "--json", *where)
    report = json.loads(done.stdout)
    assert (report["added"], report["source"]) == (2, "police")
    (listed,) = json.loads(run("imports", "--json", *where).stdout)["imports"]
    assert (listed["id"], listed["rows"]) == (report["id"], 2)
    undone = run("undo", report["id"], *where)
    assert undone.stdout == f"import {report['id']} undone: 2 removed, 0 restored, 0 kept\n"
    assert run("undo", report["id"], *where).returncode == 2
    assert run("undo", "999999999", *where).returncode == 2


def test_file_with_errors_exits_with_3(where: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"IMEI\n{IMEI}\n8.67698E+14\n")
    for words in (("--dry-run",), ()):
        done = run("import", "prohibited", str(file), *words, *where)
        assert (done.returncode, done.stdout) == (3, "")
        assert "line 3: the number was rounded" in done.stderr
        assert "nothing was imported" in done.stderr
    assert run("import", "prohibited", str(file), "--skip", *where).returncode == 0
    assert run("import", "tacs", str(tmp_path / "none.csv"), *where).returncode == 2


def check(*words: str) -> subprocess.CompletedProcess[str]:
    return call_in_process("registry", "check", *words)


def test_numbers_are_checked_again(where: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text(f"IMEI;note\n{IMEI};x\n{OTHER_IMEI};y\n")
    done = check("--file", str(file), "--json", *where)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert [one["input"] for one in found["results"]] == [IMEI, OTHER_IMEI]
    assert run("add", "prohibited", "imei", IMEI, "--reason", "stolen", *where).returncode == 0
    again = check("--again", found["id"], *where)
    assert again.returncode == 3
    assert "status: None -> prohibited" in again.stdout and OTHER_IMEI not in again.stdout
    table = check(IMEI, IMEI[:14], *where)
    assert (table.returncode, "prohibited stolen" in table.stdout) == (3, True)
    assert "2 total, 0 invalid, 1 repeated, 2 prohibited" in table.stderr
    shown = check("--show", found["id"], "--csv", *where)
    assert shown.stdout.splitlines()[0].startswith("position,input,kind")
    assert shown.stdout.count("\n") == 3
    ranged = check("--range", IMEI[:14], OTHER_IMEI[:14], "--json", *where)
    assert [one["status"] for one in json.loads(ranged.stdout)["results"]] == ["prohibited", None]
    for words in ((), (IMEI, "--again", "1"), ("--show", "999999999"), ("--again", "999999999")):
        assert check(*words, *where).returncode == 2


def test_more_numbers_than_at_once_are_checked(where: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "numbers.txt"
    file.write_text("\n".join(f"8676980{number:07d}" for number in range(1100)))
    done = check("--file", str(file), "--json", *where)
    found = json.loads(done.stdout)
    assert (found["state"], len(found["results"])) == ("done", 1100)
