"""From what was read to a snapshot: every value validated, every doubt named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from modemagent.identity.crosscheck import compare
from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.identifier import Identifier
from modemagent.identity.imei import Imei
from modemagent.identity.imeisv import Imeisv
from modemagent.identity.imsi import Imsi
from modemagent.identity.locks import LockCode, LockKind, describe_lock
from modemagent.identity.meid import Meid
from modemagent.identity.network import Network
from modemagent.identity.problems import Problem, problem
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.modem.slots import Slot, all_slots

T = TypeVar("T", bound=Identifier)

_SIM_PROBLEMS: Mapping[SimState, str] = {
    SimState.ABSENT: "sim.absent",
    SimState.PIN_REQUIRED: "sim.pin_required",
    SimState.PUK_REQUIRED: "sim.puk_required",
    SimState.LOCKED: "sim.locked",
    SimState.BUSY: "sim.busy",
    SimState.FAILURE: "sim.failure",
    SimState.OFF: "sim.off",
    SimState.UNKNOWN: "sim.unknown",
}


class RawSim(Protocol):
    """What was read of one card; the names are those of :class:`modemagent.modem.sim.SimReader`."""

    @property
    def state(self) -> SimState: ...
    @property
    def lock(self) -> LockKind | None: ...
    @property
    def lock_code(self) -> LockCode | None: ...
    @property
    def values(self) -> Mapping[str, str]: ...
    @property
    def offered(self) -> Mapping[str, str]: ...
    @property
    def read(self) -> Mapping[str, ReadState]: ...
    @property
    def mnc_length(self) -> int | None: ...
    @property
    def euicc(self) -> str | None: ...


class RawReading(Protocol):
    """What was read of one modem; the names are those of an ``Identification``."""

    @property
    def values(self) -> Mapping[str, str]: ...
    @property
    def offered(self) -> Mapping[str, str]: ...
    @property
    def read(self) -> Mapping[str, ReadState]: ...
    @property
    def sim(self) -> RawSim: ...
    @property
    def slots(self) -> tuple[Slot, ...]: ...
    @property
    def network(self) -> Network | None: ...


class _Field(Generic[T]):
    """One identifier of a reading, parsed from the text that was read."""

    def __init__(
        self,
        identifier: type[T],
        values: Mapping[str, str],
        offered: Mapping[str, str],
        read: Mapping[str, ReadState],
    ) -> None:
        kind = identifier.kind
        self.value: T | None = None
        self.raw: str | None = None
        self.problems: tuple[Problem, ...] = ()
        self.state = read.get(kind, ReadState.UNSUPPORTED)
        text = values.get(kind, offered.get(kind))
        if text is None:
            return
        result = identifier.check(text)
        self.problems = result.problems()
        if result.normalized is not None:
            self.value, self.state = result.normalized, ReadState.OK
        else:
            self.raw = text
            if self.state is not ReadState.TIMEOUT:
                self.state = ReadState.FAILED


def assess(found: RawReading, *, port: str, port_id: str | None, dialect: str) -> Snapshot:
    """Validate what one identification read and make its snapshot.

    How it was read (commands, time, evidence) is for the reader to add.

    :param dialect: how the modem was read, a name of the catalogue or ``modemmanager``
    """
    modem, problems = _judge_modem(found)
    sim, sim_problems = assess_sim(found.sim)
    if sim.state is SimState.ABSENT and any(slot.word == "present" for slot in found.slots):
        sim_problems.append(problem("sim.wrong_slot", "sim"))
    return Snapshot(
        port=port,
        port_id=port_id,
        dialect=dialect,
        modem=modem,
        sims=all_slots(sim, found.slots),
        problems=(*problems, *sim_problems, *compare(modem, sim)),
        network=found.network,
    )


def _judge_modem(found: RawReading) -> tuple[Modem, list[Problem]]:
    values, read = found.values, found.read
    imei = _Field(Imei, values, found.offered, read)
    imeisv = _Field(Imeisv, values, found.offered, read)
    meid = _Field(Meid, values, found.offered, read)
    problems = [*imei.problems, *imeisv.problems, *meid.problems]
    if imei.value is None and imei.raw is None:
        problems.append(problem("imei.missing", "imei"))
    states = {
        name: read.get(name, ReadState.UNSUPPORTED)
        for name in ("manufacturer", "model", "firmware", "serial_number")
    }
    modem = Modem(
        manufacturer=values.get("manufacturer"),
        model=values.get("model"),
        firmware=values.get("firmware"),
        serial_number=values.get("serial_number"),
        imei=imei.value,
        imei_raw=imei.raw,
        imeisv=imeisv.value,
        imeisv_raw=imeisv.raw,
        meid=meid.value,
        meid_raw=meid.raw,
        read={**states, "imei": imei.state, "imeisv": imeisv.state, "meid": meid.state},
    )
    return modem, problems


def assess_sim(card: RawSim) -> tuple[Sim, list[Problem]]:
    """Validate what was read of one card: its entry of a snapshot, and what is off with it."""
    iccid = _Field(Iccid, card.values, card.offered, card.read)
    imsi = _Field(Imsi, card.values, card.offered, card.read)
    eid = _Field(Eid, card.values, card.offered, card.read)
    problems = [*iccid.problems, *imsi.problems, *eid.problems]
    locked = card.state is SimState.LOCKED
    if (code := _SIM_PROBLEMS.get(card.state)) is not None:
        message = describe_lock(card.lock, card.lock_code) if locked else None
        problems.append(problem(code, "sim", message))
    elif iccid.value is None and iccid.raw is None:
        problems.append(problem("iccid.missing", "iccid"))
    if card.state is SimState.READY and imsi.value is None and imsi.raw is None:
        problems.append(problem("imsi.missing", "imsi"))
    mcc = mnc = None
    if imsi.value is not None:
        plmn = imsi.value.plmn(card.mnc_length)
        mcc, mnc = plmn.mcc, plmn.mnc
    sim = Sim(
        state=card.state,
        iccid=iccid.value,
        iccid_raw=iccid.raw,
        imsi=imsi.value,
        imsi_raw=imsi.raw,
        eid=eid.value,
        eid_raw=eid.raw,
        mcc=mcc,
        mnc=mnc,
        euicc=card.euicc,
        lock=card.lock if locked else None,
        lock_code=card.lock_code if locked else None,
        read={"iccid": iccid.state, "imsi": imsi.state, "eid": eid.state},
    )
    return sim, problems
