"""Which row a unit belongs to, and which units are the same: in the tray, in the order, before."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.identity.cleaning import is_filler
from modemagent.identity.iccid import Iccid
from modemagent.provisioning.attempt import StepState
from modemagent.provisioning.bay_run import PASSED, SKIPPED, BayRun, StepResult, failed, pending
from modemagent.provisioning.ledger import Ledger
from modemagent.provisioning.ledger_entries import UnitEntry
from modemagent.provisioning.order import BINDING, BenchOrder, ExpectedRow
from modemagent.provisioning.steps.context import StepContext, is_model, matches
from modemagent.provisioning.unit_counts import PASSING

KNOWN_REMEDY = "Put it into the red tray: an engineer decides whether it may have this IMEI."
_RED_TRAY = "Take it out and put it into the red tray."


class OrderIndex:
    """The rows of an order by the numbers that they name."""

    def __init__(self, order: BenchOrder) -> None:
        self.rows = {row.key: row for row in order.rows}
        self.free = [row for row in order.rows if not row.is_bound]
        self._by_number: dict[tuple[str, str], ExpectedRow] = {}
        self._by_sim: dict[str, ExpectedRow] = {}
        for row in order.rows:
            for name in BINDING:
                if name in row.values and name != "iccid":
                    self._by_number[name, row.values[name]] = row
            if iccid := row.values.get("iccid"):
                self._by_sim[Iccid(iccid).sim_key] = row
        self._sims = None if order.sims is None else {Iccid(iccid).sim_key for iccid in order.sims}

    def row_of_sim(self, iccid: Iccid) -> ExpectedRow | None:
        return self._by_sim.get(iccid.sim_key)

    def is_listed_sim(self, iccid: Iccid) -> bool:
        """Return True if the SIM card is in the list, or the order has none."""
        return self._sims is None or iccid.sim_key in self._sims

    def bound(self, run: BayRun) -> ExpectedRow | None:
        """Return the row that names a number of a unit."""
        for name, value in _numbers(run).items():
            if (row := self._by_number.get((name, value))) is not None:
                return row
        sim = run.reading.active_sim if run.reading is not None else None
        row = self._by_sim.get(sim.iccid.sim_key) if sim is not None and sim.iccid else None
        is_by_sim = row is not None and not {"imei", "eid", "serial_number"} & row.values.keys()
        return row if is_by_sim else None


def _numbers(run: BayRun) -> dict[str, str]:
    """Return the numbers of a unit by the names of columns, the surest first."""
    if run.reading is None:
        return {}
    modem, sim = run.reading.modem, run.reading.active_sim
    serial = modem.serial_number or run.scanned("serial_number")
    found = {"imei": run.unit, "eid": sim and sim.eid, "serial_number": serial}
    return {name: str(value) for name, value in found.items() if value}


def select_row(run: BayRun, index: OrderIndex, context: StepContext) -> ExpectedRow | None:
    """Return the row that a unit belongs to: the one that names it, else the open one that fits."""
    entry = context.ledger.units.get(run.unit)
    if entry is not None and entry.row in index.rows:
        return index.rows[entry.row]
    if (row := index.bound(run)) is not None:
        return row
    taken: dict[str, int] = {}
    for bay in context.bays.values():
        other = bay.run
        if other is not None and other is not run and other.row and not other.is_settled:
            taken[other.row.key] = taken.get(other.row.key, 0) + 1
    best: tuple[int, ExpectedRow] | None = None
    for row in index.free:
        if context.ledger.claimed(row.key, run.unit) + taken.get(row.key, 0) >= row.quantity:
            continue
        score = _fit(run, row)
        if best is None or score > best[0]:
            best = score, row
    return best[1] if best is not None else None


def _fit(run: BayRun, row: ExpectedRow) -> int:
    """Return how well a unit fits a row; a wrong model weighs more than a wrong firmware."""
    modem = run.reading.modem if run.reading is not None else None
    if modem is None:
        return 0
    values = row.values
    listed = values.get("tac", "").replace("|", " ").split()
    return (
        4 * is_model(values.get("model", "*"), modem.model or "")
        + 2 * (not listed or run.unit[:8] in listed)
        + matches(values.get("firmware", "*"), modem.firmware or "")
    )


def ordered(run: BayRun, context: StepContext) -> StepResult:
    """Return PASSED if an open row fits the unit."""
    if not run.unit:
        return SKIPPED if run.is_complete else pending("module", "the IMEI is being read")
    if run.row is not None:
        if context.ledger.claimed(run.row.key, run.unit) >= run.row.quantity:
            units = context.ledger.claims[run.row.key]
            other = next(unit for unit in units if unit != run.unit)
            return failed(f"line {run.row.line} has its unit already", unit=other)
        return PASSED
    where = context.passed_elsewhere.get(run.unit)
    return failed(f"not in this order: {where}" if where else "no open line fits this unit")


def unique(run: BayRun, context: StepContext) -> StepResult:
    """Return PASSED if no other unit has the IMEI, now or before."""
    if not run.unit:
        return SKIPPED if run.is_complete else pending("module", "the IMEI is being read")
    if run.twins:
        others = tuple(sorted(run.twins))
        result = failed(f"same IMEI as bay {', '.join(others)}", f"{_RED_TRAY} Both of them.")
        return result._replace(others=others)
    if run.unit in context.ledger.duplicated:
        return failed("two modules of this order have this IMEI", _RED_TRAY)
    entry = context.ledger.units.get(run.unit)
    has_passed = entry is not None and entry.verdict in PASSING and entry.run != run.number
    if entry is not None and has_passed and not run.is_recheck:
        if not run.is_complete and same_individual(run, entry, context.ledger) is None:
            return pending("module", "is it the unit that has passed?")
        line = context.order_index.rows.get(entry.row)
        where = f"line {line.line}" if line is not None else "this order"
        return failed(f"another module with this IMEI has passed: {where}", _RED_TRAY)
    if other := context.passed_elsewhere.get(run.unit):
        return failed(f"the unit has passed before: {other}", _RED_TRAY)
    if known := context.in_registry.get(run.unit):
        return failed(f"known to the registry: {known}", KNOWN_REMEDY)
    if run.registry == "requested" and "register" not in run.waivers:
        return pending("registry", "the registry checks the IMEI")
    return PASSED


def same_individual(run: BayRun, entry: UnitEntry, ledger: Ledger) -> bool | None:
    """Return True if a unit is the one that has had its verdict, None if that is not decidable.

    A serial number or EID decides if it is not a filler and no other unit of the order has it.
    """
    if run.reading is None:
        return None
    sim = run.reading.active_sim
    pairs = {
        "serial_number": (entry.serial_number, run.reading.modem.serial_number or ""),
        "eid": (entry.eid, str(sim.eid or "") if sim is not None else ""),
    }
    verdict: bool | None = None
    for name, (before, now) in pairs.items():
        if not before or not now or is_filler(before) or is_filler(now):
            continue
        if _is_shared(name, before, entry.unit, ledger.units):
            continue
        if before != now:
            return False
        verdict = True
    return verdict


def _is_shared(name: str, value: str, unit: str, units: Mapping[str, UnitEntry]) -> bool:
    return any(getattr(one, name) == value for one in units.values() if one.unit != unit)


def is_failed(result: StepResult | None) -> bool:
    return result is not None and result.state is StepState.FAILED
