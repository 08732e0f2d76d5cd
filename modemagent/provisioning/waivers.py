"""Standing waivers: a failed step that is accepted for a lot, until a day and for so many units.

A file of tables::

    [[waiver]]
    step = "firmware"
    lot = "L-2231"
    person = "EVA"
    reason = "BR07A05 is accepted until the exchange"
    until = 2026-12-31
    most = 40
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modemagent.errors import SettingsError
from modemagent.provisioning.people import StandingWaiver, StationPerson, role_of
from modemagent.provisioning.steps.catalogue import BY_NAME, CHECKS

#: Steps that a standing waiver may be about: those that compare, except the one against doubles.
STEPS = tuple(step.name for step in CHECKS if step.waived_by and step.name != "unique")


def read_waivers(file: Path, people: Mapping[str, StationPerson]) -> tuple[StandingWaiver, ...]:
    """Return the standing waivers in a file.

    :raises SettingsError: it cannot be read, or a waiver of it is wrong
    """
    try:
        table = tomllib.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"the waivers {file} cannot be read: {reason}", hint="See docs/bench.md."
        ) from error
    given = table.get("waiver", [])
    if table.keys() - {"waiver"} or not isinstance(given, list):
        raise SettingsError(f"{file} is not a list of waivers", hint="Begin each with [[waiver]].")
    return tuple(_waiver(each, n, file, people) for n, each in enumerate(given, 1))


_TYPES: Mapping[str, type] = {"step": str, "person": str, "reason": str, "lot": str,
                              "until": datetime.date, "most": int}  # fmt: skip


def _waiver(
    given: Mapping[str, Any], n: int, file: Path, people: Mapping[str, StationPerson]
) -> StandingWaiver:
    def wrong(message: str, hint: str) -> SettingsError:
        return SettingsError(f"{file}, waiver {n}: {message}", hint=hint)

    if unknown := given.keys() - _TYPES.keys():
        raise wrong(f"unknown key {min(unknown)!r}", f"Known: {', '.join(_TYPES)}.")
    for key, kind in _TYPES.items():
        if key not in given and key != "lot":
            raise wrong(f"{key} is missing", "Each waiver needs it.")
        if key in given and (type(given[key]) is not kind or not (given[key] or key == "lot")):
            raise wrong(f"{key} is not a {_KINDS[kind]}", "See docs/bench.md for an example.")
    waiver = StandingWaiver(**given)
    if waiver.step not in STEPS:
        raise wrong(f"the step {waiver.step!r} has no standing waivers",
                    f"Steps: {', '.join(STEPS)}.")  # fmt: skip
    least = BY_NAME[waiver.step].waived_by
    if not role_of(people, waiver.person).may(least):
        raise wrong(f"{waiver.person} may not waive {waiver.step}",
                    f"Name a person of [people] whose role is at least {least}.")  # fmt: skip
    return waiver


_KINDS: Mapping[type, str] = {str: "text", int: "number", datetime.date: "date such as 2026-12-31"}
