"""Deadlines from reports to documents, on both engines."""

from __future__ import annotations

import pytest

from modemagent.registry.calls.rechecks import RecheckCalls
from modemagent.registry.regulations.counting import date_of
from modemagent.registry.regulations.regulation import shipped
from modemagent.registry.store.regulations import deadlines, regulations
from tests.registry.conftest import IMEI, OTHER_ICCID, OTHER_IMEI, sim
from tests.registry.history.wire import imei
from tests.registry.regulations.conftest import TODAY, DeadlineStore, Traveller

FOREIGN = next(one for one in shipped() if one.id == "tr-foreign-sim")
TURKISH = sim("8990011000000000018", "286010000000001")


def test_days_of_a_foreign_sim_are_counted_with_their_reports(store: DeadlineStore) -> None:
    store.add_batch(*Traveller(80).stay(79, 0, "286"))
    (found,) = store.deadlines(country="tr")
    assert (found["imei"], found["rule"], found["days"], found["ratio"]) == (
        IMEI, "tr-foreign-sim", 80, 87,
    )  # fmt: skip
    assert found["due_on"] == _date(11)
    assert found["first_report"] == "gw-1/stream-gw-1/1"
    (period,) = found["periods"]
    assert (period["from"], period["to"], period["days"]) == (_date(-79), _date(0), 80)
    assert (period["gateway_id"], period["iccid"]) == ("gw-1", "8988303000000000010")
    (finding,) = store.findings()
    assert (finding["id"], finding["type"]) == (found["finding"], "roaming.deadline")
    assert finding["evidence"] == [{"individual": 0, "report": "gw-1/stream-gw-1/1"}]
    assert store.levels() == {"rule:tr-foreign-sim": "warning"}
    assert store.deadlines(due_before=_date(11)) == []
    assert len(store.deadlines(due_from=_date(11), due_before=_date(12))) == 1
    assert store.deadlines(country="PK") == []


def test_late_report_and_level_keep_the_finding(store: DeadlineStore) -> None:
    traveller = Traveller(80)
    reports = traveller.stay(79, 0, "286")
    late = [one for at, one in enumerate(reports) if at % 2 == 0 and at < 70]
    store.add_batch(*(one for one in reports if one not in late))
    assert store.days() == 45
    assert store.levels() == {}
    store.add_batch(*late[5:])
    assert store.days() == 75
    assert store.levels() == {"rule:tr-foreign-sim": "warning"}
    (first,) = store.findings()
    store.add_batch(*late[:5])
    assert store.days() == 80
    (after,) = store.findings()
    assert after["id"] != first["id"]
    assert store.finding(first["id"])["id"] == after["id"]


def test_unchanged_days_write_nothing(store: DeadlineStore) -> None:
    store.add_batch(*Traveller(80).stay(79, 0, "286"))
    store.deadlines()
    before = _rows(store)
    store.deadlines()
    assert _rows(store) == before


def _rows(store: DeadlineStore) -> list[tuple[object, ...]]:
    with store.database.reading() as connection:
        return [
            tuple(row)
            for table in ("deadline", "finding", "finding_report", "decision")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")
        ]


def test_countries_and_sims_of_one_batch_are_kept_apart(store: DeadlineStore) -> None:
    rule = {name: getattr(FOREIGN, name) for name in FOREIGN.__slots__}
    store.calls.put_regulation({**rule, "id": "local-test", "sim": "local"})
    traveller = Traveller(118)
    store.add_batch(
        *traveller.stay(117, 101, "262"),
        *traveller.stay(100, 50, "286", sims=[TURKISH]),
        *traveller.stay(49, 0, "286", sims=[sim(OTHER_ICCID)]),
    )
    found = {one["rule"]: one for one in store.deadlines() if one["rule"] != "tr-local-sim"}
    assert {rule: one["days"] for rule, one in found.items()} == {
        "tr-foreign-sim": 50, "local-test": 51,
    }  # fmt: skip
    assert found["local-test"]["due_on"] is None  # its SIM was replaced
    assert found["tr-foreign-sim"]["due_on"] == _date(41)


def test_swap_on_a_day_that_was_counted_counts_too(store: DeadlineStore) -> None:
    traveller = Traveller(50)
    store.add_batch(
        *traveller.stay(49, 0, "286", sims=[TURKISH]),
        traveller.report(0, "286", sims=[sim(OTHER_ICCID)]),
    )
    with store.database.reading() as connection:
        days = "SELECT count(*) FROM presence WHERE mcc = '286'"
        assert connection.exec_driver_sql(days).scalar() == 2


def test_boot_that_is_dated_later_counts_its_days(store: DeadlineStore) -> None:
    traveller = Traveller(60)
    store.add_batch(*traveller.stay(60, 10, "286", synchronized=False))
    assert store.days() is None
    store.add_batch(traveller.report(0, "286"))
    assert store.days() == 52


def test_modem_that_has_left_is_not_due(store: DeadlineStore) -> None:
    traveller = Traveller(80)
    store.add_batch(*traveller.stay(79, 20, "286"), traveller.report(0, "262"))
    (found,) = store.deadlines()
    assert (found["days"], found["due_on"], found["reached"]) == (60, None, False)
    assert store.deadlines(due_before="2999-01-01") == []


