"""Check of the technologies and bands that the modem may use: a wrong choice hides networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modemagent.diagnosis.checks.registration import is_registered, is_without_network
from modemagent.diagnosis.checks.responses import all_decoded
from modemagent.diagnosis.facts import Decoded, Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, wrong
from modemagent.dialects.diagnostic_reads import SELECTION

#: Technologies that nearly every network has; without them a choice is a probable cause.
_USUAL: Final = ("LTE", "LTE-M", "NB-IoT")
#: Technologies that many networks do not have, or not for every SIM card.
_RARE: Final = ("LTE-M", "NB-IoT")
_NEVER = "modemagent never sends it"


def technologies(facts: Facts) -> Finding:
    if is_registered(facts):
        return skipped("only relevant if the modem is not registered")
    found = list(_decoded(facts))
    if not found:
        return skipped("the modem does not report which technologies it may use")
    restricted = [each for each in found if isinstance(each.fields.get("technologies"), list)]
    text = "; ".join(each.text for each in found)
    for each in restricted:
        names = _list(each, "technologies")
        if not names:
            return wrong(
                "the modem may not use any network: it is set to GNSS only, or to nothing",
                _allow(facts, "the technologies of the operator"),
                each.line,
            )
        if is_without_network(facts) and not set(names).intersection(_USUAL):
            return wrong(
                f"the modem may use {each.text}, and finds no network with this selection",
                _allow(facts, "other technologies"),
                each.line,
            )
    for each in found:
        bands = _list(each, "lte_bands")
        if len(bands) == 1 and is_without_network(facts):
            return wrong(
                f"on LTE, the modem may use only band {bands[0]}, and finds no network there",
                "Allow the bands of the operator with the command of the modem in a terminal "
                f"program; {_NEVER}.",
                each.line,
            )
    if is_without_network(facts):
        for each in restricted:
            names = _list(each, "technologies")
            if set(names) <= {"LTE"} or set(names) <= set(_RARE):
                return note(
                    f"the modem may use {each.text}",
                    f"Ask the operator whether that is in operation here. If it is not: "
                    f"{_allow(facts, 'other technologies')}",
                    each.line,
                )
    return ok(text, found[0].line)


def _decoded(facts: Facts) -> Iterator[Decoded]:
    dialect = facts.snapshot.dialect if facts.snapshot else ""
    for command, _ in SELECTION.get(dialect, ()):
        yield from all_decoded(facts, command)


def _allow(facts: Facts, what: str) -> str:
    dialect = facts.snapshot.dialect if facts.snapshot else ""
    commands = [
        write
        for command, write in SELECTION.get(dialect, ())
        if write and any(all_decoded(facts, command))
    ]
    how = commands[0] if commands else "the command of the modem"
    return f"Allow {what} with {how} in a terminal program; {_NEVER}."


def _list(found: Decoded, name: str) -> list[object]:
    value = found.fields.get(name)
    return value if isinstance(value, list) else []
