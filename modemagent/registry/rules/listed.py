"""Numbers that are on a list: prohibited or tracked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modemagent.registry.lists.entries import ListEntry, ListName
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding

_RULES = {
    ("imei", ListName.PROHIBITED): "imei.prohibited",
    ("imei", ListName.TRACKED): "imei.tracked",
    ("iccid", ListName.PROHIBITED): "sim.prohibited",
    ("iccid", ListName.TRACKED): "sim.tracked",
}


def listed(
    kind: str, hits: Iterable[ListEntry], first: ReportMoment, *, is_excepted: bool = False
) -> Iterator[RuleFinding]:
    """Yield a finding for each list, other than that of permitted numbers, with an entry.

    :param kind: ``imei`` or ``iccid``
    :param hits: the entries that cover the number, or an IMSI of the SIM, and are valid now
    :param first: report in which the modem or SIM was first seen
    :param is_excepted: a policy excepts the pair in which the modem or SIM is
    """
    if is_excepted:
        return
    for name in sorted({hit.list for hit in hits}):
        if (kind, name) in _RULES:
            yield RuleFinding(_RULES[kind, name], first)
