"""Values in a report that identify nothing, or that are not as the standards require."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modemagent.identity.check import validate
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.rules.numbers import problems_of
from modemagent.registry.validation import checked

_OF_MODEM = ("imei", "imeisv", "meid")
_OF_SIM = ("iccid", "imsi", "eid")


def values(report: Mapping[str, Any], at: ReportMoment) -> Iterator[RuleFinding]:
    """Yield the problems of the values with read state ``ok`` in the newest reading of a place.

    The problems of a valid number, apart from the form in which it was read, are findings about the
    modem or SIM (:mod:`.numbers`).
    """
    if report.get("reason") == "removed":
        return
    yield from _problems(report.get("modem") or {}, _OF_MODEM, "", at)
    for sim in report.get("sims") or ():
        yield from _problems(sim, _OF_SIM, f"{sim.get('slot', 1)}:", at)


def _problems(
    part: Mapping[str, Any], kinds: tuple[str, ...], prefix: str, at: ReportMoment
) -> Iterator[RuleFinding]:
    read = part.get("read") or {}
    for kind in kinds:
        # a gateway reports a text that it found invalid beside the value
        text = part.get(kind) or part.get(f"{kind}_raw")
        if not text or not isinstance(text, str) or read.get(kind) != "ok":
            continue
        if checked(kind, text)[1]:
            continue
        number = validate(kind, text).normalized
        of_number = [] if number is None else problems_of(kind, str(number))
        for code in problems_of(kind, text):
            if code not in of_number:
                yield RuleFinding(code, at, f"{prefix}{kind}")
