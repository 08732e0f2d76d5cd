"""From what was read to a snapshot: every value validated, every doubt named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modemagent.identity.cross import compare
from modemagent.identity.numbering import split_imsi
from modemagent.identity.problems import Problem, problem
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.identity.validation import validate
from modemagent.modem.slots import all_slots

if TYPE_CHECKING:
    from modemagent.modem.identify import Identification

_SIM_PROBLEMS: Mapping[SimState, str] = {
    SimState.ABSENT: "sim.absent",
    SimState.PIN_REQUIRED: "sim.pin_required",
    SimState.PUK_REQUIRED: "sim.puk_required",
    SimState.BUSY: "sim.busy",
    SimState.FAILURE: "sim.failure",
    SimState.OFF: "sim.off",
    SimState.UNKNOWN: "sim.unknown",
}


class _Field:
    """One identifier on its way from the text that was read to the reported value."""

    def __init__(
        self,
        kind: str,
        values: Mapping[str, str],
        offered: Mapping[str, str],
        read: Mapping[str, ReadState],
    ) -> None:
        self.value: str | None = None
        self.raw: str | None = None
        self.problems: tuple[Problem, ...] = ()
        self.state = read.get(kind, ReadState.UNSUPPORTED)
        text = values.get(kind, offered.get(kind))
        if text is None:
            return
        check = validate(kind, text)
        self.problems = check.problems()
        if check.valid:
            self.value, self.state = check.normalized, ReadState.OK
        else:
            self.raw = text
            if self.state is not ReadState.TIMEOUT:
                self.state = ReadState.FAILED


def judge(found: Identification, *, port: str, port_id: str | None) -> Snapshot:
    """Validate what one identification read and make its snapshot."""
    modem, problems = _judge_modem(found)
    sim, sim_problems = _judge_sim(found)
    if sim.state is SimState.ABSENT and any(slot.word == "present" for slot in found.slots):
        sim_problems.append(problem("sim.wrong_slot", "sim"))
    return Snapshot(
        port=port,
        port_id=port_id,
        dialect=found.dialect.name,
        modem=modem,
        sims=all_slots(sim, found.slots),
        problems=(*problems, *sim_problems, *compare(modem, sim)),
        commands=found.talk.commands,
        elapsed_ms=round(found.talk.elapsed_s * 1000),
        network=found.network,
        evidence=tuple(found.talk.evidence.values()),
    )


def _judge_modem(found: Identification) -> tuple[Modem, list[Problem]]:
    values, read = found.values, found.read
    imei, imeisv, meid = (
        _Field(kind, values, found.offered, read) for kind in ("imei", "imeisv", "meid")
    )
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


def _judge_sim(found: Identification) -> tuple[Sim, list[Problem]]:
    card = found.sim
    iccid, imsi, eid = (
        _Field(kind, card.values, card.offered, card.read) for kind in ("iccid", "imsi", "eid")
    )
    problems = [*iccid.problems, *imsi.problems, *eid.problems]
    if (code := _SIM_PROBLEMS.get(card.state)) is not None:
        problems.append(problem(code, "sim"))
    elif iccid.value is None and iccid.raw is None:
        problems.append(problem("iccid.missing", "iccid"))
    if card.state is SimState.READY and imsi.value is None and imsi.raw is None:
        problems.append(problem("imsi.missing", "imsi"))
    mcc = mnc = None
    if imsi.value is not None:
        plmn = split_imsi(imsi.value, mnc_length=card.mnc_length)
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
        read={"iccid": iccid.state, "imsi": imsi.state, "eid": eid.state},
    )
    return sim, problems
