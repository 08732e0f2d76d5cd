"""Policies from reports to link states and findings, on both engines."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from modemagent.registry.calls.assets import AssetCalls
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.evaluation import effective, recheck
from modemagent.registry.store.findings.decisions import (
    Decision,
    DecisionAction,
    DecisionRefused,
    decide,
)
from modemagent.registry.store.fleet import link_filter, reader, unit_search
from modemagent.registry.store.fleet.documents import to_rfc3339
from modemagent.registry.store.outbound import notices
from modemagent.registry.store.policies.policies import PolicyConflict, StalePolicy
from modemagent.registry.store.tables.policy_tables import policy_version, work_window
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, OTHER_IMEI, Gateway, no_sim, sim
from tests.registry.history.wire import imei
from tests.registry.rules.conftest import Store

TAC = IMEI[:8]
THIRD_ICCID = "8988303000000000036"


class Fleet:
    """A modem that reports, and the policies about it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls = PolicyCalls(store.database, "tests")
        self.gateway = Gateway()

    def report(self, reason: str = "refresh", **more: Any) -> None:
        self.store.add(self.gateway.report(reason, **more))
        self.store.evaluate()

    def add(self, **given: Any) -> dict[str, Any]:
        given.setdefault("name", "p")
        given.setdefault("covers", {"imeis": [IMEI]})
        found = self.calls.add(given)
        self.recheck()
        return found

    def decide(self, finding_id: str, action: DecisionAction, *, once: bool = False) -> None:
        revision = self.store.finding(finding_id)["revision"]
        decision = Decision(action, "ticket 7", "ann", once=once)
        self.store.run(lambda batch: decide(batch, finding_id, revision, decision))
        self.recheck()

    def recheck(self, later_s: float = 0) -> None:
        while self.store.run(recheck.step, later_s):
            pass

    def state(self, imei: str = IMEI) -> str:
        """Return the state of a modem; slots, lists and lookups must agree."""
        with self.store.database.reading() as connection:
            found = reader.modem(connection, imei)
            assert found is not None
            state = found["link_state"]
            listed = reader.modems(connection, limit=10, link_state=state)["modems"]
            (match,) = reader.lookup(connection, imei)["matches"]
            for name, listing in (("pairings", reader.pairings), ("sims", reader.sims)):
                everything = listing(connection, limit=10)[name]
                for one in LinkState:
                    wanted = [row for row in everything if row["link_state"] == one.shown]
                    page = listing(connection, limit=10, link_state=one.shown)
                    assert page == {name: wanted, "next": None}
        assert imei in [one["imei"] for one in listed]
        assert match["link_state"] == state
        assert state in {one["link_state"] for one in found["sims"]} | {state}
        return str(state)


@pytest.fixture
def fleet(store: Store) -> Fleet:
    return Fleet(store)


