"""diagnose through ModemManager: the same verdicts as from responses to AT commands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from dbus_fast import Variant

from tests import preloaded
from tests.discovery.conftest import Bed
from tests.modemmanager.conftest import Bench, Bus, ModemManagerProcess
from tests.modemmanager.service import ROOT, modemmanager
from tests.modemmanager.test_beside import PORT, path_of, run
from tests.modemmanager.test_beside import agent as agent_fixture
from tests.process.conftest import until
from tests.process.plugging import Discovering

agent = agent_fixture

Start = Callable[[], ModemManagerProcess]
Findings = dict[str, dict[str, Any]]
MODEM, SIM, SIM2, BEARER = (f"{ROOT}/{name}" for name in ("Modem/0", "SIM/0", "SIM/1", "Bearer/0"))
CARD = {"SimIdentifier": "8988303000000000010", "Imsi": "901288000000001", "Active": True}
LTE, NR = 1 << 14, 1 << 15


@pytest.fixture
def lone_bus() -> Iterator[Bus]:
    bus = Bus()
    yield bus
    bus.close()


def decibels(**values: float) -> dict[str, Variant]:
    return {name: Variant("d", value) for name, value in values.items()}


def bearer(**changed: Any) -> dict[str, dict[str, Any]]:
    """Return a connected bearer with changes, by its path."""
    properties = {
        "Connected": True,
        "Interface": "wwan0",
        "ConnectionError": ["", ""],
        "Ip4Config": {"method": Variant("u", 2), "address": Variant("s", "10.0.0.7")},
        "Ip6Config": {},
        "Properties": {"apn": Variant("s", "internet"), "ip-type": Variant("u", 1)},
        **changed,
    }
    return {BEARER: properties}


def objects(bearers: Mapping[str, Mapping[str, Any]] | None = None, **changed: Any) -> Any:
    """Return a healthy modem with changes, its SIM cards and its bearers."""
    bearers = bearer() if bearers is None else bearers
    interfaces: dict[str, dict[str, Any]] = {
        "Modem": {
            "Device": "/sys/devices/pci0000:00/usb1/1-9", "Ports": [["ttyUSB92", 3]],
            "PrimaryPort": "ttyUSB92", "Manufacturer": "Quectel", "Model": "EG25-G",
            "Revision": "EG25GGBR07A08M2G", "EquipmentIdentifier": "867698040000013", "State": 11,
            "StateFailedReason": 0, "UnlockRequired": 1, "UnlockRetries": {2: 3, 4: 10},
            "AccessTechnologies": LTE, "PowerState": 3, "SignalQuality": [70, True], "Sim": SIM,
            "SimSlots": [SIM], "PrimarySimSlot": 1, "Bearers": list(bearers),
        },
        "Modem.Modem3gpp": {
            "Imei": "867698040000013", "RegistrationState": 1, "OperatorCode": "26201",
            "OperatorName": "Telekom", "PacketServiceState": 1,
        },
        "Modem.Signal": {"Lte": decibels(rssi=-60, rsrp=-88, rsrq=-10, snr=12), "Nr5g": {}},
    }  # fmt: skip
    for key, value in changed.items():
        name = next((each for each in interfaces if key in interfaces[each]), "Modem.Modem3gpp")
        interfaces[name][key] = value
    cards = {SIM: {"Sim": CARD}, SIM2: {"Sim": CARD | {"Active": False}}}
    return {MODEM: interfaces, **cards, **{path: {"Bearer": b} for path, b in bearers.items()}}


def diagnosed(bus: Bus, served: Any, *words: str) -> tuple[Findings, str | None]:
    """Return the findings by check, and the check to fix first."""
    with modemmanager(bus.address, served):
        done = preloaded.run(
            ("diagnose", *words, "--via", "modemmanager", "--json"),
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address},
        )
    [modem] = json.loads(done.stdout)["modems"]
    assert modem["through"] == "modemmanager"
    return {each["check"]: each for each in modem["findings"]}, modem["first"]


def test_healthy_modem_is_ok(lone_bus: Bus) -> None:
    found, first = diagnosed(lone_bus, objects())
    assert first is None
    for check, message in (
        ("answers", "state in ModemManager: connected"),
        ("radio", "full functionality"),
        ("sim", "ready"),
        ("signal", "RSRP -88 dBm, RSRQ -10 dB, SINR 12 dB"),
        ("registration", "registered, home network; network Telekom, LTE"),
        ("attached", "attached to packet service"),
        ("access_point", "APN internet"),
        ("session", "connected on wwan0, APN internet, address 10.0.0.7"),
    ):
        assert (found[check]["state"], found[check]["message"]) == ("ok", message)
    assert found["signal"]["evidence"].startswith("Signal.Lte ")


FAILED = {"State": -1, "PowerState": 3, "RegistrationState": 0, "bearers": {}}
CASES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"State": 2, "UnlockRequired": 2}, "sim", "error", "requires its PIN (3 attempts left)"),
    (
        {"State": 2, "UnlockRequired": 2, "UnlockRetries": {2: 999}},
        "sim", "error", "the SIM requires its PIN",
    ),
    (
        {"State": 2, "UnlockRequired": 4, "UnlockRetries": {2: 0, 4: 7}},
        "sim", "error", "requires its PUK (7 attempts left)",
    ),
    ({"State": 2, "UnlockRequired": 4, "UnlockRetries": {4: 0}}, "sim", "error", "blocked for"),
    ({"State": 2, "UnlockRequired": 8}, "sim", "error", "network"),
    ({**FAILED, "StateFailedReason": 2, "Sim": "/", "SimSlots": []}, "sim", "error", "no SIM card"),
    (
        {**FAILED, "StateFailedReason": 2, "Sim": "/", "SimSlots": ["/", SIM2]},
        "sim", "error", "a SIM card is in slot 2",
    ),
    ({**FAILED, "StateFailedReason": 3}, "sim", "error", "the SIM does not answer"),
    ({**FAILED, "StateFailedReason": 5}, "sim", "error", "no enabled profile"),
    ({**FAILED, "StateFailedReason": 4}, "answers", "error", "capabilities of the modem are unkn"),
    ({"State": 3, "PowerState": 2, "RegistrationState": 4}, "radio", "error", "flight mode"),
    ({"State": 3, "RegistrationState": 4}, "radio", "note", "not enabled in ModemManager"),
    ({"Lte": decibels(rsrp=-121, snr=2)}, "signal", "warning", "weak signal: RSRP -121 dBm"),
    ({"Lte": decibels(rsrp=-90, rsrq=-19)}, "signal", "warning", "disturbed signal"),
    ({"Lte": {}, "Nr5g": decibels(rsrp=-80, snr=9)}, "signal", "ok", "SS-RSRP -80 dBm, SS-SINR 9"),
    ({"Lte": decibels(rsrp=-1.7e308)}, "signal", "note", "signal quality 70 % by ModemManager"),
    (
        {"Lte": {}, "SignalQuality": [0, True], "RegistrationState": 2, "State": 7},
        "signal", "error", "no signal",
    ),
    ({"RegistrationState": 2, "State": 7}, "registration", "error", "not registered, searching"),
    ({"RegistrationState": 3, "State": 6}, "registration", "error", "registration denied"),
    (
        {
            "RegistrationState": 3,
            "NetworkRejection": {"error": Variant("u", 15), "access-technology": Variant("u", LTE)},
        },
        "registration", "error", "registration denied: EMM cause 15",
    ),
    ({"RegistrationState": 5}, "registration", "ok", "registered, roaming; network Telekom, LTE"),
    ({"RegistrationState": 4}, "registration", "skipped", "does not report whether"),
    ({"PacketServiceState": 2}, "attached", "warning", "not attached to packet service"),
    ({"bearers": {}}, "session", "note", "ModemManager has no data connection"),
    ({"bearers": bearer(Connected=False)}, "session", "note", "ModemManager has no data"),
    (
        {"bearers": bearer(Connected=False, ConnectionError=["x.y", "Unknown APN"])},
        "session", "error", "no data connection: Unknown APN (APN internet)",
    ),
    (
        {"bearers": bearer(Ip4Config={"method": Variant("u", 2)})},
        "session", "error", "but has no address",
    ),
    (
        {"bearers": bearer(Ip4Config={"method": Variant("u", 3)})},
        "session", "ok", "connected on wwan0, APN internet",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "check", "state", "message"), CASES)
def test_finding_follows_from_properties(
    lone_bus: Bus, changed: dict[str, Any], check: str, state: str, message: str
) -> None:
    found, first = diagnosed(lone_bus, objects(**changed), "/dev/ttyUSB92")
    assert (found[check]["state"], message in found[check]["message"]) == (state, True), found
    if state == "error":
        assert first == check


def test_agent_beside_modemmanager_changes_no_finding(
    bed: Bed, start_mm: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str]
) -> None:
    bench, tree = modem
    other = start_mm()
    bed.add(tree, ttyUSB2=path_of(bench))
    until(lambda: other.has(1))
    daemon = agent()
    until(lambda: daemon.is_watching(PORT))
    done = run(other, "diagnose", PORT, "--json", "--state-dir", str(daemon.state_dir))
    [entry] = json.loads(done.stdout)["modems"]
    found = {each["check"]: each["message"] for each in entry["findings"]}
    assert entry["through"] == "modemmanager"
    assert found["answers"] == "state in ModemManager: disabled"


def test_real_modemmanager_reports_its_state(
    bed: Bed, start_mm: Start, modem: tuple[Bench, str]
) -> None:
    bench, tree = modem
    bed.add(tree, ttyUSB2=path_of(bench))
    other = start_mm()
    until(lambda: other.has(1))
    done = run(other, "diagnose", PORT, "--json")
    [entry] = json.loads(done.stdout)["modems"]
    found = {each["check"]: each for each in entry["findings"]}
    assert (done.returncode, entry["through"]) == (0, "modemmanager")
    assert found["answers"]["message"] == "state in ModemManager: disabled"
    assert found["radio"]["evidence"] == "Modem.State 3"
    assert found["session"]["message"] == "ModemManager has no data connection"
