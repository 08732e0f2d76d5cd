"""``registry findings``: a list, a finding with its history, and decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import call_in_process
from tests.registry.conftest import OTHER_ICCID, Client, Gateway, Registry, sim
from tests.registry.rules.conftest import Store


def call(*words: str, where: tuple[str, ...]) -> Any:
    return call_in_process("registry", "findings", *words, *where)


@pytest.fixture
def where(store: Store) -> tuple[str, ...]:
    gateway = Gateway()
    store.add(gateway.report("identified"), gateway.report(sims=[sim(OTHER_ICCID)]))
    store.evaluate()
    return "--database", store.database.url


def test_decision_on_the_machine_of_the_registry(store: Store, where: tuple[str, ...]) -> None:
    (one,) = store.findings()
    shown = call("show", one["id"], where=where)
    assert shown.returncode == 0
    assert one["sentence"] in shown.stdout
    assert f"modemagent registry report {one['first_report']}" in shown.stdout
    assert f"modemagent registry findings authorise {one['id']} --reason" in shown.stdout
    by_modem = call("--modem", one["imei"], "--json", where=where)
    assert json.loads(by_modem.stdout)["findings"] == [one]
    done = call("authorise", one["id"], "--reason", "ticket 7", "--json", where=where)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["state"], found["revision"]) == ("resolved", 2)
    assert found["history"][0]["actor"].startswith("user:")
    listed = json.loads(call("--json", where=where).stdout)["findings"]
    assert [each["state"] for each in listed] == ["resolved"]


def test_stale_or_unsuitable_decision_fails(store: Store, where: tuple[str, ...]) -> None:
    (one,) = store.findings()
    words = ("assign", one["id"], "--reason", "x", "--to", "ann")
    assert call(*words, "--revision", "1", where=where).returncode == 0
    stale = call(*words, "--revision", "1", where=where)
    assert (stale.returncode, "revision 2" in stale.stderr) == (6, True)
    past = call(
        "suppress", one["id"], "--reason", "x", "--until", "2020-01-01", where=where
    )  # fmt: skip
    assert (past.returncode, "past" in past.stderr) == (6, True)
    unknown = "00000000-0000-0000-0000-000000000000"
    assert call("show", unknown, where=where).returncode == 4
    assert call("resolve", unknown, "--reason", "x", where=where).returncode == 4
    assert call("resolve", one["id"], where=where).returncode == 2


def test_decision_over_http(
    registry: Registry, reader: Client, swap: dict[str, Any], tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(registry.token("--scope", "operate", "--full-ids"))
    url = ("--url", f"http://127.0.0.1:{registry.port}", "--token-file", str(token_file))
    done = call("acknowledge", swap["id"], "--reason", "x", "--until", "12h", "--json", where=url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "acknowledged"
    assert reader.get(f"findings/{swap['id']}")["revision"] == 2
    stale = call("resolve", swap["id"], "--reason", "x", "--revision", "1", where=url)
    assert (stale.returncode, "revision 2" in stale.stderr) == (6, True)
