"""An IMEI that was changed: the same hardware reports another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from modemagent.registry.rules.inputs import ModemFacts, PairChange, RuleFinding, UnitHistory

#: A serial number or EID of this many IMEIs is a filler, or belongs to something that travels.
_COMMON = 3


def altered(
    unit: UnitHistory,
    facts_of: Callable[[int], tuple[ModemFacts, ...]],
    imeis_of: Callable[[str], int],
    eid_travels: Callable[[int], bool],
) -> Iterator[RuleFinding]:
    """Yield ``imei.altered`` for a swap at one place that left the hardware as it was.

    :param facts_of: facts of another modem
    :param imeis_of: number of modems that have reported a serial number
    :param eid_travels: an EID was read in three modems or more, or its slot as empty
    """
    for one in unit.changes:
        if one.kind != "modem.swapped" or one.old.modem is None:
            continue
        before = facts_of(one.old.modem)
        makes = {(each.manufacturer, each.model) for each in before}
        if not any((each.manufacturer, each.model) in makes for each in unit.facts):
            continue
        old = {each.serial_number for each in before if each.serial_number}
        new = {each.serial_number for each in unit.facts if each.serial_number}
        if any(imeis_of(text) < _COMMON for text in old & new):
            yield RuleFinding("imei.altered", one.at)
        elif not (old and new) and _same_eid(one, eid_travels):
            # an eUICC on a removable SIM may have been put into another modem meanwhile
            yield RuleFinding("imei.altered", one.at, grade="possible")


def _same_eid(swap: PairChange, eid_travels: Callable[[int], bool]) -> bool:
    eid = swap.new.eid
    return eid is not None and eid == swap.old.eid and not eid_travels(eid)
