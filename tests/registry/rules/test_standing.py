"""Findings by the lists and the TAC table, and the re-checks after a change, on both engines."""

from __future__ import annotations

import json

import pytest

from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.evaluation import effective, recheck
from tests.conftest import call_in_process
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, Gateway, sim
from tests.registry.history.wire import iccid, imei
from tests.registry.rules.conftest import Fleet

TAC = IMEI[:8]
DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("name", "kind", "value", "last", "expected"),
    [
        ("prohibited", "imei", IMEI, None, ["imei.prohibited"]),
        ("prohibited", "range", IMEI[:14], "86769804000009", ["imei.prohibited"]),
        ("tracked", "tac", TAC, None, ["imei.tracked"]),
        ("prohibited", "iccid", ICCID, None, ["sim.prohibited"]),
        ("prohibited", "iccid", f"{ICCID}7", None, ["sim.prohibited"]),
        ("tracked", "imsi_prefix", "90128", None, ["sim.tracked"]),
        ("permitted", "imei", IMEI, None, []),
        ("prohibited", "imei", imei("other"), None, []),
        ("prohibited", "range", "86769804000002", "86769804000009", []),
        ("prohibited", "imsi_prefix", "26201", None, []),
    ],
)
def test_entry_is_found_and_its_removal(
    fleet: Fleet, name: str, kind: str, value: str, last: str | None, expected: list[str]
) -> None:
    gateway = Gateway()
    fleet.store.add(gateway.report("identified"))
    fleet.store.evaluate()
    more = {} if last is None else {"last": last}
    entry = fleet.put(name, kind, value, **more)
    assert fleet.store.types() == expected
    fleet.remove(name, entry)
    assert fleet.store.types() == []
    assert fleet.held() == 0
    # the same for a modem that reports for the first time
    fleet.put(name, kind, value, **more)
    found = fleet.store.types()
    assert found == expected
    assert {one["again"] for one in fleet.store.findings()} <= {1}


def test_first_sight_of_a_listed_modem_is_found(fleet: Fleet) -> None:
    fleet.put("prohibited", "tac", TAC)
    fleet.put("tracked", "imsi_prefix", "90128")
    fleet.store.add(Gateway().report("identified"))
    fleet.store.evaluate()
    assert fleet.store.types() == ["imei.prohibited", "sim.tracked"]
    (one,) = (each for each in fleet.store.findings() if each["type"] == "imei.prohibited")
    assert (one["severity"], one["first_report"]) == ("error", "gw-1/stream-1/1")
    assert one["entry"]["list"] == "prohibited"


def test_change_of_history_keeps_the_finding(fleet: Fleet) -> None:
    gateway = Gateway()
    fleet.store.add(gateway.report("identified"))
    fleet.store.evaluate()
    fleet.put("prohibited", "imei", IMEI)
    (before,) = fleet.store.findings()
    fleet.store.add(gateway.report("sim_changed", sims=[sim(OTHER_ICCID)]))
    fleet.store.evaluate()
    assert fleet.store.types() == ["imei.prohibited", "sim.swapped"]
    assert before["id"] in {one["id"] for one in fleet.store.findings()}


def test_validity_begins_and_ends_by_itself(fleet: Fleet) -> None:
    fleet.store.add(Gateway().report("identified"))
    fleet.store.evaluate()
    fleet.store.run(effective.check_validity)
    begin, end = (
        json.dumps(f"{at}")[1:-1]
        for at in (_rfc3339(now_ms() + 86_400_000), _rfc3339(now_ms() + 2 * 86_400_000))
    )
    fleet.put("tracked", "imei", IMEI, valid_from=begin, valid_to=end)
    assert fleet.store.types() == []
    for days, expected in ((1.5, ["imei.tracked"]), (2.5, [])):
        fleet.store.run(effective.check_validity, days * DAY_S)
        while fleet.store.run(recheck.step, days * DAY_S):
            pass
        assert fleet.store.types() == expected


def _rfc3339(at_ms: int) -> str:
    from modemagent.registry.store.fleet.documents import to_rfc3339

    return str(to_rfc3339(at_ms))


def test_brake_stops_a_change_until_it_is_confirmed(fleet: Fleet) -> None:
    fleet.add(12)
    fleet.put("prohibited", "tac", imei("0")[:8])
    assert fleet.store.types() == []
    (run,) = fleet.runs()
    assert (run["state"], run["stopped_by"], run["written"]) == (
        "stopped", ["imei.prohibited"], False,
    )  # fmt: skip
    assert run["rules"] == [{"rule": "imei.prohibited", "new": 12, "resolved": 0, "ratio": 1.0}]
    # a report of one of these modems does not get round it
    gateway = Gateway("gw-3", sequence=1)
    fleet.store.add(gateway.report("sim_changed", imei("3"), [sim(iccid("another"))]))
    fleet.store.evaluate()
    assert fleet.store.types() == ["sim.swapped"]
    where = ("--database", fleet.store.database.url)
    done = call_in_process("registry", "rules", "runs", "--state", "stopped", *where)
    assert run["id"] in done.stdout
    done = call_in_process("registry", "rules", "confirm", run["id"], "--json", *where)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["state"], found["confirmed_by"]) == ("done", "command line")
    assert fleet.store.types() == ["imei.prohibited"] * 12 + ["sim.swapped"]
    assert fleet.held() == 0
    done = call_in_process("registry", "rules", "confirm", run["id"], *where)
    assert (done.returncode, "its state is done" in done.stderr) == (6, True)


