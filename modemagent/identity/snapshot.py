"""One dated reading of a modem and its SIM cards, each field with its read state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from modemagent.identity.problems import Problem, Verdict, verdict_of


class ReadState(StrEnum):
    """How the reading of one field ended. Only OK says anything about its value."""

    OK = "ok"
    ABSENT = "absent"
    LOCKED = "locked"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"


class SimState(StrEnum):
    """What the card slot is in, after ``AT+CPIN?`` and its kin."""

    READY = "ready"
    PIN_REQUIRED = "pin_required"
    PUK_REQUIRED = "puk_required"
    ABSENT = "absent"
    BUSY = "busy"
    FAILURE = "failure"
    OFF = "off"
    UNKNOWN = "unknown"


ReadStates = Mapping[str, ReadState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modem:
    """The equipment. ``imei`` is normalized (14 digits and computed check digit) or None."""

    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    imei: str | None = None
    imeisv: str | None = None
    meid: str | None = None
    serial_number: str | None = None
    imei_raw: str | None = None
    imeisv_raw: str | None = None
    meid_raw: str | None = None
    read: ReadStates = field(default_factory=dict)

    @property
    def tac(self) -> str | None:
        return self.imei[:8] if self.imei else None

    def to_json(self) -> dict[str, object]:
        out: dict[str, object] = {
            "manufacturer": self.manufacturer,
            "model": self.model,
            "firmware": self.firmware,
            "imei": self.imei,
            "imeisv": self.imeisv,
            "meid": self.meid,
            "serial_number": self.serial_number,
            "tac": self.tac,
        }
        for name in ("imei_raw", "imeisv_raw", "meid_raw"):
            if (value := getattr(self, name)) is not None:
                out[name] = value
        out["read"] = {name: str(state) for name, state in self.read.items()}
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Sim:
    """One slot. ``mcc`` and ``mnc`` are split from the IMSI."""

    slot: int = 1
    active: bool = True
    state: SimState = SimState.UNKNOWN
    iccid: str | None = None
    imsi: str | None = None
    eid: str | None = None
    mcc: str | None = None
    mnc: str | None = None
    iccid_raw: str | None = None
    imsi_raw: str | None = None
    eid_raw: str | None = None
    read: ReadStates = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        out: dict[str, object] = {
            "slot": self.slot,
            "active": self.active,
            "state": str(self.state),
            "iccid": self.iccid,
            "imsi": self.imsi,
            "eid": self.eid,
            "mcc": self.mcc,
            "mnc": self.mnc,
        }
        for name in ("iccid_raw", "imsi_raw", "eid_raw"):
            if (value := getattr(self, name)) is not None:
                out[name] = value
        out["read"] = {name: str(state) for name, state in self.read.items()}
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One reading of one modem: what ``identify --json`` prints as an entry of ``modems``."""

    port: str
    port_id: str | None = None
    dialect: str = "generic"
    modem: Modem = field(default_factory=Modem)
    sims: tuple[Sim, ...] = ()
    problems: tuple[Problem, ...] = ()
    commands: int = 0
    elapsed_ms: int = 0

    @property
    def active_sim(self) -> Sim | None:
        return next((sim for sim in self.sims if sim.active), None)

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.problems)

    def to_json(self) -> dict[str, object]:
        return {
            "port": self.port,
            "port_id": self.port_id,
            "dialect": self.dialect,
            "modem": self.modem.to_json(),
            "sims": [sim.to_json() for sim in self.sims],
            "problems": [problem.to_json() for problem in self.problems],
            "verdict": str(self.verdict),
            "commands": self.commands,
            "elapsed_ms": self.elapsed_ms,
        }
