"""Re-checks after an upgrade with other rules, and re-checks that are interrupted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from modemagent.identity.checkdigits import luhn_digit
from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.calls.rechecks import RecheckCalls
from modemagent.registry.rules.catalogue import OF_UNITS
from modemagent.registry.rules.definitions import FOUND_BY, OF_HISTORY, digests
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.store.evaluation import effective, judgement, recheck
from modemagent.registry.store.findings.finding_log import FindingLog, Subject
from modemagent.registry.store.intake.batch import Batch
from tests.registry.conftest import Gateway, sim
from tests.registry.history.wire import iccid, imei
from tests.registry.rules.conftest import Fleet

PLAIN = 8  # modems about which no rule finds anything


@pytest.fixture
def varied(fleet: Fleet) -> Fleet:
    """A fleet about which each rule finds something."""
    fleet.add(PLAIN)
    swapped = Gateway("swapped")
    fleet.store.add(swapped.report("identified", imei("a"), [sim(iccid("a0"))]))
    for number in range(1, 4):
        sims = [sim(iccid(f"a{number}"))]
        fleet.store.add(swapped.report("sim_changed", imei("a"), sims))
    altered = Gateway("altered")
    for name, firmware in (("b", "R1"), ("c", "R1"), ("c", "R2")):
        report = altered.report("identified", imei(name), [sim(iccid("b"))])
        more = {"serial_number": "S1", "firmware": firmware, "imeisv": f"{imei('c')[:14]}01"}
        read = {**report["modem"]["read"], "serial_number": "ok", "imeisv": "ok"}
        fleet.store.add({**report, "modem": {**report["modem"], **more, "read": read}})
    counting = Gateway("counting")
    sims = [sim(iccid("d"), "123456789012345")]
    fleet.store.add(counting.report("identified", "123456789012347", sims))
    other = Gateway("other")
    digits = "35265610000001"
    report = other.report("identified", digits + luhn_digit(digits), [sim(iccid("e"))])
    fleet.store.add({**report, "modem": {**report["modem"], "model": "EC21"}})
    fleet.store.evaluate()
    fleet.lists.import_file(b"tac,manufacturer,model\n35265610,Telit,LE910\n", target="tacs",
                            dry_run=False)  # fmt: skip
    fleet.put("prohibited", "imei", imei("a"))
    fleet.put("tracked", "iccid", iccid("b"))
    policy = {"name": "p", "mode": "enforce", "covers": {"imeis": [imei("a")]}}
    PolicyCalls(fleet.store.database, "tests").add({**policy, "iccids": [iccid("b")]})
    fleet.recheck()
    return fleet


def holding(fleet: Fleet) -> list[Any]:
    with fleet.store.database.reading() as connection:
        return sorted(
            connection.exec_driver_sql(
                "SELECT finding_id, type, part, severity, coalesce(grade, ''), unit, lo_ms, hi_ms"
                " FROM finding WHERE recorded_to IS NULL"
            ).all()
        )


def use_older(fleet: Fleet, rule: str) -> None:
    """Make the findings those of another version of a rule, which has found something else."""

    def work(batch: Batch) -> None:
        connection = batch.connection
        types = ", ".join(f"'{one}'" for one in FOUND_BY[rule])
        connection.exec_driver_sql(
            f"DELETE FROM finding WHERE unit IS NOT NULL AND type IN ({types})"
        )
        query = f"SELECT min(id) FROM unit WHERE key = '{imei('0')[:14]}'"
        unit = connection.exec_driver_sql(query).scalar_one()
        (stream,) = connection.exec_driver_sql("SELECT min(id) FROM stream").one()
        log = FindingLog(batch, FOUND_BY[rule])
        gone = RuleFinding(min(FOUND_BY[rule]), ReportMoment(stream, 1, 0, 0))
        log.set(Subject("unit", unit=unit), [gone])
        log.write()
        known = msgspec.msgpack.encode({**digests(), rule: b"older"})
        effective._set(batch, "rule_digests", known)

    fleet.store.run(work)


def test_upgrade_evaluates_what_changed_rules_concern(varied: Fleet) -> None:
    varied.store.run(effective.check_rules)
    assert not any(one["scope"] == "rules" for one in varied.runs()), "the rules are as they were"
    calls = RecheckCalls(varied.store.database, "tests")
    everything = calls.start(dry_run=False, max_match_ratio=1, wait=True)
    assert (everything["state"], everything["subject"]) == ("done", "")
    expected = holding(varied)
    types = {one[1] for one in expected}
    assert all(types & found for found in FOUND_BY.values())
    for rule in FOUND_BY:
        use_older(varied, rule)
        assert holding(varied) != expected
        for _ in range(2):
            varied.store.run(effective.check_rules)
        varied.recheck()
        run, before = varied.runs()[:2]
        assert (run["scope"], run["subject"], run["state"]) == ("rules", rule, "done")
        assert before["subject"] != rule, "once"
        assert 0 < run["affected"] < PLAIN, rule
        assert holding(varied) == expected, rule
    assert (FOUND_BY.keys() >= OF_HISTORY, OF_HISTORY) == (True, judgement.OF_HISTORY.keys())
    assert frozenset().union(*FOUND_BY.values()) == OF_UNITS


def test_interrupted_recheck_goes_on_where_it_was(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recheck, "_UNITS_AT_ONCE", 1)  # a transaction for each slice
    monkeypatch.setattr(recheck, "_STANDING_AT_ONCE", 5)
    fleet.add(12)
    fleet.lists.put_entry("prohibited", {"kind": "tac", "value": imei("0")[:8]})

    def interrupted(batch: Batch) -> None:
        recheck.step(batch)
        raise InterruptedError

    def work() -> None:
        with ThreadPoolExecutor(2) as workers:
            for _ in range(12):
                with pytest.raises(InterruptedError):
                    fleet.store.run(interrupted)
                list(workers.map(fleet.store.run, [recheck.step] * 2))

    work()
    (run,) = fleet.runs()
    assert (run["state"], run["done"], run["stopped_by"]) == ("stopped", 12, ["imei.prohibited"])
    assert run["rules"] == [{"rule": "imei.prohibited", "new": 12, "resolved": 0, "ratio": 1.0}]
    assert "nothing is written: 12 x imei.prohibited" in caplog.text
    RecheckCalls(fleet.store.database, "tests").confirm(run["id"])
    work()
    assert [one["state"] for one in fleet.runs()] == ["done"]
    assert (fleet.store.types(), fleet.held()) == (["imei.prohibited"] * 12, 0)


def test_later_upgrade_takes_over_a_stopped_one(fleet: Fleet) -> None:
    fleet.add(12)
    fleet.put("prohibited", "tac", imei("0")[:8])
    calls = RecheckCalls(fleet.store.database, "tests")
    calls.confirm(fleet.runs()[0]["id"], wait=True)
    for rule in ("listed", "churn"):
        use_older(fleet, rule)
        fleet.store.run(effective.check_rules)
        fleet.recheck()
    second, first, _ = fleet.runs()
    assert (first["state"], first["superseded_by"]) == ("superseded", second["id"])
    assert (second["state"], second["subject"]) == ("stopped", "churn listed")
    assert fleet.store.types() == ["imei.prohibited", "sim.churn"], "no cause, and not compared yet"
    calls.confirm(second["id"], wait=True)
    assert (fleet.store.types(), fleet.held()) == (["imei.prohibited"] * 12, 0)
