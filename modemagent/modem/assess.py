"""Assessment of a raw reading: every value validated, every problem named."""

from __future__ import annotations

from typing import Generic, TypeVar

from modemagent.at.error_codes import error_codes
from modemagent.at.pin_state import Lock
from modemagent.at.steps import Response
from modemagent.identity.crosscheck import compare
from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.identifier import Identifier
from modemagent.identity.imei import Imei
from modemagent.identity.imeisv import Imeisv
from modemagent.identity.imsi import Imsi
from modemagent.identity.meid import Meid
from modemagent.identity.network import Network
from modemagent.identity.problems import Problem, problem
from modemagent.identity.sim_locks import LockCode, LockKind, describe_lock
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.modem.ladder import ReadValues
from modemagent.modem.slots import Slot, all_slots

T = TypeVar("T", bound=Identifier)

#: The fields of a modem, without the MEID, which only CDMA devices have.
MODEM_FIELDS = ("manufacturer", "model", "firmware", "imei", "imeisv", "serial_number")
SIM_FIELDS = ("iccid", "imsi", "eid")
_MEMORY_FAILURE = 23
_BLOCKED = "the SIM card is blocked for good"


class RawSim(ReadValues):
    """The values read of one SIM.

    :ivar lock: the lock of the module, None if it is not locked
    :ivar blocked: the SIM failed because it is blocked for good
    :ivar mnc_length: from EF_AD, if it was read
    :ivar euicc: the architecture of an eUICC, if the SIM itself was queried
    """

    def __init__(self, state: SimState = SimState.UNKNOWN) -> None:
        super().__init__()
        self.state = state
        self.lock: Lock | None = None
        self.blocked = False
        self.mnc_length: int | None = None
        self.euicc: str | None = None


class RawModem(ReadValues):
    """The values read of one modem.

    :ivar sim: the SIM in the slot in use
    :ivar slots: the slots as the dialect reads them, () if the modem has only one
    :ivar network: the network in use, if it was read
    """

    def __init__(self, sim: RawSim) -> None:
        super().__init__()
        self.sim = sim
        self.slots: tuple[Slot, ...] = ()
        self.network: Network | None = None


class _Field(Generic[T]):
    """One identifier: the value that is reported, or the text that is not valid.

    :ivar unread: the code of the problem that the identifier was not read
    """

    def __init__(self, identifier: type[T], raw: ReadValues) -> None:
        kind = identifier.kind
        self.value: T | None = None
        self.raw: str | None = None
        self.problems: tuple[Problem, ...] = ()
        self.state = raw.states.get(kind, ReadState.UNSUPPORTED)
        self.unread = f"cross.{kind}_ambiguous" if kind in raw.ambiguous else f"{kind}.missing"
        text = raw.values.get(kind, raw.malformed.get(kind))
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

    @property
    def missing(self) -> bool:
        return self.value is None and self.raw is None


def assess(raw: RawModem, *, port: str, port_id: str | None, dialect: str) -> Snapshot:
    """Validate the values of one identification and return its snapshot.

    The caller adds how the values were read (commands, time, evidence).

    :param dialect: a name of the catalogue, or ``modemmanager``
    """
    modem, problems = _assess_modem(raw)
    sim, sim_problems = assess_sim(raw.sim)
    if sim.state is SimState.ABSENT and any(slot.content == "present" for slot in raw.slots):
        sim_problems.append(problem("sim.wrong_slot", "sim"))
    return Snapshot(
        port=port,
        port_id=port_id,
        dialect=dialect,
        modem=modem,
        sims=all_slots(sim, raw.slots),
        problems=(*problems, *sim_problems, *compare(modem, sim)),
        network=raw.network,
    )


def _assess_modem(raw: RawModem) -> tuple[Modem, list[Problem]]:
    imei, imeisv, meid = _Field(Imei, raw), _Field(Imeisv, raw), _Field(Meid, raw)
    problems = [*imei.problems, *imeisv.problems, *meid.problems]
    if imei.missing and meid.value is None:  # a CDMA device has no IMEI
        problems.append(problem(imei.unread, "imei", _describe_refusal(raw.refusals.get("imei"))))
    states = {
        name: raw.states.get(name, ReadState.UNSUPPORTED)
        for name in ("manufacturer", "model", "firmware", "serial_number")
    }
    modem = Modem(
        manufacturer=raw.values.get("manufacturer"),
        model=raw.values.get("model"),
        firmware=raw.values.get("firmware"),
        serial_number=raw.values.get("serial_number"),
        imei=imei.value,
        imei_raw=imei.raw,
        imeisv=imeisv.value,
        imeisv_raw=imeisv.raw,
        meid=meid.value,
        meid_raw=meid.raw,
        read={**states, "imei": imei.state, "imeisv": imeisv.state, "meid": meid.state},
    )
    return modem, problems


def _describe_refusal(refusal: Response | None) -> str | None:
    """Return how the module refused its IMEI; None if it did not respond, or in its own words."""
    if refusal is None or refusal.final is None:
        return None
    code = refusal.final.code
    if refusal.ok:
        return "the module has no IMEI: its answer is empty"
    text = (
        error_codes()["cme"].texts.get(code)
        if refusal.final.kind == "cme" and code is not None
        else None
    )
    if text is None:
        return None
    if code == _MEMORY_FAILURE:
        return f"the module has no IMEI: {text}"
    return f"the module refused to report its IMEI: {text}"


def assess_sim(raw: RawSim) -> tuple[Sim, list[Problem]]:
    """Validate the values of one SIM; return its entry of a snapshot and its problems."""
    iccid, imsi, eid = _Field(Iccid, raw), _Field(Imsi, raw), _Field(Eid, raw)
    problems = [*iccid.problems, *imsi.problems, *eid.problems]
    kind = code = None
    if raw.state is SimState.LOCKED and raw.lock is not None:
        kind = LockKind(raw.lock.kind) if raw.lock.kind is not None else None
        code = LockCode(raw.lock.code)
    is_blocked = raw.state is SimState.FAILURE and raw.blocked
    if raw.state is not SimState.READY:
        message = _BLOCKED if is_blocked else None
        if raw.state is SimState.LOCKED:
            message = describe_lock(kind, code)
        problems.append(problem(f"sim.{raw.state}", "sim", message))
    elif iccid.missing:
        problems.append(problem(iccid.unread, "iccid"))
    if raw.state is SimState.READY and imsi.missing:
        problems.append(problem(imsi.unread, "imsi"))
    mcc = mnc = None
    if imsi.value is not None:
        plmn = imsi.value.plmn(raw.mnc_length)
        mcc, mnc = plmn.mcc, plmn.mnc
    sim = Sim(
        state=raw.state,
        iccid=iccid.value,
        iccid_raw=iccid.raw,
        imsi=imsi.value,
        imsi_raw=imsi.raw,
        eid=eid.value,
        eid_raw=eid.raw,
        mcc=mcc,
        mnc=mnc,
        euicc=raw.euicc,
        lock=kind,
        lock_code=code,
        failure="blocked" if is_blocked else None,
        read={"iccid": iccid.state, "imsi": imsi.state, "eid": eid.state},
    )
    return sim, problems
