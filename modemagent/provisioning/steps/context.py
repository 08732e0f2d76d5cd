"""What the steps compare a unit with: the order, the ledger, the tray and the station."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple, Protocol

from modemagent.identity.csv_table import bare_name
from modemagent.identity.iccid import Iccid
from modemagent.provisioning.bay_run import Bay
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.ledger import Ledger
from modemagent.provisioning.order import BenchOrder, ExpectedRow


class RowIndex(Protocol):
    """The rows of the order by the numbers that they name (:class:`~..tray.OrderIndex`)."""

    rows: dict[str, ExpectedRow]

    def row_of_sim(self, iccid: Iccid) -> ExpectedRow | None: ...

    def is_listed_sim(self, iccid: Iccid) -> bool: ...


class StepContext(NamedTuple):
    """Everything besides the unit itself.

    :param passed_elsewhere: 14 digits of an IMEI, and the other order of this station in which the
        unit has passed
    :param in_registry: 14 digits of an IMEI, and its place in the registry
    :param now: time of the event
    """

    order: BenchOrder
    order_index: RowIndex
    ledger: Ledger
    bays: Mapping[str, Bay]
    settings: BenchSettings
    passed_elsewhere: Mapping[str, str]
    in_registry: Mapping[str, str]
    now: float


def matches(patterns: str, value: str) -> bool:
    """Return True if a value fits one of the patterns between bars, without case.

    >>> matches("EG25GGBR07A08*|EG25GGBR07A09*", "EG25GGBR07A08M2G")
    True
    """
    found = value.casefold()
    return any(fnmatchcase(found, one.strip().casefold()) for one in patterns.split("|"))


def is_model(patterns: str, model: str) -> bool:
    """Return True if a module may be of an ordered model: some report the stem of its name only.

    >>> is_model("EG25-G", "EG25"), is_model("EG25-G", "EG21")
    (True, False)
    """
    if matches(patterns, model):
        return True
    stems = (bare_name(one.strip().split("-")[0]) for one in patterns.split("|") if "*" not in one)
    return bool(model) and bare_name(model) in {*stems, *map(bare_name, patterns.split("|"))}


def label_rule(row: ExpectedRow | None) -> str:
    """Return ``scan``, ``print``, ``print+scan`` or ``none``."""
    return (row.values.get("label") if row is not None else None) or "none"
