"""A bay and the turn of the unit in it, while it lasts. The reducer changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from modemagent.identity.snapshot import Snapshot
from modemagent.provisioning.attempt import BayState, Blame, RunVerdict, StepState
from modemagent.provisioning.order import ExpectedRow
from modemagent.provisioning.people import StandingWaiver


class StepResult(NamedTuple):
    """Result of one step at one moment.

    :param reason: why it failed or what it waits for, for people; without numbers in full
    :param remedy: what to do
    :param waits_for: of a pending step: ``module``, ``sim`` or ``scan``
    :param others: bays that the reason names
    :param private: what the journal keeps besides, such as both numbers of a comparison
    """

    state: StepState
    reason: str = ""
    remedy: str = ""
    blame: Blame | None = None
    waits_for: str = ""
    others: tuple[str, ...] = ()
    private: Mapping[str, str] = {}


PASSED = StepResult(StepState.PASSED)
SKIPPED = StepResult(StepState.SKIPPED)


def pending(waits_for: str, reason: str) -> StepResult:
    return StepResult(StepState.PENDING, reason, waits_for=waits_for)


def failed(reason: str, remedy: str = "", **more: str) -> StepResult:
    """Return a failure; the catalogue adds blame and remedy if they are not given."""
    return StepResult(StepState.FAILED, reason, remedy, private=more)


class LabelScan(NamedTuple):
    """The numbers of a label.

    :param tie: ``bay``, ``plug`` or ``value``: how they came to the bay
    """

    fields: Mapping[str, str]
    tie: str
    at: float
    is_typed: bool = False


@dataclass(slots=True, eq=False)
class BayRun:
    """The turn of one unit in one bay.

    :ivar unit: 14 digits of the IMEI, "" until it is read
    :ivar is_complete: the SIM card has settled, so that nothing more is expected of the module
    :ivar row: the row of the order that the unit is compared with
    :ivar standing: standing waivers that hold for it, by step
    :ivar requested_again: steps with blame ``operator`` that have failed once
    :ivar evidence: changes when something new was read or scanned
    :ivar twins: bays in which the same IMEI was seen at the same time
    :ivar stage: ``registering``, ``printing`` or ``verifying`` after the checks
    :ivar registry: check of its IMEI at the registry: ``requested``, ``checked``, ``unchecked``
    :ivar check_problem: why it waits for the answer
    :ivar printer_problem: why nothing is printed now
    :ivar label_problem: why its own label cannot be printed
    :ivar is_recheck: the unit has passed before and is checked again
    :ivar silence: why the module does not answer, as far as that is known
    """

    number: int
    bay: str
    began: float
    unit: str = ""
    reading: Snapshot | None = None
    is_complete: bool = False
    read_at: float = 0.0
    row: ExpectedRow | None = None
    labels: list[LabelScan] = field(default_factory=list)
    back: LabelScan | None = None
    results: dict[str, StepResult] = field(default_factory=dict)
    waivers: dict[str, str] = field(default_factory=dict)
    standing: dict[str, StandingWaiver] = field(default_factory=dict)
    requested_again: dict[str, int] = field(default_factory=dict)
    evidence: int = 0
    twins: set[str] = field(default_factory=set)
    stage: str = ""
    is_claimed: bool = False
    is_registered: bool = False
    registry_problem: str = ""
    registry: str = ""
    check_problem: str = ""
    label: int = 0
    copies: int = 0
    label_status: str = ""
    printer_problem: str = ""
    label_problem: str = ""
    hooks: dict[str, StepResult] = field(default_factory=dict)
    failure: StepResult | None = None
    failed_step: str = ""
    verdict: RunVerdict | None = None
    hold: StepResult | None = None
    hold_step: str = ""
    is_held_by_person: bool = False
    silence: str = ""
    silence_code: str = ""
    is_golden: bool = False
    is_recheck: bool = False
    person_s: float = 0.0
    module_s: float = 0.0

    @property
    def sim_key(self) -> str | None:
        """Key of the SIM card in the module."""
        sim = self.reading.active_sim if self.reading is not None else None
        return sim.iccid.sim_key if sim is not None and sim.iccid is not None else None

    @property
    def is_settled(self) -> bool:
        """True if the turn takes no open row: it is claimed already, or ended."""
        return self.is_claimed or self.verdict is not None

    def scanned(self, name: str) -> str | None:
        """Return a number of the label."""
        return next((scan.fields[name] for scan in self.labels if name in scan.fields), None)


@dataclass(slots=True, eq=False)
class Bay:
    """A bay of the tray.

    :ivar device: USB ids of the device in its socket, "" for none or unknown
    :ivar shown_until: until when the verdict of a unit that was pulled stays on the tile
    :ivar mute: units in a row that did not answer
    """

    number: str
    is_plugged: bool = False
    device: str = ""
    run: BayRun | None = None
    state: BayState = BayState.WAITING
    since: float = 0.0
    reason: str = ""
    shown_until: float = 0.0
    mute: int = 0
    waiting_label: LabelScan | None = None