def test_undone_change_supersedes_the_stopped_one(fleet: Fleet) -> None:
    fleet.add(12)
    content = f"tac\n{imei('0')[:8]}\n".encode()
    report = fleet.lists.import_file(content, dry_run=False, target="prohibited")
    fleet.recheck()
    assert [one["state"] for one in fleet.runs()] == ["stopped"]
    fleet.lists.undo(report["id"])
    fleet.recheck()
    assert [one["state"] for one in fleet.runs()] == ["done", "superseded"]
    assert (fleet.store.types(), fleet.held()) == ([], 0)


def test_another_entry_is_judged_with_the_stopped_one(fleet: Fleet) -> None:
    fleet.add(12)
    fleet.put("prohibited", "tac", imei("0")[:8])
    fleet.put("tracked", "imei", imei("0"))
    second, first = fleet.runs()
    assert [second["state"], first["state"]] == ["stopped", "superseded"]
    assert (first["superseded_by"], second["superseded_by"]) == (second["id"], None)
    assert second["affected"] == 12
    assert fleet.store.types() == []
    where = ("--database", fleet.store.database.url)
    done = call_in_process("registry", "rules", "confirm", first["id"], *where)
    assert (done.returncode, f"replaced by {second['id']}" in done.stderr) == (6, True)


def test_raised_limit_holds_for_its_own_change(fleet: Fleet) -> None:
    fleet.add(24)
    calls = PolicyCalls(fleet.store.database, "tests")
    sims = {"mode": "enforce", "iccids": [iccid("another")]}
    half = [imei(str(number)) for number in range(12)]
    first = calls.add({"name": "a", "covers": {"imeis": half}, **sims})
    calls.add({"name": "b", "covers": {"tacs": [imei("0")[:8]]}, **sims, "mode": "observe"})
    fleet.recheck()
    (of_b,) = (one for one in calls.policies(10, None)["policies"] if one["name"] == "b")
    calls.apply(of_b["ref"], of_b["revision"], "enforce", "", max_match_ratio=1)
    fleet.recheck()
    states = [(one["subject"], one["state"]) for one in fleet.runs()]
    assert states[0] == ("b", "stopped")
    assert ("a", "superseded") in states
    assert fleet.store.types() == []
    calls.apply(first["ref"], first["revision"], "observe", "")
    fleet.recheck()
    states = [(one["subject"], one["state"]) for one in fleet.runs()]
    assert states[0] == ("a", "stopped")  # what b has changed still waits
    policy = calls.policy(of_b["ref"]) or {}
    calls.apply(of_b["ref"], policy["revision"], "enforce", "once more", max_match_ratio=1)
    fleet.recheck()
    assert fleet.store.types() == []


def test_limit_is_raised_for_a_change_that_waits(fleet: Fleet) -> None:
    fleet.add(12)
    calls = PolicyCalls(fleet.store.database, "tests")
    given = {"name": "a", "covers": {"tacs": [imei("0")[:8]]}, "iccids": [iccid("another")]}
    policy = calls.add({**given, "mode": "enforce"})
    fleet.recheck()
    assert [one["state"] for one in fleet.runs()] == ["stopped"]
    calls.apply(policy["ref"], policy["revision"], "enforce", "", max_match_ratio=1)
    fleet.recheck()
    assert fleet.store.types() == ["pairing.violation"] * 12


def test_few_modems_of_a_small_fleet_do_not_stop_a_change(fleet: Fleet) -> None:
    fleet.add(2)
    fleet.put("prohibited", "imei", imei("0"))
    assert fleet.store.types() == ["imei.prohibited"]


def test_tac_table_decides_about_the_model(fleet: Fleet) -> None:
    fleet.add(3)
    tac = imei("0")[:8]
    first = fleet.lists.import_file(
        f"tac,manufacturer,model\n{tac},Quectel,EG25-G\n".encode(), dry_run=False, target="tacs"
    )
    fleet.recheck()
    assert fleet.store.types() == []
    table = f"tac,manufacturer,model\n{tac},Telit,LE910\n".encode()
    fleet.lists.import_file(table, dry_run=False, target="tacs", force=True)
    fleet.recheck()
    assert fleet.store.types() == ["tac.model_mismatch"] * 3
    (latest, _) = fleet.lists.imports(10, None)["imports"]
    fleet.lists.undo(latest["id"])
    fleet.recheck()
    assert fleet.store.types() == []
    assert first["accepted"]


def test_model_that_no_other_modem_of_the_tac_has(fleet: Fleet) -> None:
    fleet.add(1, model="EC21")
    fleet.add(19, first=1)
    assert fleet.store.types() == []
    fleet.add(1, first=20)
    (one,) = fleet.store.findings()
    assert (one["type"], one["grade"], one["imei"]) == (
        "tac.model_mismatch", "possible", imei("0"),
    )  # fmt: skip
    fleet.add(1, first=21, model="EC21")
    assert fleet.store.types() == [], "two of a kind are a delivery"


def test_model_as_modemmanager_names_it_is_not_compared(fleet: Fleet) -> None:
    fleet.lists.import_file(
        f"tac,manufacturer,model\n{TAC},Quectel,EG25-G\n".encode(), dry_run=False, target="tacs"
    )
    report = Gateway().report("identified", reader="modemmanager")
    report["modem"] = {**report["modem"], "model": "QUALCOMM INCORPORATED"}
    fleet.store.add(report)
    fleet.store.evaluate()
    assert fleet.store.types() == []
