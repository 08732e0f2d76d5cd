"""A line without I/O: readings, scans and acts go into the reducer, and effects come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.provisioning.attempt import BayView
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.columns import ColumnMap
from modemagent.provisioning.events import (
    Announce,
    Append,
    CodeScanned,
    Effect,
    Happening,
    LabelDone,
    LabelTurn,
    PersonActed,
    PrintLabel,
    ReportKept,
    SendReport,
    TimePassed,
    UnitPlugged,
    UnitPulled,
    UnitRead,
    WantLabel,
)
from modemagent.provisioning.ledger import Ledger
from modemagent.provisioning.line import LineView, StationView
from modemagent.provisioning.order import BenchOrder, parse_order
from modemagent.provisioning.people import StandingWaiver
from modemagent.provisioning.reducer import Reducer
from modemagent.provisioning.simulation.planted import PlantedUnit, unit_with
from modemagent.provisioning.state import LineState
from modemagent.provisioning.view import line_view

FIRMWARE = "EG25GGBR07A08M2G"


def reading(
    unit: PlantedUnit, *, sim: SimState = SimState.READY, firmware: str = FIRMWARE, **modem: Any
) -> Snapshot:
    """Return a complete reading of a unit."""
    ok = dict.fromkeys(("manufacturer", "model", "firmware", "imei"), ReadState.OK)
    has_sim = sim is SimState.READY
    card = Sim(
        state=sim,
        iccid=Iccid(unit.iccid) if has_sim else None,
        eid=Eid(unit.modem["eid"]) if has_sim else None,
        read=dict.fromkeys(("iccid", "imsi", "eid"), ReadState.OK if has_sim else ReadState.ABSENT),
    )
    values = {"manufacturer": "Quectel", "model": "EG25", "imei": Imei(unit.imei), **modem}
    return Snapshot("/dev/x", modem=Modem(firmware=firmware, read=ok, **values), sims=(card,))


def order_with(text: str) -> BenchOrder:
    order = parse_order(text.encode(), "4711", ColumnMap())
    assert not order.errors, order.errors
    return order


NO_LABEL = "model,firmware,quantity,sim\nEG25-G,EG25GGBR07A08*,9,required\n"
KIND = "model,firmware,quantity,sim,label\nEG25-G,EG25GGBR07A08*,9,required,{label}\n"


class Line:
    """A reducer with a clock; labels are printed and reports are stored if that is requested.

    :ivar records: what the journal would hold
    """

    def __init__(
        self,
        order: BenchOrder | str = NO_LABEL,
        *,
        records: list[Mapping[str, Any]] | None = None,
        elsewhere: Mapping[str, str] | None = None,
        now: float = 100.0,
        asks_registry: bool = False,
        waivers: Sequence[StandingWaiver] = (),
        **settings: Any,
    ) -> None:
        order = order_with(order) if isinstance(order, str) else order
        bays = {f"{number:02}": f"/dev/bay{number}" for number in range(1, 5)}
        ledger = Ledger()
        self.records = list(records or ())
        for record in self.records:
            ledger.apply(record)
        self.state = LineState(
            order, BenchSettings(bays=bays, **settings), ledger, elsewhere,
            asks_registry=asks_registry, waivers=waivers,
        )  # fmt: skip
        self.reducer = Reducer(self.state)
        self.now = now
        self.effects: list[Effect] = []
        self.prints = True
        self.stores = True

    def post(self, event: Happening) -> None:
        at = f"2026-11-20T09:{int(self.now) // 60 % 60:02}:{int(self.now) % 60:02}.000Z"
        effects = self.reducer.handle(event, self.now, at)
        self.effects += effects
        for effect in effects:
            if isinstance(effect, Append):
                head = {"kind": effect.kind, "at": at, "mono_ms": round(self.now * 1000)}
                self.records.append({**head, **effect.fields})
        for effect in effects:
            if isinstance(effect, WantLabel):
                self.post(LabelTurn(effect.run))
            if isinstance(effect, PrintLabel) and self.prints:
                self.post(LabelDone(effect.run, "printed"))
            if isinstance(effect, SendReport) and self.stores:
                self.post(ReportKept(effect.run, effect.stage))

    def plug(self, bay: str, unit: PlantedUnit | Snapshot | None = None, **changes: Any) -> None:
        self.post(UnitPlugged(bay))
        if isinstance(unit, PlantedUnit):
            unit = reading(unit, **changes)
        if unit is not None:
            self.post(UnitRead(bay, unit))

    def pull(self, bay: str) -> None:
        self.post(UnitPulled(bay))

    def scan(self, *codes: str) -> None:
        for code in codes:
            self.post(CodeScanned("scanner", code))

    def act(self, do: str, bay: str = "01", **more: str) -> None:
        self.post(PersonActed(do, bay, **more))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.post(TimePassed())

    def view(self) -> LineView:
        return line_view(self.state, StationView(""))

    def bay(self, number: str = "01") -> BayView:
        return next(bay for bay in self.view().bays if bay.number == number)

    def shown(self, number: str = "01") -> tuple[str, str, str]:
        """Return state, step and blame of a bay."""
        bay = self.bay(number)
        return str(bay.state), bay.step, str(bay.blame or "")

    def kinds(self) -> list[str]:
        return [record["kind"] for record in self.records]

    def announced(self, event: str) -> list[dict[str, Any]]:
        return [
            each.fields for each in self.effects
            if isinstance(each, Announce) and each.event == event
        ]  # fmt: skip

    def restarted(self, **settings: Any) -> Line:
        """Return a line that begins again with what the journal holds."""
        return Line(self.state.order, records=self.records, now=self.now, **settings)


__all__ = ["FIRMWARE", "KIND", "Line", "order_with", "reading", "unit_with"]
