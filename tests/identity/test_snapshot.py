"""A reading written as JSON and read back."""

from __future__ import annotations

import json

import pytest

from modemagent.errors import ReportError
from modemagent.identity.locks import LockCode, LockKind
from modemagent.identity.problems import Severity, problem
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot

FULL = Snapshot(
    port="/dev/ttyUSB2",
    port_id="usb:1-2:1.2",
    dialect="quectel",
    modem=Modem(
        manufacturer="Quectel",
        imei="867698040000013",
        meid_raw="80ABCDEF",
        read={"imei": ReadState.OK, "meid": ReadState.FAILED},
    ),
    sims=(
        Sim(slot=2, active=False, state=SimState.READY, iccid="8988303000000000010",
            imsi_raw="26201", read={"iccid": ReadState.OK}),
    ),
    problems=(problem("imsi.length", "imsi"),),
    commands=9,
    elapsed_ms=61,
)  # fmt: skip


def test_round_trip() -> None:
    assert Snapshot.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_locked_survives_the_round_trip() -> None:
    sim = Sim(state=SimState.LOCKED, lock=LockKind.NETWORK, lock_code=LockCode.PUK)
    data = json.loads(json.dumps(sim.to_json()))
    assert (data["state"], data["lock"], data["lock_code"]) == ("locked", "network", "puk")
    assert Sim.from_json(data) == sim
    assert Sim.from_json(data | {"lock": "planet"}).lock is None


def test_only_a_locked_module_has_the_keys_of_a_lock() -> None:
    assert not {"lock", "lock_code"} & Sim(state=SimState.PIN_REQUIRED).to_json().keys()


def test_a_later_version_is_understood() -> None:
    data = FULL.to_json()
    data["weather"] = "fine"
    data["sims"] = [{"slot": 1, "state": "levitating", "read": {"iccid": "guessed"}, "x": 1}]
    data["problems"] = [{"code": "imei.haunted", "severity": "eerie", "field": "imei"}]
    found = Snapshot.from_json(data)
    assert found.sims[0].state is SimState.UNKNOWN
    assert found.sims[0].read == {"iccid": ReadState.FAILED}
    assert found.problems[0].severity is Severity.WARNING


def test_almost_nothing_is_enough() -> None:
    assert Snapshot.from_json({"port": "x"}) == Snapshot(port="x")


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"port": 1}, "port"),
        ({"modem": []}, ""),
        ({"modem": "x"}, "modem"),
        ({"modem": {"imei": 867698040000013}}, "imei"),
        ({"sims": {}}, "sims"),
        ({"sims": [1]}, "sims"),
        ({"sims": [{"slot": True}]}, "slot"),
        ({"sims": [{"read": "ok"}]}, "read"),
        ({"problems": ["x"]}, "problems"),
        ({"commands": "9"}, "commands"),
    ],
)
def test_wrong_types_name_their_key(data: dict[str, object], key: str) -> None:
    if not key:
        assert Snapshot.from_json(data) == Snapshot(port="")
        return
    with pytest.raises(ReportError) as caught:
        Snapshot.from_json(data)
    assert caught.value.key == key