def test_pairs_and_sims_in_a_state_are_paged(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        fleet.gateway.port = f"usb:1-{number + 1}:1.2"
        sims = [sim(f"898830300000000{number}010", None)]
        fleet.report("identified", imei=imei(str(number)), sims=sims)
    fleet.add(mode="learn", covers={"imeis": [imei(str(number)) for number in (0, 1, 4, 6)]})

    def pages(listing: Any, name: str, state: str) -> list[list[Any]]:
        found: list[list[Any]] = []
        after: str | None = "0"
        with fleet.store.database.reading() as connection:
            while after is not None:
                page = listing(connection, limit=2, after=int(after), link_state=state)
                found.append(page[name])
                after = page["next"]
        return found

    for name, listing in (("pairings", reader.pairings), ("sims", reader.sims)):
        by_index = {one: pages(listing, name, one) for one in ("linked", "unlinked", "armed")}
        assert [len(one) for one in by_index["linked"]] == [2, 2]
        assert [len(one) for one in by_index["unlinked"]] == [2, 1]
        assert by_index["armed"] == [[]]
        with monkeypatch.context() as patch:
            for limit in ("_FEW", "_PAIRS", "_ROUNDS"):
                patch.setattr(link_filter, limit, 1)
            patch.setattr(unit_search, "_SIM_PARTS", (1,))
            for state, wanted in by_index.items():
                assert [*chain(*pages(listing, name, state))] == [*chain(*wanted)]


def test_learning_policy_links_the_first_sim(fleet: Fleet) -> None:
    fleet.report("identified", sims=[no_sim()])
    assert fleet.state() == "unlinked"
    fleet.add(mode="learn")
    assert fleet.state() == "armed"
    fleet.report("sim_changed")
    fleet.store.run(notices.number_waiting)
    fleet.report("sim_changed", sims=[no_sim()])
    types = ["modem.first_seen", "sim.first_seen", "pairing.linked", "sim.removed"]
    with fleet.store.database.reading() as connection:
        whole = reader.events(connection, limit=9)["events"]
        for order, wanted in (("asc", whole), ("desc", whole[::-1])):
            found: list[Any] = []
            page: Any = {"next": None}
            while len(found) < len(whole):
                page = reader.events(
                    connection, limit=1, order=order, after=page["next"] and int(page["next"])
                )
                found += page["events"]
            assert (found, page["next"]) == (wanted, None)
        rows = reader.event_rows(connection, limit=9, after=1)
        assert [one for _, one in rows] == whole[1:]
        assert reader.last_position(connection) == rows[-1][0] == 4
    assert [one["type"] for one in whole] == types
    assert whole[2]["data"]["new"]["iccid"] == ICCID
    fleet.report("sim_changed")
    assert fleet.state() == "linked"
    fleet.report("sim_changed", sims=[sim(OTHER_ICCID)])
    assert fleet.state() == "differed"
    (one,) = fleet.store.findings()
    assert (one["type"], one["severity"]) == ("sim.swapped", "error")
    context = fleet.store.finding(one["id"])  # the policy was added later
    assert (context["allowed"], context["allowed_now"]) == ("no_policy", "not_by_policy")
    with fleet.store.database.writing() as connection:
        connection.execute(policy_version.update().values(made_ms=0))
    assert fleet.store.finding(one["id"])["allowed"] == "not_by_policy"
    later = to_rfc3339(now_ms() + 60_000)
    fleet.calls.announce({"name": "visit", "imeis": [IMEI], "to": later})
    with fleet.store.database.writing() as connection:
        connection.execute(work_window.update().values(from_ms=0))
    assert fleet.store.finding(one["id"])["allowed"] == "announced"
    fleet.report("sim_changed")
    assert fleet.state() == "linked"


def test_known_modem_is_linked_at_once(fleet: Fleet) -> None:
    fleet.report("identified")
    found = fleet.add(mode="learn")
    assert fleet.state() == "linked"
    assert fleet.calls.delete(found["ref"], 1, "")
    fleet.recheck()
    assert fleet.state() == "unlinked"


def test_observing_policy_changes_nothing(fleet: Fleet) -> None:
    fleet.report("identified")
    fleet.add(iccids=[OTHER_ICCID])
    assert (fleet.state(), fleet.store.types()) == ("unlinked", [])


def test_enforced_policy_finds_a_violation_and_its_end(fleet: Fleet) -> None:
    fleet.report("identified")
    found = fleet.add(mode="enforce", iccids=[OTHER_ICCID])
    assert (fleet.state(), fleet.store.types()) == ("differed", ["pairing.violation"])
    (one,) = fleet.store.findings()
    assert (one["part"], one["severity"], one["first_report"]) == (
        "1", "error", "gw-1/stream-1/1",
    )  # fmt: skip
    fleet.calls.change(found["ref"], 1, {
        "name": "p", "mode": "enforce", "covers": {"imeis": [IMEI]}, "iccids": [ICCID],
    })  # fmt: skip
    fleet.recheck()
    assert (fleet.state(), fleet.store.types()) == ("linked", [])
    fleet.report("sim_changed", sims=[sim(OTHER_ICCID)])
    assert fleet.store.types() == ["pairing.violation", "sim.swapped"]


def test_narrowest_cover_decides(fleet: Fleet) -> None:
    fleet.report("identified")
    fleet.add(name="model", mode="enforce", covers={"model": "eg25-g"}, iccids=[OTHER_ICCID])
    assert fleet.state() == "differed"
    fleet.add(name="tac", mode="enforce", covers={"tacs": [TAC]}, iccid_prefixes=["8988303"])
    assert fleet.state() == "linked"
    fleet.add(name="imei", mode="enforce", iccids=[OTHER_ICCID])
    assert fleet.state() == "differed"


@pytest.mark.parametrize(
    ("covers", "cover"), [({"tacs": [TAC]}, "tac"), ({"model": "EG25 G"}, "model")]
)
def test_equal_covers_are_a_named_conflict(
    fleet: Fleet, covers: dict[str, Any], cover: str
) -> None:
    fleet.add(name="first", covers={"tacs": [TAC], "model": "EG25-G"})
    with pytest.raises(PolicyConflict) as conflict:
        fleet.add(name="second", covers=covers)
    assert (conflict.value.name, conflict.value.cover) == ("first", cover)
    with pytest.raises(PolicyConflict) as conflict:
        fleet.add(name="first")
    assert conflict.value.cover is None


def test_authorised_swap_is_a_pair_of_the_policy(fleet: Fleet) -> None:
    fleet.report("identified")
    found = fleet.add(mode="enforce", iccids=[OTHER_ICCID])
    (one,) = fleet.store.findings()
    decision = Decision(DecisionAction.AUTHORISE, "ticket 7", "ann")
    fleet.store.run(lambda batch: decide(batch, one["id"], one["revision"], decision))
    fleet.recheck()
    assert (fleet.state(), fleet.store.types()) == ("linked", [])
    assert fleet.store.finding(one["id"])["authorised"] == {"once": False, "ended_at": None}
    policy = fleet.calls.policy(found["ref"]) or {}
    assert policy["pairs"] == [{"imei": IMEI, "iccid": ICCID}]
    assert [(each["revision"], each["reason"]) for each in policy["history"]] == [
        (1, ""), (2, "ticket 7"),
    ]  # fmt: skip
    fleet.decide(one["id"], DecisionAction.WITHDRAW)
    assert (fleet.state(), fleet.store.types()) == ("differed", ["pairing.violation"])
    assert (fleet.calls.policy(found["ref"]) or {})["pairs"] == []


def test_authorised_swap_is_learned(fleet: Fleet) -> None:
    fleet.report("identified")
    fleet.add(mode="learn")
    fleet.report("sim_changed", sims=[sim(OTHER_ICCID)])
    (one,) = fleet.store.findings()
    fleet.decide(one["id"], DecisionAction.AUTHORISE)
    assert fleet.state() == "linked"
    fleet.decide(one["id"], DecisionAction.WITHDRAW)
    assert fleet.state() == "differed"
    fleet.report("sim_changed", sims=[sim()])
    assert fleet.state() == "linked"


@pytest.mark.parametrize("given", [{"mode": "enforce", "iccids": [ICCID]}, {"mode": "learn"}])
def test_once_ends_when_another_sim_is_read(fleet: Fleet, given: dict[str, Any]) -> None:
    fleet.report("identified")
    policy = fleet.add(**given)
    fleet.report("sim_changed", sims=[sim(OTHER_ICCID)])
    (swap,) = (one for one in fleet.store.findings() if one["type"] == "sim.swapped")
    fleet.decide(swap["id"], DecisionAction.AUTHORISE, once=True)
    assert (fleet.state(), fleet.store.types()) == ("linked", ["sim.swapped"])
    trial = fleet.calls.dry_run(policy["ref"], 10) or {}
    assert trial["counts"]["linked"] == 1
    fleet.report("removed", modem=None, sims=[])
    fleet.report("identified", sims=[sim(OTHER_ICCID)])
    assert fleet.state() == "linked"
    fleet.report("sim_changed", sims=[sim()])
    assert fleet.state() == "linked"
    assert fleet.store.finding(swap["id"])["authorised"]["ended_at"]
    fleet.report("sim_changed", sims=[sim(OTHER_ICCID)])
    assert fleet.state() == "differed"
    assert (fleet.calls.policy(policy["ref"]) or {})["revision"] == 1


def test_authorised_swap_that_is_over_allows_nothing(fleet: Fleet) -> None:
    fleet.report("identified")
    fleet.add(mode="enforce", iccids=[ICCID])
    fleet.report("sim_changed", sims=[sim(OTHER_ICCID)])
    fleet.report("sim_changed", sims=[sim(THIRD_ICCID)])
    (swap, _) = (one for one in fleet.store.findings() if one["type"] == "sim.swapped")
    fleet.decide(swap["id"], DecisionAction.AUTHORISE)
    assert fleet.state() == "differed"
    assert fleet.store.finding(swap["id"])["authorised"] is None


def test_withdrawn_once_is_a_violation_again(fleet: Fleet) -> None:
    fleet.report("identified")
    fleet.add(mode="enforce", iccids=[OTHER_ICCID])
    (one,) = fleet.store.findings()
    fleet.decide(one["id"], DecisionAction.AUTHORISE, once=True)
    assert (fleet.state(), fleet.store.types()) == ("linked", [])
    fleet.decide(one["id"], DecisionAction.WITHDRAW)
    assert (fleet.state(), fleet.store.types()) == ("differed", ["pairing.violation"])
    with pytest.raises(DecisionRefused, match="nothing was decided"):
        fleet.decide(one["id"], DecisionAction.WITHDRAW)


def test_announced_work_suppresses_a_violation_until_it_ends(fleet: Fleet) -> None:
    fleet.store.run(effective.check_validity)
    fleet.report("identified")
    fleet.add(mode="enforce", iccids=[ICCID])
    end = to_rfc3339(now_ms() + 3_600_000)
    window = fleet.calls.announce({"name": "visit", "gateways": ["gw-1"], "to": end})
    fleet.recheck()
    fleet.report("sim_changed", sims=[sim(OTHER_ICCID)])
    assert (fleet.state(), fleet.store.types()) == ("differed", ["sim.swapped"])
    fleet.store.run(effective.check_validity, 3700)
    fleet.recheck(3700)
    assert fleet.store.types() == ["pairing.violation", "sim.swapped"]
    assert fleet.calls.window(window["id"]) == window


def test_announced_work_is_closed_by_hand(fleet: Fleet) -> None:
    fleet.report("identified")
    fleet.add(mode="enforce", iccids=[OTHER_ICCID])
    end = to_rfc3339(now_ms() + 3_600_000)
    window = fleet.calls.announce({"name": "visit", "imeis": [IMEI], "to": end})
    fleet.recheck()
    assert fleet.store.types() == []
    assert fleet.calls.close_window(window["id"])
    fleet.recheck()
    assert fleet.store.types() == ["pairing.violation"]
    assert fleet.calls.close_window(window["id"]) is False


def test_validity_begins_by_itself(fleet: Fleet) -> None:
    fleet.store.run(effective.check_validity)
    fleet.report("identified")
    begin = to_rfc3339(now_ms() + 3_600_000)
    fleet.add(mode="enforce", iccids=[OTHER_ICCID], valid_from=begin)
    assert (fleet.state(), fleet.store.types()) == ("unlinked", [])
    fleet.store.run(effective.check_validity, 3700)
    fleet.recheck(3700)
    assert (fleet.state(), fleet.store.types()) == ("differed", ["pairing.violation"])


def test_pairs_of_a_file_are_enforced(fleet: Fleet) -> None:
    fleet.report("identified")
    content = f"iccid,imei\n{OTHER_ICCID},{IMEI}\n{ICCID},{OTHER_IMEI}\n".encode()
    given = {"name": "file", "mode": "enforce"}
    tried = fleet.calls.import_pairs(content, dry_run=True, given=given)
    assert (tried["accepted"], tried["pairs"], tried["ref"]) == (True, 2, None)
    done = fleet.calls.import_pairs(content, dry_run=False, given=given)
    fleet.recheck()
    assert (fleet.state(), fleet.store.types()) == ("differed", ["pairing.violation"])
    trial = fleet.calls.dry_run(done["ref"], 10) or {}
    assert trial["counts"] == {"armed": 0, "linked": 0, "differed": 1}
    assert trial["unknown"] == 1
    assert [one["imei"] for one in trial["modems"]] == [IMEI]


def test_dry_run_counts_what_would_be(fleet: Fleet) -> None:
    fleet.report("identified")
    given = {"name": "p", "covers": {"tacs": [TAC]}, "iccids": [OTHER_ICCID]}
    trial = fleet.calls.try_policy(given, 10)
    assert trial["counts"] == {"armed": 0, "linked": 0, "differed": 1}
    assert (trial["complete"], trial["modems"][0]["slots"][0]["iccid"]) == (True, ICCID)
    assert fleet.state() == "unlinked"
    fleet.add(name="narrow")
    assert fleet.calls.try_policy(given, 10)["modems"] == [], "another policy decides"


def test_policy_returns_to_an_earlier_revision(fleet: Fleet) -> None:
    found = fleet.add(iccids=[ICCID])
    ref = found["ref"]
    applied = fleet.calls.apply(ref, 1, "enforce", "go") or {}
    assert (applied["mode"], applied["revision"]) == ("enforce", 2)
    with pytest.raises(StalePolicy) as stale:
        fleet.calls.apply(ref, 1, "learn", "")
    assert stale.value.revision == 2
    difference = fleet.calls.difference(ref, 1)
    assert difference["changes"] == [{"field": "mode", "old": "observe", "new": "enforce"}]
    back = fleet.calls.revert(ref, 2, 1, "") or {}
    assert (back["mode"], back["revision"], back["reason"]) == ("observe", 3, "revision 1 again")
    assert fleet.calls.revert(ref, 3, 9, "") is None


def test_exception_lifts_the_findings_of_lists(fleet: Fleet) -> None:
    fleet.report("identified")
    lists = ListCalls(fleet.store.database, "tests")
    lists.put_entry("prohibited", {"kind": "tac", "value": TAC})
    fleet.recheck()
    assert fleet.store.types() == ["imei.prohibited"]
    fleet.add(exceptions=[{"imei": IMEI, "iccid": ICCID}])
    assert fleet.store.types() == []
    fleet.report("sim_changed", sims=[sim(OTHER_ICCID)])
    assert fleet.store.types() == ["imei.prohibited", "sim.swapped"]


def test_site_of_an_asset_is_a_cover(fleet: Fleet) -> None:
    fleet.report("identified")
    fleet.add(mode="learn", covers={"site": "hall-4"})
    assert fleet.state() == "unlinked"
    assets = AssetCalls(fleet.store.database, "tests")
    asset = assets.add_asset({"imei": IMEI, "site": "hall-4"})
    fleet.recheck()
    assert fleet.state() == "linked"
    assets.change_asset(asset["id"], asset["revision"], {"site": "hall-5"})
    fleet.recheck()
    assert fleet.state() == "unlinked"


def test_policy_of_one_modem(fleet: Fleet) -> None:
    fleet.report("identified")
    added = fleet.calls.put_modem(IMEI, None, {"mode": "learn"}) or {}
    fleet.recheck()
    assert (fleet.state(), IMEI in added["name"]) == ("linked", False)
    with pytest.raises(StalePolicy):
        fleet.calls.put_modem(IMEI, None, {"mode": "observe"})
    changed = fleet.calls.put_modem(IMEI, 1, {"mode": "enforce", "iccids": [OTHER_ICCID]}) or {}
    assert (changed["ref"], changed["revision"]) == (added["ref"], 2)
    assert (fleet.calls.policy(IMEI) or {})["ref"] == added["ref"]
