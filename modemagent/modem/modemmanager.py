"""Snapshots of modems that ModemManager manages; the counterpart of ``identify``.

Nothing is sent to the modem. The numbers are validated by the same rules as those read from a
port. A value that ModemManager does not have is reported as unread, never as empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from modemagent.at.operator import split_plmn
from modemagent.at.pin_state import Lock
from modemagent.at.registration import REGISTERED
from modemagent.identity.evidence import ANSWER_LIMIT, Evidence
from modemagent.identity.network import Network, RegistrationState
from modemagent.identity.problems import Problem, problem
from modemagent.identity.snapshot import ReadState, Sim, SimState, Snapshot
from modemagent.modem.assess import RawModem, RawSim, assess, assess_sim
from modemagent.modemmanager.managed_modem import MmModem, MmSim, Properties

DIALECT: Final = "modemmanager"

#: Field and the properties that may have it; the first that does counts.
_MODEM_PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = {
    "manufacturer": ("Modem.Manufacturer",),
    "model": ("Modem.Model",),
    "firmware": ("Modem.Revision",),
    # EquipmentIdentifier is an ESN or MEID in CDMA-only modems.
    "imei": ("Modem3gpp.Imei", "Modem.EquipmentIdentifier"),
    "meid": ("ModemCdma.Meid",),
}
_SIM_PROPERTIES: Final[Mapping[str, str]] = {
    "iccid": "Sim.SimIdentifier",
    "imsi": "Sim.Imsi",
    "eid": "Sim.Eid",
}
#: MMModemLock, codes of the SIM; PIN2 and PUK2 are for fixed dialling only. 0 is unknown.
_LOCKS: Final[Mapping[int, SimState]] = {
    **dict.fromkeys((1, 3, 5), SimState.READY),
    2: SimState.PIN_REQUIRED,
    4: SimState.PUK_REQUIRED,
}
#: MMModemLock, locks of the module.
_MODULE_LOCKS: Final[Mapping[int, Lock]] = {
    6: Lock("service_provider", "pin"),
    7: Lock("service_provider", "puk"),
    8: Lock("network", "pin"),
    9: Lock("network", "puk"),
    10: Lock("sim", "pin"),
    11: Lock("corporate", "pin"),
    12: Lock("corporate", "puk"),
    13: Lock("first_sim", "pin"),
    14: Lock("first_sim", "puk"),
    15: Lock("network_subset", "pin"),
    16: Lock("network_subset", "puk"),
}
#: MMModemStateFailedReason in state "failed".
_FAILED: Final[Mapping[int, SimState]] = {
    2: SimState.ABSENT,
    3: SimState.FAILURE,
    5: SimState.NO_PROFILE,
}
_STATE_FAILED, _STATE_INITIALIZING = -1, 1
#: MMModem3gppRegistrationState has the numbers of <stat> in TS 27.007.
_REGISTRATION_UNKNOWN = 4
#: Bits of MMModemAccessTechnology, the newest technology first.
_RATS: Final = (
    (1 << 15, "nr"),
    (1 << 17, "nb_iot"),
    (1 << 16, "lte_m"),
    (1 << 14, "lte"),
    (0b11111 << 5, "umts"),
    (0b1111 << 10, "cdma"),
    (0b1111 << 1, "gsm"),
)
_LOCKED: Final = (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED, SimState.LOCKED)


def snapshot_of(modem: MmModem, *, port: str, port_id: str | None) -> Snapshot:
    """Return the reading of a modem that ModemManager manages.

    :param port: the port that the user named; it is not opened
    """
    in_use = next((sim for sim in modem.sims if sim.active), MmSim(1, True, {}))
    evidence: list[Evidence] = []
    sim = _raw_sim(in_use, _state_of(modem.properties), evidence)
    sim.lock = _MODULE_LOCKS.get(_number(modem.properties, "Modem.UnlockRequired"))
    found = RawModem(sim)
    found.network = _network(modem.properties)
    for name, properties in _MODEM_PROPERTIES.items():
        source = next((each for each in properties if _text(modem.properties, each)), None)
        if source is not None:
            found.values[name] = _text(modem.properties, source)
            found.states[name] = ReadState.OK
            evidence.append(_evidence(name, source, modem.properties))
    if "meid" in found.values and not _text(modem.properties, "Modem3gpp.Imei"):
        del found.values["imei"], found.states["imei"]
    snapshot = assess(found, port=port, port_id=port_id, dialect=DIALECT)
    sims, problems = _other_slots(modem.sims, snapshot.sims[0])
    return snapshot._replace(
        sims=sims, problems=(*snapshot.problems, *problems), evidence=tuple(evidence)
    )


def _other_slots(slots: Iterable[MmSim], in_use: Sim) -> tuple[tuple[Sim, ...], list[Problem]]:
    sims, problems = [], list[Problem]()
    for slot in slots:
        if slot.active:
            sims.append(in_use._replace(slot=slot.slot))
            continue
        # ModemManager reads the numbers of a SIM that is not in use if the modem can.
        state = SimState.UNKNOWN if slot.properties else SimState.ABSENT
        sim, found = assess_sim(_raw_sim(slot, state, []))
        sims.append(sim._replace(slot=slot.slot, active=False))
        problems += [each for each in found if each.field == "eid"]
    others = [slot for slot in slots if not slot.active]
    if in_use.state is SimState.ABSENT and any(slot.properties for slot in others):
        problems.append(problem("sim.wrong_slot", "sim"))
    return tuple(sims) or (in_use,), problems


def _state_of(told: Properties) -> SimState:
    state, reason = _number(told, "Modem.State"), _number(told, "Modem.StateFailedReason")
    if state == _STATE_FAILED:
        return _FAILED.get(reason, SimState.UNKNOWN)
    if state == _STATE_INITIALIZING:
        return SimState.BUSY
    required = _number(told, "Modem.UnlockRequired")
    if required in _MODULE_LOCKS:
        return SimState.LOCKED
    return _LOCKS.get(required, SimState.UNKNOWN)


def _raw_sim(sim: MmSim, state: SimState, evidence: list[Evidence]) -> RawSim:
    found = RawSim(state)
    for name, source in _SIM_PROPERTIES.items():
        if text := _text(sim.properties, source):
            found.values[name] = text
            found.states[name] = ReadState.OK
            evidence.append(_evidence(name, source, sim.properties))
        elif state is SimState.ABSENT or (state is SimState.NO_PROFILE and name != "eid"):
            found.states[name] = ReadState.ABSENT
        elif name == "eid" or not sim.active:
            found.states[name] = ReadState.UNSUPPORTED
        else:
            found.states[name] = ReadState.LOCKED if state in _LOCKED else ReadState.FAILED
    home = _text(sim.properties, "Sim.OperatorIdentifier")
    if len(home) in (5, 6) and found.values.get("imsi", "").startswith(home):
        found.mnc_length = len(home) - 3
    return found


def _network(told: Properties) -> Network | None:
    registration = told.get("Modem3gpp.RegistrationState")
    if not isinstance(registration, int):
        return None
    mcc, mnc = split_plmn(_text(told, "Modem3gpp.OperatorCode")) or (None, None)
    bits = _number(told, "Modem.AccessTechnologies")
    return Network(
        mcc=mcc,
        mnc=mnc,
        rat=next((name for mask, name in _RATS if bits & mask), None),
        registered=None if registration == _REGISTRATION_UNKNOWN else registration in REGISTERED,
        operator=_text(told, "Modem3gpp.OperatorName")[:64] or None,
        registration=RegistrationState.of_status(registration),
    )


def _evidence(name: str, source: str, told: Properties) -> Evidence:
    return Evidence(name, f"{DIALECT} {source}", _text(told, source)[:ANSWER_LIMIT], DIALECT, 0)


def _text(told: Properties, key: str) -> str:
    value = told.get(key)
    return value.strip() if isinstance(value, str) else ""


def _number(told: Properties, key: str) -> int:
    value = told.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