def test_registrations_settle_a_duty_and_can_be_undone(store: DeadlineStore) -> None:
    store.add_batch(*Traveller(9).stay(2, 0, "404"))
    assert [one["rule"] for one in store.deadlines()] == ["in-import"]
    assert store.levels() == {"rule:in-import": "error"}
    content = f"IMEI,Status,Certificate No\n{IMEI},Approved,C-1\n{OTHER_IMEI},Rejected,\n".encode()
    options = {"target": "registrations", "country": "in"}
    report = store.lists.import_file(content, dry_run=True, **options)
    assert (report["accepted"], report["added"]) == (True, 1)
    assert [(one["line"], one["code"]) for one in report["problems"]] == [(3, "not_registered")]
    assert store.days("in-import") is not None
    done = store.lists.import_file(content, dry_run=False, **options)
    assert store.levels() == {}
    assert store.deadlines() == []
    again = store.lists.import_file(content, dry_run=False, **options)
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 1)
    undone = store.lists.undo(done["id"])
    assert undone is not None
    assert undone["undo"] == {"removed": 1, "restored": 0, "kept": 0}
    assert store.levels() == {"rule:in-import": "error"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("imei\n867698040000013\n", "country"),
        ("imei,country\n8.67698E+14,IN\n", "scientific"),
        ("imei,country\n867698040000014,IN\n", "imei.check_digit"),
        ("name,country\nx,IN\n", "header"),
        ("imei,country,reference\n867698040000013,IN,a\n867698040000013,IN,b\n", "duplicate"),
        ("imei,country,date\n867698040000013,IN,yesterday\n", "invalid"),
    ],
)
def test_damaged_file_of_registrations_is_refused(
    store: DeadlineStore, content: str, code: str
) -> None:
    report = store.lists.import_file(
        content.encode(), dry_run=False, target="registrations"
    )  # fmt: skip
    assert report["accepted"] is False
    assert [one["code"] for one in report["problems"]] == [code]


def test_rule_of_the_operator_replaces_a_shipped_one(store: DeadlineStore) -> None:
    store.add_batch(*Traveller(80).stay(79, 0, "286"))
    assert store.days() == 80
    shipped = {one["id"]: one for one in store.calls.regulations()["regulations"]}
    given = {
        name: value for name, value in shipped["tr-foreign-sim"].items()
        if name not in ("origin", "changed_by", "changed_at")
    }  # fmt: skip
    tried = store.calls.put_regulation({**given, "limit_days": 120}, dry_run=True)
    assert (tried["modems"], tried["findings"]) == (1, {"note": 1})
    assert store.days() == 80
    store.calls.put_regulation({**given, "enabled": False})
    assert store.deadlines() == []
    assert store.levels() == {}
    assert store.calls.remove_regulation("tr-foreign-sim")
    assert store.days() == 80
    assert not store.calls.remove_regulation("tr-foreign-sim")


def test_rule_about_many_modems_waits_to_be_confirmed(store: DeadlineStore) -> None:
    for number in range(12):
        store.add_batch(Traveller(9, f"gw-{number}").report(0, "262", imei=imei(str(number))))
    rule = {"id": "de-test", "country": "DE", "kind": "days", "limit_days": 1, "window": "year",
            "text": "t", "source": "s", "as_of": "2026-11-30", "confidence": "low"}  # fmt: skip
    assert store.calls.put_regulation(rule, dry_run=True)["findings"] == {"error": 12}
    run = store.calls.put_regulation(rule)["run"]
    assert not deadlines.update_part(store.database)  # waits for the re-check
    assert len(store.deadlines()) == 12
    assert store.findings() == []
    assert store.calls.put_regulation(rule)["run"] is None
    rechecks = RecheckCalls(store.database, "test")
    (found,) = rechecks.runs(9, None, "stopped")["runs"]
    assert (found["id"], found["stopped_by"]) == (run, ["roaming.deadline"])
    assert found["scope"] == "deadlines"
    rechecks.confirm(run)
    store.recheck()
    assert len(store.findings()) == 12
    assert store.calls.remove_regulation("de-test")
    assert (store.deadlines(), store.findings()) == ([], [])


def test_other_rules_of_an_upgrade_wait_too(
    store: DeadlineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        store.add_batch(Traveller(9, f"gw-{number}").report(0, "404", imei=imei(str(number))))
    with monkeypatch.context() as patch:
        patch.setattr(regulations, "shipped", tuple)
        deadlines.update(store.database)
    deadlines.update(store.database)
    store.recheck()
    (found,) = RecheckCalls(store.database, "test").runs(9, None)["runs"]
    assert (found["state"], found["subject"]) == ("stopped", "regulations")
    assert store.findings() == []


def test_pages_follow_the_due_day(store: DeadlineStore) -> None:
    for number in range(5):
        traveller = Traveller(90, f"gw-{number}")
        reports = traveller.stay(60 + number * 5, 0, "286", imei=imei(f"modem {number}"))
        store.add_batch(*reports)
    found = [one["due_on"] for one in store.deadlines()]
    assert found == sorted(found)
    pages: list[str] = []
    after = None
    while True:
        page = store.calls.deadlines(2, after)
        pages += [one["due_on"] for one in page["deadlines"]]
        after = page["next"]
        if after is None:
            break
    assert pages == found


def _date(ahead: int) -> str:
    return date_of(TODAY + ahead).isoformat()
