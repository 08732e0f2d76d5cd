"""``modemagent registry cases`` and ``recalls``: the same over HTTP and beside the database."""

from __future__ import annotations

from tests.registry.assets.test_commands import found, run, where
from tests.registry.conftest import IMEI

__all__ = ["where"]


def test_case_is_opened_changed_and_closed(where: tuple[str, ...]) -> None:
    words = (
        "cases",
        "open",
        "stolen",
        "--imei",
        IMEI,
        "--place",
        "Hamburg",
        "--operator",
        "Example",
    )
    case = found(*words, "--json", *where)
    assert (case["place"], case["things"][0]["number"]) == ("Hamburg", IMEI)
    key = case["id"]
    assert found("cases", "set", key, "--assignee", "ben", "--json", *where)["assignee"] == "ben"
    assert found("cases", "set", key, "--cell", "--json", *where)["cell"] is True
    done = found("cases", "task", key, "1", "--reference", "88-1", "--json", *where)
    assert done["tasks"][0]["reference"] == "88-1"
    shown = run("cases", "show", f"K{key}", *where)  # as pages write it
    assert "assignee: ben" in shown.stdout and IMEI in shown.stdout
    assert IMEI in run("cases", "--state", "open", *where).stdout
    assert f"IMEI {IMEI}" in run("cases", "letter", key, *where).stdout
    entries = found("lists", "show", "tracked", "--json", *where)["entries"]
    assert [one["value"] for one in entries] == [IMEI]
    stale = run("cases", "close", key, "recovered", "--revision", "1", *where)
    assert (stale.returncode, "by now" in stale.stderr) == (6, True)
    closed = found("cases", "close", key, "recovered", "--text", "found", "--json", *where)
    assert (closed["state"], closed["outcome"]) == ("closed", "recovered")
    assert found("lists", "show", "tracked", "--json", *where)["entries"] == []
    for words in (("show",), ("letter",), ("set", "--note", "x"), ("close",), ("task",)):
        more = {"close": ("recovered",), "task": ("1",)}.get(words[0], words[1:])
        assert run("cases", words[0], "999999999", *more, *where).returncode == 4
    assert run("cases", "set", key, *where).returncode == 2


def test_recalls_are_added_and_removed(where: tuple[str, ...]) -> None:
    added = found("recalls", "add", "recall", "battery", "--tac", "86769804", "--json", *where)
    assert found("recalls", "--json", *where)["recalls"] == [added]
    assert "battery" in run("recalls", *where).stdout
    assert run("recalls", "remove", added["id"], *where).returncode == 0
    assert run("recalls", "remove", added["id"], *where).returncode == 2
