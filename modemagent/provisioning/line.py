"""The whole line, as screens show it: order, station, bays, and what needs a person.

:func:`modemagent.provisioning.view.line_view` makes a :class:`LineView` of the state that the
reducer keeps. A screen draws it, and sends back the same acts as the lines of stdin.
"""

from typing import NamedTuple

from modemagent.provisioning.attempt import BayView, Blame


class OrderCounts(NamedTuple):
    """Counters of the order. A unit counts once, by its last verdict.

    :param name: name of the order, such as ``4711``
    :param model: of its first row; "" if the order names none
    :param size: units that the order expects; None if it does not tell
    :param left: units without a verdict that passes; None without a size
    :param per_hour: units with a verdict per hour, over the last 15 minutes
    :param first_pass: share of units that passed at once, 0 to 1; None before the first verdict
    :param failures: failed step and number of units, most frequent first
    :param lots: of all rows
    :param needs_second: some decisions need a second person
    """

    name: str
    model: str = ""
    lot: str = ""
    size: int | None = None
    passed: int = 0
    waived: int = 0
    failed: int = 0
    left: int | None = None
    per_hour: float = 0.0
    first_pass: float | None = None
    failures: tuple[tuple[str, int], ...] = ()
    lots: tuple[str, ...] = ()
    needs_second: bool = False


class StationView(NamedTuple):
    """State of the station; texts have at most 30 characters.

    :param name: of the station
    :param checked: when the last station check passed, such as ``07:58``; "" if it is due
    :param person: who works at it; "" before a sign-in
    :param lead: lead or engineer who is signed in besides, "" for none
    :param registry: ``ok``, ``away``, ``refused`` or ``none``
    :param queued: reports that wait for the registry
    :param printer: ``ok``, ``none``, or what is wrong with it
    :param is_export_stale: the registry is away, and its export is older than a day
    :param url: page of the station in the registry, "" for none
    :param is_held: the journal or the station allows no verdicts at all
    """

    name: str
    checked: str = ""
    person: str = ""
    lead: str = ""
    registry: str = "none"
    queued: int = 0
    printer: str = "none"
    is_export_stale: bool = False
    url: str = ""
    is_held: bool = False


class NeedView(NamedTuple):
    """One entry of what needs a person, most urgent first.

    :param bays: numbers of the bays it is about; empty for the station
    :param text: what happened and what to do, in sentences
    """

    bays: tuple[str, ...]
    text: str
    blame: Blame | None = None


class ScanView(NamedTuple):
    """The last scan.

    :param at: time of day, such as ``09:41:07``
    :param text: masked, such as ``..050 018``, or the name of a command code
    :param result: what became of it: ``bay 06``, ``stray``, ``refused: check digit``
    """

    at: str
    source: str
    text: str
    result: str = ""
    is_refused: bool = False


class LineView(NamedTuple):
    """Everything that a screen draws.

    :param now: the clock of the reducer in seconds, on which ``since`` of the bays is measured
    :param revision: differs if anything but ``now`` differs
    :param hint: what the next scan is expected to be, such as ``bay 06, then its label``; "" for
        any
    :param message: answer to the last act, such as why it was refused; "" for none
    :param columns: bays in a row of the fixture
    """

    now: float
    revision: int
    order: OrderCounts
    station: StationView
    bays: tuple[BayView, ...]
    needs: tuple[NeedView, ...] = ()
    last_scan: ScanView | None = None
    hint: str = ""
    message: str = ""
    columns: int = 4
