"""``modemagent registry assets`` and ``orders``: the same over HTTP and beside the database."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

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
    return call_in_process("registry", *words)


def found(*words: str) -> Any:
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_asset_is_added_and_changed(where: tuple[str, ...]) -> None:
    added = found("assets", "add", "tag=A-1", f"imei={IMEI}", "owner=ann", "--json", *where)
    assert (added["imei"], added["revision"]) == (IMEI, 1)
    words = ("assets", "set", "A-1", "lifecycle=in_repair", "owner=", "--reason", "no charge")
    changed = found(*words, "--json", *where)
    assert (changed["lifecycle"], changed["owner"]) == ("in_repair", None)
    shown = run("assets", "show", added["id"], *where)
    assert shown.returncode == 0, shown.stderr
    assert "lifecycle: in_stock -> in_repair" in shown.stdout and "no charge" in shown.stdout
    assert found("assets", "show", "A-1", "--json", *where) == changed
    listed = found("assets", "--lifecycle", "in_repair", "--json", *where)["assets"]
    assert [one["tag"] for one in listed] == ["A-1"]
    assert "A-1" in run("assets", *where).stdout
    matches = found("lookup", "A-1", "--json", *where)["matches"]
    assert [(one["kind"], one["asset"]) for one in matches] == [("asset_tag", added["id"])]
    numeric = found("assets", "add", "tag=1184", "--json", *where)
    assert found("assets", "show", "1184", "--json", *where) == numeric
    stale = run("assets", "set", "A-1", "owner=ben", "--revision", "1", *where)
    assert (stale.returncode, "revision 2 by now" in stale.stderr) == (6, True)
    for words, status in (
        (("assets", "show", "A-9"), 4), (("assets", "set", "A-9", "owner=x"), 4),
        (("assets", "show", "999999999"), 4), (("assets", "delete", "A-9"), 4),
        (("assets", "delete", "A-1", "--revision", "1"), 6), (("assets", "delete", "1184"), 0),
        (("assets", "add", "colour=red"), 2),
    ):  # fmt: skip
        assert run(*words, *where).returncode == status
    assert run("assets", "set", "A-1", "lifecycle=ordered", *where).returncode in (2, 6)


def test_assets_are_exported_and_imported(where: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "assets.csv"
    file.write_text(f"tag,imei,owner\nA-1,{IMEI},ann\nA-2,,ben\n")
    done = run("assets", "import", str(file), "--reason", "first", *where)
    assert (done.returncode, done.stderr) == (0, "")
    exported = run("assets", "export", "--text", *where)
    assert f'"=""{IMEI}"""' in exported.stdout
    file.write_text(exported.stdout.replace(",ben,", ",eva,"), newline="")
    tried = run("assets", "import", str(file), "--dry-run", *where)
    assert tried.stdout == (
        "would import 2 lines: 0 added, 1 changed, 0 removed, 1 unchanged, 0 skipped\n"
    )
    report = found("assets", "import", str(file), "--json", *where)
    assert found("assets", "show", "A-2", "--json", *where)["owner"] == "eva"
    assert run("lists", "undo", report["id"], *where).returncode == 0
    assert found("assets", "show", "A-2", "--json", *where)["owner"] == "ben"
    file.write_text("tag,imei\nA-1,867698040000014\n")
    assert run("assets", "import", str(file), *where).returncode == 3


def test_order_is_imported_received_and_closed(where: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "order.csv"
    file.write_text(f"lot,model,imei,quantity\nL-1,EG25-G,{IMEI},\nL-1,EG25-G,,40\n")
    words = ("orders", "import", str(file), "--order", "4711", "--supplier", "Quectel")
    assert run(*words, "--dry-run", *where).returncode == 0
    assert found("orders", "--json", *where)["orders"] == []
    assert found(*words, "--json", *where)["added"] == 2
    order = found("orders", "show", "4711", "--json", *where)
    assert (order["supplier"], order["expected"]) == ("Quectel", 41)
    row = order["rows"][1]["id"]
    part = found("orders", "receive", "4711", row, "10", "--json", *where)
    assert (part["received"], part["state"]) == (10, "partly_received")
    table = run("orders", "show", "4711", "--rows", *where).stdout
    assert "L-1" in table and IMEI in table
    exported = run("orders", "export", "4711", *where).stdout
    assert exported.splitlines()[0].startswith("order,quantity,lot")
    assert found("orders", "close", "4711", "--json", *where)["state"] == "closed"
    assert found("orders", "reopen", "4711", "--json", *where)["state"] == "partly_received"
    for name in ("show", "export", "close"):
        assert run("orders", name, "4712", *where).returncode == 4
    file.write_text(f"imei\n{OTHER_IMEI}\n")
    assert run("orders", "import", str(file), *where).returncode == 3
