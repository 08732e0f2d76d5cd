"""Simulated units with planted faults, the order they belong to, and the result each must have."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from modemagent.identity.checkdigits import luhn_digit
from modemagent.identity.csv_cells import csv_line
from modemagent.identity.imei import Imei
from modemagent.simulator.identities import shifted_eid

TRANSCRIPT = "quectel-eg25-g"
MODEL, FIRMWARE = "EG25-G", "EG25GGBR07A08*"
_OWN_FIRMWARE = "EG25GGBR07A08M2G"
_EID = "89049032000000000000000000000163"
#: Planted twice each if the order is large enough.
_EACH = 2


class ExpectedResult(NamedTuple):
    """What the bench must find about a unit.

    :param failed: names of all failed steps
    :param blame: of the first of them
    :param is_revoked: it passes first, and the verdict is revoked later; None: either
    """

    verdict: str = "pass"
    failed: tuple[str, ...] = ()
    blame: str = ""
    is_revoked: bool | None = False


@dataclass(eq=False)
class PlantedUnit:
    """One simulated unit.

    :ivar fault: name of what is planted, "" for a good unit
    :ivar label: scans that its label gives
    :ivar in_order: False: the order has no row for it
    :ivar modem: arguments of the simulated modem besides the transcript
    :ivar is_in_registry: another gateway has reported it
    :ivar stops_registry: the registry is away from the moment at which it receives the unit
    :ivar partner: unit that has to be in the tray at the same time
    :ivar after: unit that must have its verdict before this one is plugged in
    """

    number: int
    fault: str = ""
    label: tuple[str, ...] = ()
    label_rule: str = "scan"
    in_order: bool = True
    modem: dict[str, Any] = field(default_factory=dict)
    expected: ExpectedResult = field(default_factory=ExpectedResult)
    partner: PlantedUnit | None = None
    after: PlantedUnit | None = None
    is_flashing: bool = False
    is_in_registry: bool = False
    stops_registry: bool = False

    @property
    def imei(self) -> str:
        return str(self.modem["imei"])

    @property
    def iccid(self) -> str:
        return str(self.modem["iccid"])


def unit_with(number: int) -> PlantedUnit:
    """Return a good unit with numbers of its own."""
    imei = Imei.from_digits(f"86769804{number:06}")
    body = f"898830300000{number:06}"
    modem = {
        "imei": str(imei),
        "iccid": body + luhn_digit(body),
        "imsi": f"901288{number:09}",
        "eid": shifted_eid(_EID, number, 0),
        "faults": ["latency-ms=1"],
    }
    return PlantedUnit(number, label=(str(imei),), modem=modem)


def _failing(*failed: str, blame: str = "unit") -> ExpectedResult:
    return ExpectedResult("fail", failed, blame)


def _with_fault(unit: PlantedUnit, fault: str) -> None:
    unit.modem["faults"] = [*unit.modem["faults"], fault]


def _wrong_firmware(units: Sequence[PlantedUnit]) -> None:
    units[0].modem["texts"] = ((_OWN_FIRMWARE, "EG25GGBR07A05M1G"),)
    units[0].expected = _failing("firmware")


def _wrong_model(units: Sequence[PlantedUnit]) -> None:
    units[0].modem["texts"] = ((_OWN_FIRMWARE, "@"), ("EG25", "EC21"), ("@", _OWN_FIRMWARE))
    units[0].expected = _failing("model")


def _duplicate_at_once(units: Sequence[PlantedUnit]) -> None:
    one, two = units
    two.modem["imei"] = one.imei
    two.in_order = False
    two.label = one.label
    one.partner, two.partner = two, one
    one.expected = two.expected = _failing("unique")._replace(is_revoked=None)


def _duplicate_later(units: Sequence[PlantedUnit]) -> None:
    one, two = units
    two.modem["imei"] = one.imei
    two.in_order = False
    two.label = one.label
    two.after = one
    one.expected = ExpectedResult("fail", ("unique",), "unit", is_revoked=True)
    two.expected = _failing("unique")


def _placeholder(units: Sequence[PlantedUnit]) -> None:
    _with_fault(units[0], "lie=imei-zeros")
    units[0].expected = _failing("identity")


def _check_digit(units: Sequence[PlantedUnit]) -> None:
    _with_fault(units[0], "lie=imei-check-digit")
    units[0].expected = _failing("identity")


def _swapped_labels(units: Sequence[PlantedUnit]) -> None:
    one, two = units
    one.label, two.label = two.label, one.label
    one.expected = two.expected = _failing("label")


def _shifted_labels(units: Sequence[PlantedUnit]) -> None:
    labels = [unit.label for unit in units]
    for unit, label in zip(units, [*labels[1:], labels[0]], strict=True):
        unit.label = label
        unit.expected = _failing("label")


def _sim_absent(units: Sequence[PlantedUnit]) -> None:
    _with_fault(units[0], "sim-out")
    units[0].expected = _failing("sim")


def _sim_locked(units: Sequence[PlantedUnit]) -> None:
    _with_fault(units[0], "sim-pin")
    units[0].expected = _failing("sim")


def _sim_of_other_row(units: Sequence[PlantedUnit]) -> None:
    one, two = units
    one.modem["iccid"], two.modem["iccid"] = two.iccid, one.iccid
    one.expected = two.expected = _failing("pairing", blame="operator")


def _reused_sim(units: Sequence[PlantedUnit]) -> None:
    one, two = units
    two.modem["iccid"] = one.iccid
    two.after = one
    two.expected = _failing("pairing", blame="operator")


def _not_in_order(units: Sequence[PlantedUnit]) -> None:
    units[0].in_order = False
    units[0].expected = _failing("ordered", blame="order")


def _mute(units: Sequence[PlantedUnit]) -> None:
    _with_fault(units[0], "mute")
    units[0].expected = _failing("answers")


def _flashing(units: Sequence[PlantedUnit]) -> None:
    units[0].is_flashing = True
    units[0].expected = _failing("answers")


def _slow_sim(units: Sequence[PlantedUnit]) -> None:
    _with_fault(units[0], "sim-busy=1")


def _reset(units: Sequence[PlantedUnit]) -> None:
    _with_fault(units[0], "vanish=3")


def _broken_scans(units: Sequence[PlantedUnit]) -> None:
    """Give a unit a scanner that bounces and one that mixes digits up."""
    right = units[0].label[0]
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    units[0].label = (wrong, right, right)


def _printed(units: Sequence[PlantedUnit]) -> None:
    units[0].label_rule = "print+scan"


def _in_registry(units: Sequence[PlantedUnit]) -> None:
    units[0].is_in_registry = True
    units[0].expected = _failing("unique")._replace(is_revoked=None)


def _registry_away(units: Sequence[PlantedUnit]) -> None:
    units[0].stops_registry = True


#: Name of what is planted, number of units it takes, and the change.
FAULTS: tuple[tuple[str, int, Callable[[Sequence[PlantedUnit]], None]], ...] = (
    ("wrong firmware", 1, _wrong_firmware),
    ("wrong model", 1, _wrong_model),
    ("duplicate IMEI at once", 2, _duplicate_at_once),
    ("duplicate IMEI later", 2, _duplicate_later),
    ("placeholder IMEI", 1, _placeholder),
    ("wrong check digit", 1, _check_digit),
    ("swapped labels", 2, _swapped_labels),
    ("labels shifted by one", 3, _shifted_labels),
    ("SIM absent", 1, _sim_absent),
    ("SIM locked", 1, _sim_locked),
    ("SIM of another row", 2, _sim_of_other_row),
    ("SIM used twice", 2, _reused_sim),
    ("not in the order", 1, _not_in_order),
    ("mute module", 1, _mute),
    ("flashing mode", 1, _flashing),
    ("slow SIM", 1, _slow_sim),
    ("reset while it is read", 1, _reset),
    ("broken scans", 1, _broken_scans),
    ("printed label", 1, _printed),
    ("known to the registry", 1, _in_registry),
    ("registry away", 1, _registry_away),
)


def planted_units(count: int, seed: int, *, each: int = _EACH) -> list[PlantedUnit]:
    """Return units with faults, in the order in which they are plugged in.

    :param count: least number of units; faults that do not fit are left out
    """
    units: list[PlantedUnit] = []
    number = 1
    groups: list[list[PlantedUnit]] = []
    random_ = random.Random(seed)
    kinds = [kind for kind in FAULTS for _ in range(each)]
    random_.shuffle(kinds)
    for name, size, plant in kinds:
        if number + size - 1 > count:
            continue
        group = [unit_with(number + at) for at in range(size)]
        number += size
        plant(group)
        for unit in group:
            unit.fault = name
        groups.append(group)
    while number <= count:
        groups.append([unit_with(number)])
        number += 1
    random_.shuffle(groups)
    for group in groups:
        units += group
    return units


def order_of(units: Sequence[PlantedUnit]) -> str:
    """Return the order file of units."""
    columns = ("imei", "iccid", "model", "firmware", "sim", "label", "lot")
    lines = [csv_line(columns)]
    numbers = {unit.number: unit_with(unit.number) for unit in units}
    for unit in sorted(units, key=lambda one: one.number):
        if unit.in_order:
            own = numbers[unit.number]
            values = (own.imei, own.iccid, MODEL, FIRMWARE, "required", unit.label_rule, "L-1")
            lines.append(csv_line(values))
    return "".join(lines)
