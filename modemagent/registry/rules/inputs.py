"""What rules get and yield: the history of a unit, the state of a gateway or place, findings."""

from __future__ import annotations

from typing import NamedTuple


class ReportMoment(NamedTuple):
    """A report, by its stream and number, and the range of its dates."""

    stream: int
    sequence: int
    lo_ms: int
    hi_ms: int

    @property
    def report(self) -> tuple[int, int]:
        return self.stream, self.sequence


class PairState(NamedTuple):
    """Modem and SIM before or after a change, as keys; None for what the change does not concern.

    :param place: of the modem
    """

    place: int | None = None
    modem: int | None = None
    slot: int | None = None
    sim: int | None = None
    imsi: int | None = None
    eid: int | None = None


class PairChange(NamedTuple):
    """An event in the history of a unit, such as ``sim.swapped``."""

    kind: str
    at: ReportMoment
    old: PairState = PairState()
    new: PairState = PairState()


class ModemFacts(NamedTuple):
    """What a modem states about itself from a report on; None or empty: not read."""

    at: ReportMoment
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial_number: str | None = None
    imeisv: str | None = None
    meid: str | None = None


class StayNumbers(NamedTuple):
    """IMSI and EID of a SIM, as read during a stay."""

    at: ReportMoment
    imsi: str | None = None
    eid: str | None = None


class UnitHistory(NamedTuple):
    """What is known of one modem or SIM now.

    :param kind: ``imei`` or ``iccid``
    :param number: in full
    :param is_shared: several individuals have the number
    :param changes: its events by date, the first sight included
    :param facts: of a modem, by date
    :param numbers: of a SIM, by date
    """

    kind: str
    number: str
    is_shared: bool = False
    changes: tuple[PairChange, ...] = ()
    facts: tuple[ModemFacts, ...] = ()
    numbers: tuple[StayNumbers, ...] = ()


class RuleFinding(NamedTuple):
    """What a rule has found.

    :param rule: row of the catalogue
    :param at: report that first shows it
    :param part: slot, field or port that it is about; empty: the whole subject
    :param severity: other than that of the catalogue
    :param is_late: a newer reading contradicts it
    :param evidence: individual, stream and number of each report that shows it; none: ``at``
    """

    rule: str
    at: ReportMoment
    part: str = ""
    grade: str | None = None
    severity: str | None = None
    is_late: bool = False
    evidence: tuple[tuple[int, int, int], ...] = ()
