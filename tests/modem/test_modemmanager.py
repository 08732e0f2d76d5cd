"""Snapshots of modems that ModemManager manages, one case for each state."""

from __future__ import annotations

from typing import Any

import pytest

from modemagent.identity.snapshot import ReadState, SimState, Snapshot
from modemagent.modem.modemmanager import snapshot_of
from modemagent.modemmanager.managed_modem import MmModem, MmSim

IMEI, ICCID, IMSI = "867698040000013", "8988303000000000010", "901288000000001"
EID = "89049032000000000000000000000163"
CARD = {"Sim.SimIdentifier": ICCID, "Sim.Imsi": IMSI, "Sim.Eid": "", "Sim.Active": True}
MODEM = {
    "Modem.Manufacturer": "Quectel",
    "Modem.Model": "EG25-G",
    "Modem.Revision": "EG25GGBR07A08M2G",
    "Modem.EquipmentIdentifier": IMEI,
    "Modem.State": 8,
    "Modem.UnlockRequired": 1,
    "Modem3gpp.Imei": IMEI,
    "Modem3gpp.RegistrationState": 1,
    "Modem3gpp.OperatorCode": "26201",
    "Modem3gpp.OperatorName": "Telekom",
    "Modem.AccessTechnologies": 1 << 14,
}


def read(*sims: MmSim, **properties: Any) -> Snapshot:
    """Read a modem with these SIMs; ``Modem__State=3`` sets a property, None removes it."""
    changed = {key.replace("__", "."): value for key, value in properties.items()}
    properties = {key: value for key, value in (MODEM | changed).items() if value is not None}
    modem = MmModem(
        "/Modem/0", "/sys/devices/usb1/1-2", ("ttyUSB2",), properties,
        sims or (MmSim(1, True, CARD),),
    )  # fmt: skip
    return snapshot_of(modem, port="/dev/ttyUSB2", port_id="usb:1-2:1.2")


def test_all_properties_are_reported() -> None:
    found = read()
    assert (found.dialect, found.commands, str(found.verdict)) == ("modemmanager", 0, "ok")
    assert (found.modem.imei, found.modem.firmware) == (IMEI, "EG25GGBR07A08M2G")
    sim = found.active_sim
    assert sim is not None
    assert (sim.state, sim.iccid, sim.imsi, sim.mcc) == (SimState.READY, ICCID, IMSI, "901")
    network = found.network
    assert network is not None
    assert network[:5] == ("262", "01", "lte", True, "Telekom")
    assert {each.field for each in found.evidence} == {
        "imei", "manufacturer", "model", "firmware", "iccid", "imsi",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("properties", "state", "read_as"),
    [
        ({"Modem__UnlockRequired": 2}, SimState.PIN_REQUIRED, ReadState.LOCKED),
        ({"Modem__UnlockRequired": 4}, SimState.PUK_REQUIRED, ReadState.LOCKED),
        ({"Modem__UnlockRequired": 15}, SimState.LOCKED, ReadState.LOCKED),
        ({"Modem__UnlockRequired": 3}, SimState.READY, ReadState.FAILED),
        ({"Modem__UnlockRequired": 0}, SimState.UNKNOWN, ReadState.FAILED),
        ({"Modem__State": -1, "Modem__StateFailedReason": 2}, SimState.ABSENT, ReadState.ABSENT),
        ({"Modem__State": -1, "Modem__StateFailedReason": 3}, SimState.FAILURE, ReadState.FAILED),
        (
            {"Modem__State": -1, "Modem__StateFailedReason": 5},
            SimState.NO_PROFILE,
            ReadState.ABSENT,
        ),
        ({"Modem__State": -1, "Modem__StateFailedReason": 1}, SimState.UNKNOWN, ReadState.FAILED),
        ({"Modem__State": 1}, SimState.BUSY, ReadState.FAILED),
    ],
)
def test_unread_sim_has_a_reason(
    properties: dict[str, Any], state: SimState, read_as: ReadState
) -> None:
    sim = read(MmSim(1, True, {}), **properties).active_sim
    assert sim is not None
    assert (sim.state, sim.iccid, sim.read["iccid"], sim.read["imsi"]) == (
        state, None, read_as, read_as,
    )  # fmt: skip
    assert sim.read["eid"] in (ReadState.UNSUPPORTED, ReadState.ABSENT)


@pytest.mark.parametrize(
    ("required", "lock", "code"),
    [
        (6, "service_provider", "pin"), (7, "service_provider", "puk"),
        (8, "network", "pin"), (9, "network", "puk"),
        (10, "sim", "pin"), (11, "corporate", "pin"), (12, "corporate", "puk"),
        (13, "first_sim", "pin"), (14, "first_sim", "puk"),
        (15, "network_subset", "pin"), (16, "network_subset", "puk"),
    ],
)  # fmt: skip
def test_module_lock_keeps_the_numbers_of_the_sim(required: int, lock: str, code: str) -> None:
    found = read(Modem__UnlockRequired=required)
    sim = found.active_sim
    assert sim is not None
    assert (sim.state, sim.lock, sim.lock_code) == (SimState.LOCKED, lock, code)
    assert (sim.iccid, sim.imsi, str(found.verdict)) == (ICCID, IMSI, "warning")


def test_inactive_slots_have_their_own_entries() -> None:
    other = {"Sim.SimIdentifier": ICCID, "Sim.Eid": EID}
    found = read(MmSim(1, False, other), MmSim(2, True, CARD), MmSim(3, False, {}))
    first, second, third = found.sims
    assert (first.slot, first.active, first.iccid, first.eid) == (1, False, ICCID, EID)
    assert first.read["imsi"] is ReadState.UNSUPPORTED
    assert (second.slot, second.active, second.imsi) == (2, True, IMSI)
    assert (third.slot, third.state) == (3, SimState.ABSENT)
    assert str(found.verdict) == "ok"


def test_numbers_are_validated_as_from_a_port() -> None:
    found = read(Modem3gpp__Imei="867698040000015")  # its check digit is 3
    assert (found.modem.imei, found.modem.imei_raw) == (None, "867698040000015")
    assert "imei.check_digit" in {each.code for each in found.problems}


def test_cdma_identifier_is_not_an_imei() -> None:
    found = read(
        Modem3gpp__Imei=None, Modem__EquipmentIdentifier="A1000009000000",
        ModemCdma__Meid="A1000009000000",
    )  # fmt: skip
    assert (found.modem.imei, found.modem.imei_raw, found.modem.meid) == (
        None, None, "A1000009000000",
    )  # fmt: skip


def test_home_network_gives_the_mnc_length() -> None:
    card = CARD | {"Sim.Imsi": "310260000000011", "Sim.OperatorIdentifier": "310260"}
    sim = read(MmSim(1, True, card)).active_sim
    assert sim is not None
    assert (sim.mcc, sim.mnc) == ("310", "260")


@pytest.mark.parametrize("value", [None, True, "8", 2.5, [], {}, -7, 1 << 70])
def test_properties_of_another_type_are_ignored(value: Any) -> None:
    found = read(
        Modem__State=value, Modem__UnlockRequired=value, Modem__AccessTechnologies=value,
        Modem3gpp__RegistrationState=value, Modem__Manufacturer=value,
    )  # fmt: skip
    assert found.modem.imei == IMEI


def test_unknown_registration_is_not_unregistered() -> None:
    found = read(
        Modem3gpp__RegistrationState=4, Modem3gpp__OperatorCode="", Modem__AccessTechnologies=0
    )
    assert found.network is not None
    assert (found.network.registered, found.network.mcc, found.network.rat) == (None, None, None)
