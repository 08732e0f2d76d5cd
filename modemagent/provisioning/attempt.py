"""States of a bay and of the steps of one unit's turn in it, as screens show them.

``waiting``, ``booting``, ``reading``, ``scanning``, ``checking``, ``registering``, ``printing`` and
``verifying`` follow each other; from any of them a turn ends in ``pass``, ``waived``, ``fail`` or
``aborted``, or rests in ``hold`` until its cause is removed.
"""

from enum import StrEnum
from typing import NamedTuple


class BayState(StrEnum):
    """State of a bay; the value is the word on the tile."""

    WAITING = "waiting"
    BOOTING = "booting"
    READING = "reading"
    SCANNING = "scanning"
    CHECKING = "checking"
    REGISTERING = "registering"
    PRINTING = "printing"
    VERIFYING = "verifying"
    HOLD = "hold"
    PASS = "pass"  # noqa: S105 - a verdict
    WAIVED = "waived"
    FAIL = "fail"
    ABORTED = "aborted"
    #: the unit has had its verdict before, and nothing is repeated
    DONE = "done"


#: States in which the unit has its verdict and may be taken out.
ENDED = frozenset({BayState.PASS, BayState.WAIVED, BayState.FAIL, BayState.ABORTED, BayState.DONE})


#: Steps that depend on the row to which the IMEI leads: of two modules with one IMEI, they compare
#: one with the row of the other.
OF_ROW = ("pairing", "ordered", "label")


class RunVerdict(StrEnum):
    """How the turn of a unit ended. Aborted and interrupted turns count in no figure."""

    PASS = "pass"  # noqa: S105 - a verdict
    WAIVED = "waived"
    FAIL = "fail"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"


class Blame(StrEnum):
    """Whose fault a failed step is; only a fault of the unit lowers the yield.

    ``unit`` and ``order`` end in a failure. ``operator`` is requested once more, then it is a
    failure. ``station`` is a hold, which ends when its cause is removed.
    """

    UNIT = "unit"
    ORDER = "order"
    STATION = "station"
    OPERATOR = "operator"


class StepState(StrEnum):
    """State of one step: on a ladder, ``failed`` is written in capitals, ``skipped`` as a dash."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"
    #: the order does not require it, or an earlier step has failed
    SKIPPED = "skipped"


class StepView(NamedTuple):
    """One step of the ladder.

    :param name: name in the catalogue, such as ``identity_hints``
    :param title: short title for the ladder, at most 8 characters: ``id``, ``model``, ``label``
    :param reason: why it failed or what it waits for; without numbers in full
    """

    name: str
    title: str
    state: StepState
    reason: str = ""


class BayView(NamedTuple):
    """One bay, as a tile shows it. Texts have no control characters and no numbers in full.

    :param number: as painted on the fixture, such as ``07``
    :param since: when the state was entered, in seconds on the clock of :class:`LineView`
    :param verdict: of the unit that is in the bay, None before it
    :param imei: masked: the last six digits, such as ``..000 013``; "" until it is read
    :param iccid: masked likewise; "" without a SIM card that was read
    :param sim: word for the state of the SIM card, such as ``ready``; "" until it is known
    :param device: USB ids of a device that does not answer yet, such as ``2c7c:0125``
    :param reason: one line: why the unit failed, what the bay waits for, what it does; at most 60
        characters
    :param remedy: one sentence: what to do about the reason; "" if nothing is to be done
    :param step: name of the step that the reason is about; "" for none
    :param needs_person: True if a person has to do something at this bay
    :param prompt: what to do, in at most 24 characters, such as ``bay, then label``; "" for nothing
    :param others: numbers of the bays that the reason names
    :param label: what became of its label: ``label 14 printed``; "" without one
    :param run: number of the turn in the journal, 0 for none; the same number is the same unit
    """

    number: str
    state: BayState = BayState.WAITING
    since: float = 0.0
    verdict: RunVerdict | None = None
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    imei: str = ""
    iccid: str = ""
    sim: str = ""
    device: str = ""
    reason: str = ""
    remedy: str = ""
    blame: Blame | None = None
    step: str = ""
    steps: tuple[StepView, ...] = ()
    needs_person: bool = False
    prompt: str = ""
    others: tuple[str, ...] = ()
    label: str = ""
    run: int = 0
