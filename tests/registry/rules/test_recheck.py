"""Evaluation of the rules for the whole fleet, with dry run and brake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import call_in_process
from tests.registry.conftest import Gateway, sim
from tests.registry.history.wire import iccid, imei
from tests.registry.rules.conftest import Store

MODEMS = 20


@pytest.fixture
def fleet(store: Store) -> Store:
    """Modems with a SIM each; the SIM of one was swapped, and the rules were not evaluated."""
    for number in range(MODEMS):
        gateway = Gateway(f"gw-{number}")
        store.add(gateway.report("identified", imei(str(number)), [sim(iccid(str(number)))]))
        if number == 0:
            store.add(gateway.report("sim_changed", imei("0"), [sim(iccid("other"))]))
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM job WHERE kind = 'evaluate'")
    return store


def check(store: Store, *words: str) -> tuple[int, dict[str, Any]]:
    done = call_in_process(
        "registry", "rules", "check", "--json", *words, "--database", store.database.url
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def test_dry_run_writes_nothing(fleet: Store) -> None:
    status, found = check(fleet, "--dry-run")
    assert status == 0
    assert (found["modems"], found["sims"], found["written"]) == (MODEMS, MODEMS + 1, False)
    assert found["rules"] == [{"rule": "sim.swapped", "new": 1, "resolved": 0, "ratio": 0.05}]
    assert fleet.types() == []


def test_check_finds_what_was_not_evaluated(fleet: Store) -> None:
    status, found = check(fleet)
    assert (status, found["written"], found["stopped_by"]) == (0, True, [])
    assert fleet.types() == ["sim.swapped"]
    status, found = check(fleet)
    assert (status, found["rules"]) == (0, [])


def test_brake_stops_a_rule_that_finds_too_much(fleet: Store) -> None:
    status, found = check(fleet, "--max-match-ratio", "0.04")
    assert (status, found["written"], found["stopped_by"]) == (3, False, ["sim.swapped"])
    assert fleet.types() == []


def test_rules_have_sentences_and_remedies(store: Store) -> None:
    done = call_in_process("registry", "rules", "list", "--json", "--database", store.database.url)
    found = {one["name"]: one for one in json.loads(done.stdout)["rules"]}
    assert found["sim.swapped"]["severity"] == "warning"
    assert all(one["sentence"] and one["remedy"] for one in found.values())
