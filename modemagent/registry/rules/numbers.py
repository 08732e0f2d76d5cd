"""Numbers that are valid and yet suspect: the registry validates them by itself.

What depends on the text as read, such as a spare digit instead of the check digit, is a finding
about the place (:mod:`.values`).
"""

from __future__ import annotations

from collections.abc import Iterator

from modemagent.identity.check import validate
from modemagent.registry.pseudonyms import is_pseudonym
from modemagent.registry.rules.catalogue import PROBLEMS
from modemagent.registry.rules.inputs import RuleFinding, UnitHistory
from modemagent.registry.validation import checked


def numbers(unit: UnitHistory) -> Iterator[RuleFinding]:
    """Yield the problems of the numbers of a modem or SIM that were read last."""
    if not unit.changes:
        return
    first = unit.changes[0].at
    for code in problems_of(unit.kind, unit.number):
        yield RuleFinding(code, first)
    if unit.kind == "iccid":
        for kind in ("imsi", "eid"):
            read = [(one.at, getattr(one, kind)) for one in unit.numbers if getattr(one, kind)]
            for code in problems_of(kind, read[-1][1]) if read else ():
                yield RuleFinding(code, read[-1][0], kind)
        return
    for kind in ("imeisv", "meid"):
        stated = [(one.at, getattr(one, kind)) for one in unit.facts if getattr(one, kind)]
        if not stated:
            continue
        at, number = stated[-1]
        # the TAC and the serial of an IMEISV are those of the IMEI
        for code in problems_of(kind, number):
            if code.startswith(kind):
                yield RuleFinding(code, at, kind)
        if kind == "imeisv" and number[:14] != unit.number[:14]:
            yield RuleFinding("cross.imei_imeisv_differ", at, kind)
        if kind == "meid" and unit.number.startswith("99") and number != unit.number[:14]:
            yield RuleFinding("cross.meid_imei_differ", at, kind)


def problems_of(kind: str, text: str) -> list[str]:
    """Return the problem codes of a text above note."""
    if is_pseudonym(text) or checked(kind, text)[1]:
        return []
    return [code for code in validate(kind, text).codes if code in PROBLEMS]
