"""One dated reading of a modem and its SIM cards, each field with its read state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from modemagent.errors import ReportError
from modemagent.identity.evidence import Evidence
from modemagent.identity.locks import LockCode, LockKind
from modemagent.identity.network import Network
from modemagent.identity.problems import Problem, Severity, Verdict, verdict_of


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
    LOCKED = "locked"
    ABSENT = "absent"
    BUSY = "busy"
    FAILURE = "failure"
    OFF = "off"
    UNKNOWN = "unknown"


ReadStates = Mapping[str, ReadState]
_Wanted = TypeVar("_Wanted")


def _get(data: Mapping[str, object], key: str, wanted: type[_Wanted], default: _Wanted) -> _Wanted:
    """Return a key's value, the default where it is missing or null.

    :raises ReportError: it has another type; a truth value is no number
    """
    value = data.get(key)
    if value is None:
        return default
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise ReportError(f"{key} is no {wanted.__name__}", key=key)
    return value


def _text(data: Mapping[str, object], key: str) -> str | None:
    return _get(data, key, str, "") if data.get(key) is not None else None


def _object(value: object, key: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ReportError(f"{key} is no object", key=key)
    return value


def _read_states(data: Mapping[str, object]) -> dict[str, ReadState]:
    """Return the read states; one that a later version invented counts as a failed read."""
    states = {}
    for name, state in _object(data.get("read") or {}, "read").items():
        known = isinstance(state, str) and state in list(ReadState)
        states[str(name)] = ReadState(str(state)) if known else ReadState.FAILED
    return states


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

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Modem:
        """Read what :meth:`to_json` wrote; unknown keys are ignored.

        :raises ReportError: a known key with a value of another type
        """
        return cls(
            manufacturer=_text(data, "manufacturer"),
            model=_text(data, "model"),
            firmware=_text(data, "firmware"),
            imei=_text(data, "imei"),
            imeisv=_text(data, "imeisv"),
            meid=_text(data, "meid"),
            serial_number=_text(data, "serial_number"),
            imei_raw=_text(data, "imei_raw"),
            imeisv_raw=_text(data, "imeisv_raw"),
            meid_raw=_text(data, "meid_raw"),
            read=_read_states(data),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sim:
    """One slot. ``mcc`` and ``mnc`` are split from the IMSI.

    ``lock``, ``lock_code``: in state LOCKED, which cards the module accepts and the code it waits
    for. The module is locked then, not the card: ICCID and IMSI are read all the same.

    ``euicc``: which of GSMA's architectures an eUICC follows, ``m2m`` (SGP.02), ``consumer``
    (SGP.22) or ``iot`` (SGP.32); None when the card did not say, or is none.
    """

    slot: int = 1
    active: bool = True
    state: SimState = SimState.UNKNOWN
    iccid: str | None = None
    imsi: str | None = None
    eid: str | None = None
    mcc: str | None = None
    mnc: str | None = None
    euicc: str | None = None
    lock: LockKind | None = None
    lock_code: LockCode | None = None
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
        for name in ("lock", "lock_code"):
            if (value := getattr(self, name)) is not None:
                out[name] = str(value)
        for name in ("euicc", "iccid_raw", "imsi_raw", "eid_raw"):
            if (value := getattr(self, name)) is not None:
                out[name] = value
        out["read"] = {name: str(state) for name, state in self.read.items()}
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Sim:
        """Read what :meth:`to_json` wrote; unknown keys are ignored, unknown states UNKNOWN.

        A kind of lock that a later version invented is None.

        :raises ReportError: a known key with a value of another type
        """
        state = _get(data, "state", str, "unknown")
        lock, lock_code = _text(data, "lock"), _text(data, "lock_code")
        return cls(
            slot=_get(data, "slot", int, 1),
            active=_get(data, "active", bool, True),
            state=SimState(state) if state in list(SimState) else SimState.UNKNOWN,
            iccid=_text(data, "iccid"),
            imsi=_text(data, "imsi"),
            eid=_text(data, "eid"),
            mcc=_text(data, "mcc"),
            mnc=_text(data, "mnc"),
            euicc=_text(data, "euicc"),
            lock=LockKind(lock) if lock in list(LockKind) else None,
            lock_code=LockCode(lock_code) if lock_code in list(LockCode) else None,
            iccid_raw=_text(data, "iccid_raw"),
            imsi_raw=_text(data, "imsi_raw"),
            eid_raw=_text(data, "eid_raw"),
            read=_read_states(data),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One reading of one modem: what ``identify --json`` prints as an entry of ``modems``.

    ``sims`` holds one entry a slot; where the modem tells no slots, one entry.
    """

    port: str
    port_id: str | None = None
    dialect: str = "generic"
    modem: Modem = field(default_factory=Modem)
    sims: tuple[Sim, ...] = ()
    problems: tuple[Problem, ...] = ()
    commands: int = 0
    elapsed_ms: int = 0
    network: Network | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def active_sim(self) -> Sim | None:
        return next((sim for sim in self.sims if sim.active), None)

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.problems)

    def to_json(self, *, evidence: bool = False) -> dict[str, object]:
        """Return the reading as JSON.

        :param evidence: with what each value was read from
        """
        out: dict[str, object] = {
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
        if self.network is not None:
            out["network"] = self.network.to_json()
        if evidence:
            out["evidence"] = [each.to_json() for each in self.evidence]
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Snapshot:
        """Read what :meth:`to_json` wrote; unknown keys are ignored, the verdict is judged anew.

        :raises ReportError: a known key with a value of another type
        """
        network = data.get("network")
        return cls(
            port=_get(data, "port", str, ""),
            port_id=_text(data, "port_id"),
            dialect=_get(data, "dialect", str, "generic"),
            modem=Modem.from_json(_object(data.get("modem") or {}, "modem")),
            sims=tuple(Sim.from_json(_object(sim, "sims")) for sim in _get(data, "sims", list, [])),
            problems=problems_from_json(_get(data, "problems", list, [])),
            commands=_get(data, "commands", int, 0),
            elapsed_ms=_get(data, "elapsed_ms", int, 0),
            network=Network.from_json(_object(network, "network")) if network else None,
            evidence=tuple(
                Evidence.from_json(_object(each, "evidence"))
                for each in _get(data, "evidence", list, [])
            ),
        )


def problems_from_json(items: list[object]) -> tuple[Problem, ...]:
    """Read a list of findings; a severity that is not known counts as a warning.

    :raises ReportError: an item that is no object, or a key of another type
    """
    found = []
    for item in items:
        data = _object(item, "problems")
        severity = _get(data, "severity", str, "warning")
        found.append(
            Problem(
                code=_get(data, "code", str, ""),
                severity=Severity(severity) if severity in list(Severity) else Severity.WARNING,
                field=_get(data, "field", str, ""),
                message=_get(data, "message", str, ""),
            )
        )
    return tuple(found)
