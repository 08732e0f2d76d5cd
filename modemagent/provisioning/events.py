"""Events that the reducer receives, and the effects that it requests.

Times come with the events; the reducer has no clock and does no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from modemagent.identity.snapshot import Snapshot


class UnitPlugged(NamedTuple):
    """A device has appeared in the socket of a bay.

    :param device: its USB ids; "" if they are not known
    """

    bay: str
    device: str = ""


class UnitPulled(NamedTuple):
    """The device in the socket of a bay has disappeared."""

    bay: str


class UnitRead(NamedTuple):
    """A reading of the module in a bay; the first may come while its SIM card is starting."""

    bay: str
    reading: Snapshot


class PortFailed(NamedTuple):
    """The port in a bay cannot be opened or does not answer; it is tried again.

    :param code: ``no_answer``, ``busy``, ``permission``, ``flashing``, or another word of
        ``port.state``
    """

    bay: str
    code: str
    message: str
    hint: str = ""


class CodeScanned(NamedTuple):
    """A scan.

    :param source: name of the scanner
    :param is_typed: the characters came slowly, as from a keyboard
    """

    source: str
    text: str
    is_typed: bool = False


class PersonActed(NamedTuple):
    """An act of a person, from a screen or a line of stdin.

    :param do: start, retest, rework, waive, reprint, hold, go, fail, same, end, person, sign_in,
        stop_lot, go_lot
    :param person: who did it; "" for the person who works at the station
    :param pin: of ``sign_in``; kept nowhere
    :param lot: of ``stop_lot`` and ``go_lot``; "" if only one can be meant
    :param second: who agrees, if the order requires a second person, and the PIN
    """

    do: str
    bay: str = ""
    step: str = ""
    person: str = ""
    reason: str = ""
    pin: str = ""
    lot: str = ""
    second: str = ""
    second_pin: str = ""


class ReportKept(NamedTuple):
    """Result of a report about a run.

    :param stage: ``checked`` or ``ended``
    :param problem: why it was not stored or accepted; "" if it was
    """

    run: int
    stage: str
    problem: str = ""


class RegistryAnswered(NamedTuple):
    """Result of a check of a unit at the registry.

    :param unit: 14 digits of its IMEI
    :param known: where it is known, "" if nothing is known about it elsewhere
    :param problem: why the registry has not answered
    """

    unit: str
    known: str = ""
    problem: str = ""


class LabelTurn(NamedTuple):
    """The printer is free for the label of a run; answered by :class:`PrintLabel`, if it is due."""

    run: int


class LabelDone(NamedTuple):
    """Result of the printing of a label.

    :param status: ``printed``, ``unconfirmed`` or ``failed``
    :param problem: of the printer, such as ``no paper``
    """

    run: int
    status: str
    problem: str = ""


class HookEnded(NamedTuple):
    """Result of a step of the user.

    :param verdict: ``pass``, ``fail`` or ``station``
    """

    run: int
    step: str
    verdict: str
    message: str = ""
    remedy: str = ""
    measurements: tuple[Mapping[str, Any], ...] = ()


class TimePassed(NamedTuple):
    """Time has passed; nothing else."""


class HubsJudged(NamedTuple):
    """Result of a look at the hubs: bays whose hub is not as it was, each with what is wrong."""

    problems: Mapping[str, str]


class StationJudged(NamedTuple):
    """Result of a station check: what is wrong, "" if it passed."""

    problem: str = ""


Happening = (
    UnitPlugged
    | UnitPulled
    | UnitRead
    | PortFailed
    | CodeScanned
    | PersonActed
    | ReportKept
    | RegistryAnswered
    | LabelTurn
    | LabelDone
    | HookEnded
    | TimePassed
    | HubsJudged
    | StationJudged
)


class Append(NamedTuple):
    """Write a record to the journal.

    :param is_synced: the record has to be on the disk before what follows it
    """

    kind: str
    fields: dict[str, Any]
    is_synced: bool = False


class SendReport(NamedTuple):
    """Store a report about a run for the registry; answered by :class:`ReportKept`."""

    run: int
    stage: str


class CheckRegistry(NamedTuple):
    """Check a unit at the registry; answered by :class:`RegistryAnswered`."""

    unit: str


class WantLabel(NamedTuple):
    """Put the label of a run into the queue; answered by :class:`LabelTurn`."""

    run: int


class PrintLabel(NamedTuple):
    """Print the label of a run; answered by :class:`LabelDone`. The intent is on the disk.

    :param number: of the label in the order
    :param copy: 1 for the first
    """

    run: int
    number: int
    copy: int


class ReadAgain(NamedTuple):
    """Read the module in a bay again.

    :param is_new: begin the turn of a unit at a serial line
    """

    bay: str
    is_new: bool = False


class StartHook(NamedTuple):
    """Start a step of the user; answered by :class:`HookEnded`."""

    run: int
    step: str


class Announce(NamedTuple):
    """An event for ``--json`` and for sounds, made after the journal is on the disk.

    :param fields: numbers are masked already
    """

    event: str
    fields: dict[str, Any]


Effect = (
    Append | SendReport | CheckRegistry | WantLabel | PrintLabel | ReadAgain | StartHook | Announce
)


class Handled(NamedTuple):
    """An event with its effects, which are not carried out yet.

    :param event: None for what a start has caused
    """

    event: Happening | None
    effects: list[Effect]
    now: float
    at: str
