"""JSON form of a reading, encoded and decoded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modemagent.errors import ReportError
from modemagent.identity.evidence import Evidence
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.json_codec import from_json
from modemagent.identity.network import Network
from modemagent.identity.problems import Severity, problem
from modemagent.identity.sim_locks import LockCode, LockKind
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot

FULL = Snapshot(
    port="/dev/ttyUSB2",
    port_id="usb:1-2:1.2",
    dialect="quectel",
    modem=Modem(
        manufacturer="Quectel",
        imei=Imei("867698040000013"),
        meid_raw="80ABCDEF",
        read={"imei": ReadState.OK, "meid": ReadState.FAILED},
    ),
    sims=(
        Sim(slot=2, active=False, state=SimState.READY, iccid=Iccid("8988303000000000010"),
            imsi_raw="26201", read={"iccid": ReadState.OK}),
    ),
    problems=(problem("imsi.length", "imsi"),),
    commands=9,
    elapsed_ms=61,
    network=Network("262", "01", registered=True),
    evidence=(Evidence("imei", "AT+CGSN", "867698040000013", "imei", 12),),
)  # fmt: skip


def decoded(record: Any, **options: bool) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(record.to_json(**options)))
    return document


def test_round_trip_restores_typed_values() -> None:
    found = Snapshot.from_json(decoded(FULL, evidence=True))
    assert found == FULL
    assert type(found.modem.imei) is Imei
    assert type(found.sims[0].iccid) is Iccid


def test_key_order_and_optional_keys() -> None:
    document = decoded(FULL)
    assert list(document) == [
        "port", "port_id", "dialect", "modem", "sims", "problems", "verdict", "commands",
        "elapsed_ms", "network",
    ]  # fmt: skip
    assert list(document["modem"]) == [
        "manufacturer", "model", "firmware", "imei", "imeisv", "meid", "serial_number", "tac",
        "meid_raw", "read",
    ]  # fmt: skip
    assert list(document["sims"][0]) == [
        "slot", "active", "state", "iccid", "imsi", "eid", "mcc", "mnc", "imsi_raw", "read",
    ]  # fmt: skip


def test_lock_of_a_module() -> None:
    sim = Sim(state=SimState.LOCKED, lock=LockKind.NETWORK, lock_code=LockCode.PUK)
    document = decoded(sim)
    assert (document["state"], document["lock"], document["lock_code"]) == (
        "locked", "network", "puk",
    )  # fmt: skip
    assert from_json(Sim, document) == sim
    assert from_json(Sim, document | {"lock": "planet"}).lock is None


def test_lock_keys_are_absent_without_a_lock() -> None:
    assert not {"lock", "lock_code"} & decoded(Sim(state=SimState.PIN_REQUIRED)).keys()


def test_document_of_a_later_version_is_accepted() -> None:
    document = decoded(FULL)
    document["weather"] = "fine"
    document["sims"] = [{"slot": 1, "state": "levitating", "read": {"iccid": "guessed"}, "x": 1}]
    document["problems"] = [{"code": "imei.haunted", "severity": "eerie", "field": "imei"}]
    found = Snapshot.from_json(document)
    assert found.sims[0].state is SimState.UNKNOWN
    assert found.sims[0].read == {"iccid": ReadState.FAILED}
    assert found.problems[0].severity is Severity.WARNING


def test_missing_keys_take_their_defaults() -> None:
    assert Snapshot.from_json({"port": "x", "modem": None}) == Snapshot(port="x")


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ([], ""),
        ({}, "port"),
        ({"port": 1}, "port"),
        ({"modem": []}, "modem"),
        ({"modem": {"imei": 867698040000013}}, "modem.imei"),
        ({"modem": {"imei": "86769804000001"}}, "modem.imei"),
        ({"sims": {}}, "sims"),
        ({"sims": [1]}, "sims.0"),
        ({"sims": [{}, {"slot": True}]}, "sims.1.slot"),
        ({"sims": [{"read": "ok"}]}, "sims.0.read"),
        ({"sims": [{"read": {"iccid": 1}}]}, "sims.0.read.iccid"),
        ({"problems": ["x"]}, "problems.0"),
        ({"commands": "9"}, "commands"),
        ({"network": {"registered": "yes"}}, "network.registered"),
        ({"evidence": [{"field": "imei"}]}, "evidence.0.command"),
    ],
)
def test_wrong_type_is_reported_with_its_path(document: Any, key: str) -> None:
    if isinstance(document, dict) and document:
        document = {"port": "x"} | document
    with pytest.raises(ReportError) as caught:
        Snapshot.from_json(document)
    assert caught.value.key == key
    assert caught.value.message.startswith(f"{key or 'the document'} must be ")
