"""State of the line: ledger, bays and scans that wait for their bay, with the effects of an event.

Each event is handled at a time that comes with it. Records change the ledger at once and are
written to the journal as effects, in their order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from modemagent.identity.imei import Imei
from modemagent.privacy.masking import mask
from modemagent.provisioning.attempt import ENDED, BayState
from modemagent.provisioning.bay_run import Bay, BayRun, LabelScan
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.events import Announce, Append, Effect
from modemagent.provisioning.ledger import Ledger
from modemagent.provisioning.line import OrderCounts, ScanView
from modemagent.provisioning.order import BenchOrder, requires_second
from modemagent.provisioning.people import StandingWaiver, StationRole, role_of
from modemagent.provisioning.steps.context import StepContext
from modemagent.provisioning.tray import OrderIndex

#: How long a scanned bay waits for a label, and a scanned label for a module.
TIE_S = 30.0
#: How long the verdict of a unit that was pulled stays on the tile.
SHOWN_S = 10.0
_AT_REST = ENDED | {BayState.WAITING}
_BY_PERSON = (BayState.SCANNING, BayState.VERIFYING)


class LooseLabel(NamedTuple):
    """A label whose module is not known yet.

    :param given_to: bay that took it, with the time, as long as that may be ambiguous
    """

    scan: LabelScan
    source: str
    given_to: str = ""
    given_at: float = 0.0


class LineState:
    """Everything that the reducer keeps.

    :param elsewhere: 14 digits of an IMEI, and where the unit has passed before
    :param in_registry: 14 digits of an IMEI, and its place in the registry
    :param asks_registry: units are checked at the registry before they pass
    :param waivers: standing waivers
    :ivar lots: of the order; "" for rows without one
    :ivar second_lots: lots with a row that requires a second person for decisions
    :ivar selected: bay whose code was scanned last, with the time
    :ivar loose: label that waits for its module
    :ivar lead: lead or engineer who is signed in, and until when
    :ivar wrong_pins: number of wrong PINs, and until when none is accepted
    :ivar gone: turns of units that have left their tiles
    :ivar hub_problems: bays whose hub is not as it was, and what is wrong
    :ivar strays: labels that no module took
    """

    def __init__(
        self,
        order: BenchOrder,
        settings: BenchSettings,
        ledger: Ledger,
        elsewhere: Mapping[str, str] | None = None,
        *,
        in_registry: Mapping[str, str] | None = None,
        asks_registry: bool = False,
        waivers: Sequence[StandingWaiver] = (),
    ) -> None:
        self.order = order
        self.index = OrderIndex(order)
        self.lots = sorted({row.values.get("lot", "") for row in order.rows}) or [""]
        self.second_lots = {row.values.get("lot", "") for row in order.rows if requires_second(row)}
        self.settings = settings
        self.ledger = ledger
        self.elsewhere: dict[str, str] = dict(elsewhere or {})
        self.in_registry: dict[str, str] = dict(in_registry or {})
        self.asks_registry = asks_registry
        self.waivers = waivers
        self.bays = {number: Bay(number) for number in settings.bays}
        self.label_formats = tuple(re.compile(one) for one in settings.label_formats)
        self.serial_format = re.compile(settings.serial_format) if settings.serial_format else None
        self.selected: tuple[str, float] = ("", 0.0)
        self.loose: LooseLabel | None = None
        self.strays: list[LabelScan] = []
        self.last_scan: ScanView | None = None
        self.message = ""
        self.gone: list[int] = []
        self.hub_problems: Mapping[str, str] = {}
        self.lead: tuple[str, float] = ("", 0.0)
        self.wrong_pins: tuple[int, float] = (0, 0.0)
        self.now = 0.0
        self.at = ""
        self.revision = 0
        #: counters of the order, with the number of verdicts and the time they were made at
        self.counts: tuple[int, float, OrderCounts] | None = None
        self._effects: list[Effect] = []

    def begin(self, now: float, at: str) -> None:
        """Set the time of the next event."""
        self.now, self.at = now, at

    def take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def context(self) -> StepContext:
        return StepContext(
            self.order,
            self.index,
            self.ledger,
            self.bays,
            self.settings,
            self.elsewhere,
            self.in_registry,
            self.now,
        )

    # -- effects

    def request(self, effect: Effect) -> None:
        self._effects.append(effect)

    def record(self, kind: str, *, is_synced: bool = False, **fields: Any) -> None:
        """Change the ledger by a record, and write it to the journal."""
        head = {"kind": kind, "at": self.at, "mono_ms": round(self.now * 1000)}
        self.ledger.apply({**head, **fields})
        self._effects.append(Append(kind, fields, is_synced))
        self.revision += 1

    def announce(self, event: str, **fields: Any) -> None:
        self._effects.append(Announce(event, fields))

    def enter(self, bay: Bay, state: BayState, reason: str = "", **more: Any) -> None:
        """Change the state or the reason of a bay."""
        if (bay.state, bay.reason) == (state, reason):
            return
        self.revision += 1
        is_new = bay.state is not state
        if is_new:
            run = bay.run
            if run is not None and bay.state in _BY_PERSON:
                run.person_s += self.now - bay.since
            bay.since = self.now
        bay.state, bay.reason = state, reason
        run = bay.run
        self.announce(
            "bay.state",
            bay=bay.number,
            state=str(state),
            reason=reason or None,
            imei=mask(Imei.from_digits(run.unit)) if run is not None and run.unit else None,
            **more,
        )

    # -- people

    @property
    def person(self) -> str:
        return self.ledger.person

    @property
    def is_idle(self) -> bool:
        """True if each bay is empty or its unit has its verdict."""
        return all(bay.state in _AT_REST for bay in self.bays.values())

    def may(self, person: str, least: str) -> bool:
        """Return True if a person has at least this role, and is signed in if that needs a PIN."""
        name = person or self.person
        known = self.settings.people.get(name)
        if known is not None and known.pin and not self.is_signed_in(name):
            return False
        return least != "" and role_of(self.settings.people, name).may(StationRole(least))

    def standing_waiver(self, run: BayRun, step: str) -> StandingWaiver | None:
        """Return the waiver that holds for a failed step of a unit and has a unit left."""
        lot = run.row.values.get("lot", "") if run.row is not None else ""
        for waiver in self.waivers:
            if waiver.step != step or waiver.lot not in ("", lot):
                continue
            units = {*self.ledger.waived_by.get(waiver.key, ())}
            present = (bay.run for bay in self.bays.values() if bay.run is not None)
            units |= {each.unit for each in present if waiver in each.standing.values()}
            if str(waiver.until) >= self.at[:10] and len(units - {run.unit}) < waiver.most:
                return waiver
        return None

    def is_signed_in(self, name: str) -> bool:
        return self.lead[0] == name and self.now < self.lead[1]

    # -- runs

    def run(self, number: int) -> tuple[Bay, BayRun] | None:
        """Return the bay and the turn in it with a number, if it is there."""
        for bay in self.bays.values():
            if bay.run is not None and bay.run.number == number:
                return bay, bay.run
        return None

    def next_label(self) -> int:
        return self.ledger.label + 1


def masked_tail(digits: str) -> str:
    """Return the last six digits of a number, as tiles show it.

    >>> masked_tail("867698040000013")
    '..000 013'
    """
    return f"..{digits[-6:-3]} {digits[-3:]}" if len(digits) >= 10 else ""
