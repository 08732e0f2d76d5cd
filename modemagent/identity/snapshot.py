"""One reading of a modem and its SIMs, each field with its read state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from modemagent.identity.codec import OMIT_DEFAULT, JsonRecord, to_json
from modemagent.identity.eid import Eid
from modemagent.identity.evidence import Evidence
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imeisv import Imeisv
from modemagent.identity.imsi import Imsi
from modemagent.identity.locks import LockCode, LockKind
from modemagent.identity.meid import Meid
from modemagent.identity.network import Network
from modemagent.identity.problems import Problem, Verdict, verdict_of


class ReadState(StrEnum):
    """Result of reading one field. The field has a value only in state OK."""

    OK = "ok"
    ABSENT = "absent"
    LOCKED = "locked"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"

    @classmethod
    def _missing_(cls, value: object) -> ReadState:
        """Return FAILED for a state of a later version."""
        return cls.FAILED


class SimState(StrEnum):
    """State of a SIM slot, as ``AT+CPIN?`` and its vendor variants report it."""

    READY = "ready"
    PIN_REQUIRED = "pin_required"
    PUK_REQUIRED = "puk_required"
    LOCKED = "locked"
    ABSENT = "absent"
    BUSY = "busy"
    FAILURE = "failure"
    OFF = "off"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> SimState:
        """Return UNKNOWN for a state of a later version."""
        return cls.UNKNOWN


ReadStates = Mapping[str, ReadState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modem(JsonRecord):
    """The equipment. An identifier that is not valid is None, and its text is in ``*_raw``."""

    JSON_PROPERTIES: ClassVar = {"tac": "serial_number"}

    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    imei: Imei | None = None
    imeisv: Imeisv | None = None
    meid: Meid | None = None
    serial_number: str | None = None
    imei_raw: str | None = field(default=None, metadata=OMIT_DEFAULT)
    imeisv_raw: str | None = field(default=None, metadata=OMIT_DEFAULT)
    meid_raw: str | None = field(default=None, metadata=OMIT_DEFAULT)
    read: ReadStates = field(default_factory=dict)

    @property
    def tac(self) -> str | None:
        return self.imei.tac if self.imei else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sim(JsonRecord):
    """One slot. An identifier that is not valid is None, and its text is in ``*_raw``.

    :param mcc: country code of the IMSI
    :param mnc: network code of the IMSI
    :param lock: in state LOCKED, the SIM cards that the module accepts. The module is locked, not
        the SIM: ICCID and IMSI can be read nevertheless
    :param lock_code: in state LOCKED, the code that the module waits for
    :param euicc: the GSMA architecture of an eUICC: ``m2m`` (SGP.02), ``consumer`` (SGP.22) or
        ``iot`` (SGP.32); None if the SIM is not an eUICC or does not report it
    """

    slot: int = 1
    active: bool = True
    state: SimState = SimState.UNKNOWN
    iccid: Iccid | None = None
    imsi: Imsi | None = None
    eid: Eid | None = None
    mcc: str | None = None
    mnc: str | None = None
    lock: LockKind | None = field(default=None, metadata=OMIT_DEFAULT)
    lock_code: LockCode | None = field(default=None, metadata=OMIT_DEFAULT)
    euicc: str | None = field(default=None, metadata=OMIT_DEFAULT)
    iccid_raw: str | None = field(default=None, metadata=OMIT_DEFAULT)
    imsi_raw: str | None = field(default=None, metadata=OMIT_DEFAULT)
    eid_raw: str | None = field(default=None, metadata=OMIT_DEFAULT)
    read: ReadStates = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(JsonRecord):
    """One reading of one modem: an entry of ``modems`` in ``identify --json``.

    ``sims`` has one entry for each slot, and one entry if the modem does not report its slots.
    """

    JSON_PROPERTIES: ClassVar = {"verdict": "problems"}

    port: str
    port_id: str | None = None
    dialect: str = "generic"
    modem: Modem = Modem()
    sims: tuple[Sim, ...] = ()
    problems: tuple[Problem, ...] = ()
    commands: int = 0
    elapsed_ms: int = 0
    network: Network | None = field(default=None, metadata=OMIT_DEFAULT)
    evidence: tuple[Evidence, ...] = ()

    @property
    def active_sim(self) -> Sim | None:
        return next((sim for sim in self.sims if sim.active), None)

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.problems)

    def to_json(self, *, evidence: bool = False) -> dict[str, object]:
        """Return the reading as JSON.

        :param evidence: include the exchange in which each value was read
        """
        document: dict[str, object] = to_json(self)
        if not evidence:
            del document["evidence"]
        return document


def read_value(reading: Modem | Sim | None, name: str) -> str | None:
    """Return the value of a field whose read state is OK, else None."""
    if reading is None or reading.read.get(name) is not ReadState.OK:
        return None
    value: str | None = getattr(reading, name)
    return value
