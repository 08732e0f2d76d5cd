"""From what ModemManager says of a modem to a snapshot; the counterpart of ``identify``.

Nothing is sent to the modem. The numbers are judged by the same rules as those that are read
from a port, and what ModemManager does not tell is not read, never empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from modemagent.at.locks import Lock
from modemagent.identity.evidence import ANSWER_LIMIT, Evidence
from modemagent.identity.locks import LockCode, LockKind
from modemagent.identity.network import Network
from modemagent.identity.problems import Problem
from modemagent.identity.snapshot import ReadState, Sim, SimState, Snapshot
from modemagent.modem.assess import assess, assess_sim
from modemagent.modem.slots import Slot
from modemagent.modemmanager.client import MmModem, MmSim, Told

DIALECT: Final = "modemmanager"

#: Field -> the properties that may hold it, the first that does counts.
_MODEM_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "manufacturer": ("Modem.Manufacturer",),
    "model": ("Modem.Model",),
    "firmware": ("Modem.Revision",),
    # EquipmentIdentifier is an ESN or MEID in modems for CDMA alone
    "imei": ("Modem3gpp.Imei", "Modem.EquipmentIdentifier"),
    "meid": ("ModemCdma.Meid",),
}
_CARD_FIELDS: Final[Mapping[str, str]] = {
    "iccid": "Sim.SimIdentifier",
    "imsi": "Sim.Imsi",
    "eid": "Sim.Eid",
}
#: MMModemLock, locks of the card; PIN2 and PUK2 guard fixed dialling only. 0 is unknown.
_LOCKS: Final[Mapping[int, SimState]] = {
    **dict.fromkeys((1, 3, 5), SimState.READY),
    2: SimState.PIN_REQUIRED,
    4: SimState.PUK_REQUIRED,
}
#: MMModemLock, locks of the module
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
#: MMModemStateFailedReason, in state failed
_FAILED: Final[Mapping[int, SimState]] = {2: SimState.ABSENT, 3: SimState.FAILURE}
_STATE_FAILED, _STATE_INITIALIZING = -1, 1
#: MMModem3gppRegistrationState that means registered; 4 is unknown
_REGISTERED: Final = frozenset((1, 5, 6, 7, 9, 10))
_REGISTRATION_UNKNOWN = 4
#: Bits of MMModemAccessTechnology, the newest first
_RATS: Final = (
    (1 << 15, "nr"),
    (1 << 17, "nbiot"),
    (1 << 14 | 1 << 16, "lte"),
    (0b11111 << 5, "umts"),
    (0b1111 << 1, "gsm"),
)
_LOCKED: Final = (SimState.PIN_REQUIRED, SimState.PUK_REQUIRED, SimState.LOCKED)


@dataclass
class _Card:
    state: SimState
    values: dict[str, str] = field(default_factory=dict)
    offered: dict[str, str] = field(default_factory=dict)
    read: dict[str, ReadState] = field(default_factory=dict)
    mnc_length: int | None = None
    euicc: str | None = None
    lock: LockKind | None = None
    lock_code: LockCode | None = None


@dataclass
class _Modem:
    sim: _Card
    values: dict[str, str] = field(default_factory=dict)
    offered: dict[str, str] = field(default_factory=dict)
    read: dict[str, ReadState] = field(default_factory=dict)
    slots: tuple[Slot, ...] = ()
    network: Network | None = None


def snapshot_of(modem: MmModem, *, port: str, port_id: str | None) -> Snapshot:
    """Return the reading of a modem that ModemManager has.

    :param port: the port by which the user knows it; it is not opened
    """
    in_use = next((card for card in modem.cards if card.active), MmSim(1, True, {}))
    evidence: list[Evidence] = []
    card = _card(in_use, _state_of(modem.told), evidence)
    if card.state is SimState.LOCKED:
        kind, code = _MODULE_LOCKS[_number(modem.told, "Modem.UnlockRequired")]
        card.lock, card.lock_code = LockKind(kind) if kind else None, LockCode(code)
    found = _Modem(card, network=_network(modem.told))
    for name, properties in _MODEM_FIELDS.items():
        source = next((each for each in properties if _text(modem.told, each)), None)
        if source is not None:
            found.values[name] = _text(modem.told, source)
            found.read[name] = ReadState.OK
            evidence.append(_evidence(name, source, modem.told))
    if "meid" in found.values and not _text(modem.told, "Modem3gpp.Imei"):
        del found.values["imei"], found.read["imei"]
    snapshot = assess(found, port=port, port_id=port_id, dialect=DIALECT)
    sims, problems = _other_slots(modem.cards, snapshot.sims[0])
    return replace(
        snapshot,
        sims=sims,
        problems=(*snapshot.problems, *problems),
        evidence=tuple(evidence),
    )


def _other_slots(cards: Iterable[MmSim], in_use: Sim) -> tuple[tuple[Sim, ...], list[Problem]]:
    sims, problems = [], list[Problem]()
    for card in cards:
        if card.active:
            sims.append(replace(in_use, slot=card.slot))
            continue
        # ModemManager reads the numbers of a card that is not in use where the modem can
        state = SimState.UNKNOWN if card.told else SimState.ABSENT
        sim, off = assess_sim(_card(card, state, []))
        sims.append(replace(sim, slot=card.slot, active=False))
        problems += [each for each in off if each.field == "eid"]
    return tuple(sims) or (in_use,), problems


def _state_of(told: Told) -> SimState:
    state, reason = _number(told, "Modem.State"), _number(told, "Modem.StateFailedReason")
    if state == _STATE_FAILED:
        return _FAILED.get(reason, SimState.UNKNOWN)
    if state == _STATE_INITIALIZING:
        return SimState.BUSY
    required = _number(told, "Modem.UnlockRequired")
    if required in _MODULE_LOCKS:
        return SimState.LOCKED
    return _LOCKS.get(required, SimState.UNKNOWN)


def _card(card: MmSim, state: SimState, evidence: list[Evidence]) -> _Card:
    found = _Card(state)
    for name, source in _CARD_FIELDS.items():
        if text := _text(card.told, source):
            found.values[name] = text
            found.read[name] = ReadState.OK
            evidence.append(_evidence(name, source, card.told))
        elif state is SimState.ABSENT:
            found.read[name] = ReadState.ABSENT
        elif name == "eid" or not card.active:
            found.read[name] = ReadState.UNSUPPORTED
        else:
            found.read[name] = ReadState.LOCKED if state in _LOCKED else ReadState.FAILED
    home = _text(card.told, "Sim.OperatorIdentifier")
    if len(home) in (5, 6) and found.values.get("imsi", "").startswith(home):
        found.mnc_length = len(home) - 3
    return found


def _network(told: Told) -> Network | None:
    registration = told.get("Modem3gpp.RegistrationState")
    if not isinstance(registration, int):
        return None
    code = _text(told, "Modem3gpp.OperatorCode")
    bits = _number(told, "Modem.AccessTechnologies")
    known = len(code) in (5, 6) and code.isascii() and code.isdigit()
    return Network(
        mcc=code[:3] if known else None,
        mnc=code[3:] if known else None,
        rat=next((name for mask, name in _RATS if bits & mask), None),
        registered=None if registration == _REGISTRATION_UNKNOWN else registration in _REGISTERED,
        operator=_text(told, "Modem3gpp.OperatorName")[:64] or None,
    )


def _evidence(name: str, source: str, told: Told) -> Evidence:
    return Evidence(name, f"{DIALECT} {source}", _text(told, source)[:ANSWER_LIMIT], DIALECT, 0)


def _text(told: Told, key: str) -> str:
    value = told.get(key)
    return value.strip() if isinstance(value, str) else ""


def _number(told: Told, key: str) -> int:
    value = told.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
