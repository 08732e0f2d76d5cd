"""One reading of a modem and its SIMs, each field with its read state."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from modemagent.identity.eid import Eid
from modemagent.identity.evidence import Evidence
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imeisv import Imeisv
from modemagent.identity.imsi import Imsi
from modemagent.identity.json_codec import fields_to_json, from_json
from modemagent.identity.meid import Meid
from modemagent.identity.network import Network
from modemagent.identity.problems import Problem, Verdict, verdict_of
from modemagent.identity.sim_locks import LockCode, LockKind


class ReadState(StrEnum):
    """Result of reading one field. The field has a value only in state OK."""

    OK = "ok"
    ABSENT = "absent"
    LOCKED = "locked"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"

    @classmethod
    def _missing_(cls, value: object) -> "ReadState":
        """Return FAILED for a state of a later version."""
        return cls.FAILED


class SimState(StrEnum):
    """State of a SIM slot: what ``AT+CPIN?`` and its vendor variants report."""

    READY = "ready"
    PIN_REQUIRED = "pin_required"
    PUK_REQUIRED = "puk_required"
    LOCKED = "locked"
    NO_PROFILE = "no_profile"
    ABSENT = "absent"
    BUSY = "busy"
    FAILURE = "failure"
    OFF = "off"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "SimState":
        """Return UNKNOWN for a state of a later version."""
        return cls.UNKNOWN


ReadStates = Mapping[str, ReadState]
_NOTHING_READ: Final[ReadStates] = MappingProxyType({})


class Modem(NamedTuple):
    """The equipment. An identifier that is not valid is None, and its text is in ``*_raw``."""

    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    imei: Imei | None = None
    imeisv: Imeisv | None = None
    meid: Meid | None = None
    serial_number: str | None = None
    imei_raw: str | None = None
    imeisv_raw: str | None = None
    meid_raw: str | None = None
    read: ReadStates = _NOTHING_READ

    @property
    def tac(self) -> str | None:
        return self.imei.tac if self.imei else None

    def to_json(self) -> dict[str, object]:
        raw = ("imei_raw", "imeisv_raw", "meid_raw")
        return fields_to_json(self, omitted=raw, properties={"serial_number": "tac"})


class Sim(NamedTuple):
    """One slot. An identifier that is not valid is None, and its text is in ``*_raw``.

    :param mcc: country code of the IMSI
    :param mnc: network code of the IMSI
    :param lock: in state LOCKED, the SIM cards that the module accepts. The module is locked, not
        the SIM: ICCID and IMSI can be read nevertheless
    :param lock_code: in state LOCKED, the code that the module waits for
    :param failure: in state FAILURE, ``blocked`` if the SIM is blocked for good; else None
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
    lock: LockKind | None = None
    lock_code: LockCode | None = None
    failure: str | None = None
    euicc: str | None = None
    iccid_raw: str | None = None
    imsi_raw: str | None = None
    eid_raw: str | None = None
    read: ReadStates = _NOTHING_READ

    def to_json(self) -> dict[str, object]:
        optional = ("lock", "lock_code", "failure", "euicc", "iccid_raw", "imsi_raw", "eid_raw")
        return fields_to_json(self, omitted=optional)


class Snapshot(NamedTuple):
    """One reading of one modem: an entry of ``modems`` in ``identify --json``.

    ``sims`` has one entry for each slot, and one entry if the modem does not report its slots.
    """

    port: str
    port_id: str | None = None
    dialect: str = "generic"
    modem: Modem = Modem()
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

        :param evidence: include the exchange in which each value was read
        """
        document = fields_to_json(self, omitted=("network",), properties={"problems": "verdict"})
        if not evidence:
            del document["evidence"]
        return document

    @classmethod
    def from_json(cls, data: object) -> "Snapshot":
        """Read the JSON form.

        :raises ReportError: a key is missing or has a value of the wrong type
        """
        return from_json(cls, data)


def read_value(reading: Modem | Sim | None, name: str) -> str | None:
    """Return the value of a field whose read state is OK, else None."""
    if reading is None or reading.read.get(name) is not ReadState.OK:
        return None
    value: str | None = getattr(reading, name)
    return value
