"""What an operator states beside what modems report: findings on both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modemagent.registry.calls.outside import OutsideCalls
from modemagent.registry.rules.contradicts import ReportedPair, SeenByOperator, contradicts
from modemagent.registry.rules.inputs import ReportMoment
from tests.conftest import call_in_process
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, OTHER_IMEI, Gateway, Registry, sim
from tests.registry.connectors.conftest import PASSWORD, USER, OperatorServer
from tests.registry.connectors.test_one_nce import Account
from tests.registry.rules.conftest import Store

DAY_MS = 86_400_000
NOW = 1_790_000_000_000


def pair(imei: str, opened_days: float, last_days: float, number: int = 1) -> ReportedPair:
    opened = NOW - round(opened_days * DAY_MS)
    at = ReportMoment(number, 1, opened, opened)
    return ReportedPair(imei[:14], at, (number, 9), NOW - round(last_days * DAY_MS))


SEEN = SeenByOperator("fleet", OTHER_IMEI[:14], NOW)


@pytest.mark.parametrize(
    ("pairs", "grade"),
    [
        ([], None),
        ([pair(OTHER_IMEI, 5, 0)], None),
        ([pair(IMEI, 5, 0)], "probable"),
        ([pair(IMEI, 0.5, 0)], "possible"),  # the operator may not have seen the swap yet
        ([pair(IMEI, 5, 3)], "possible"),  # the modem has not reported for long
        ([pair(IMEI, 5, 0), pair(OTHER_IMEI, 5, 1, 2)], None),  # a clone
    ],
)
def test_pairs_that_contradict(pairs: list[ReportedPair], grade: str | None) -> None:
    found = [*contradicts([SEEN], pairs)]
    assert [(one.grade, one.part) for one in found] == (
        [(grade, "connector:fleet")] if grade else []
    )
    assert all(one.evidence == ((0, 1, 1), (0, 1, 9)) for one in found)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    found = Store(database_url)
    yield found
    found.database.close()


def run(store: Store, operator: OperatorServer) -> dict[str, Any]:
    calls = OutsideCalls(store.database, "test")
    return calls.run_connector("fleet", "1nce", Account(operator.url).connector)


def test_contradiction_is_a_finding_until_both_agree(
    store: Store, operator: OperatorServer
) -> None:
    gateway = Gateway()
    store.add(gateway.report("identified"), gateway.report())
    store.evaluate()
    operator.add(ICCID, OTHER_IMEI, imei_lock=True)
    operator.add(OTHER_ICCID, IMEI)  # no modem has reported it
    calls = OutsideCalls(store.database, "test")
    assert [one["iccid"] for one in calls.try_connector("fleet", Account(operator.url).connector)]
    assert store.types() == []
    done = run(store, operator)
    assert (done["state"], done["sims"], done["known"], done["contradictions"]) == ("done", 2, 1, 1)
    (found,) = store.findings()
    assert (found["type"], found["iccid"], found["grade"], found["part"]) == (
        "operator.contradicts", ICCID, "probable", "connector:fleet",
    )  # fmt: skip
    assert [one["report"] for one in found["evidence"]] == ["gw-1/stream-1/1", "gw-1/stream-1/2"]
    (shown,) = calls.contradictions("fleet", 10, None)["contradictions"]
    assert (shown["iccid"], shown["imei"], shown["operator_imei"], shown["imei_lock"]) == (
        ICCID, IMEI, OTHER_IMEI, True,
    )  # fmt: skip

    operator.faults = [(500, {}, b"")]
    failed = run(store, operator)
    assert (failed["state"], failed["contradictions"]) == ("failed", 1)
    assert failed["problem"] == "no access token: HTTP status 500"
    assert store.types() == ["operator.contradicts"]

    operator.sims[0]["imei"] = IMEI
    assert run(store, operator)["contradictions"] == 0
    assert store.types() == []
    operator.sims[0]["imei"] = OTHER_IMEI
    run(store, operator)
    assert store.types() == ["operator.contradicts"]
    operator.sims.clear()
    assert run(store, operator)["sims"] == 0
    assert store.types() == []
    assert calls.contradictions("fleet", 10, None) == {"contradictions": [], "next": None}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_connectors_are_run_on_the_command_line(
    registry: Registry, operator: OperatorServer, tmp_path: Path
) -> None:
    gateway = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    gateway.post(Gateway().report("identified", sims=[sim(ICCID)]))
    operator.add(ICCID, OTHER_IMEI)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    config = tmp_path / "connectors.toml"
    config.write_text(
        f'[connector.fleet]\nkind = "1nce"\nuser = "{USER}"\nurl = "{operator.url}"\n'
        'password_file = "password"\nper_minute = 6000\n'
    )
    where = ("--state-dir", str(tmp_path / "state"))
    words = ("registry", "connectors", "run", "--config", str(config))
    tried = call_in_process(*words, "--dry-run", *where)
    assert (tried.returncode, OTHER_IMEI in tried.stdout) == (3, True)
    assert call_in_process("registry", "connectors", "list", *where).stderr == "None.\n"
    done = call_in_process(*words, "fleet", "--json", *where)
    assert done.returncode == 3
    assert json.loads(done.stdout)["connectors"][0]["contradictions"] == 1
    assert call_in_process(*words, "other", *where).returncode == 2
    token = tmp_path / "token"
    token.write_text(registry.token("--scope", "read"))
    http = ("--url", f"http://127.0.0.1:{registry.port}", "--token-file", str(token))
    listed = call_in_process("registry", "connectors", "list", *http)
    assert "fleet" in listed.stdout
    shown = call_in_process("registry", "connectors", "show", "fleet", "--json", *http)
    assert shown.returncode == 3
    (one,) = json.loads(shown.stdout)["contradictions"]
    assert one["grade"] == "probable"
    for number in (IMEI, OTHER_IMEI, ICCID):
        assert number not in shown.stdout
    operator.faults = [(403, {}, b"")]
    refused = call_in_process(*words, *where)
    assert (refused.returncode, "failed" in refused.stdout) == (6, True)
    assert PASSWORD not in refused.stdout + refused.stderr
