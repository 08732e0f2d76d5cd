"""A rule of a country: how many days of use it allows, or when a modem must be registered.

The rules that come with the program are in ``rules.toml``, each with source, date and confidence.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any

from modemagent.errors import UsageError
from modemagent.identity.lookup_tables import rows

KINDS = ("days", "registration")
SIMS = ("any", "local", "foreign")
WINDOWS = ("rolling", "year", "first_use")
CONFIDENCES = ("high", "medium", "low")
MOST_DAYS = 366
LONGEST_TEXT = 1000
_WORDS = {"kind": KINDS, "sim": SIMS, "window": WINDOWS, "confidence": CONFIDENCES}
_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Regulation:
    """A rule of a country.

    :param country: ISO 3166 alpha-2
    :param sim: SIMs that it is about: local or foreign by their home country, or any
    :param limit_days: days of use, or days until the duty is due
    :param window: ``rolling``: days of use within ``window_days``; ``year``: within the calendar
        year; ``first_use``: days since the first day of use
    :param registered: registering the IMEI settles it
    :param source: where the rule was published
    :param as_of: date of the source
    :param enabled: False: it leads to nothing
    """

    id: str
    country: str
    kind: str
    sim: str
    limit_days: int
    window: str
    window_days: int
    registered: bool
    text: str
    source: str
    as_of: str
    confidence: str
    enabled: bool

    @property
    def finding(self) -> str:
        """Name of the findings that follow from it."""
        return "roaming.deadline" if self.kind == "days" else "registration.due"

    @property
    def mccs(self) -> tuple[str, ...]:
        """Country codes of the networks in its country."""
        return mccs_of(self.country)


@lru_cache(maxsize=256)
def mccs_of(country: str) -> tuple[str, ...]:
    """Return the mobile country codes of a country.

    >>> mccs_of("TR"), len(mccs_of("IN"))
    (('286',), 3)
    """
    return tuple(one[0] for one in rows("mcc.txt") if country in one[1].split())


def parse_regulation(given: Mapping[str, Any]) -> Regulation:
    """Return a rule as it is given in a file or a request.

    :raises UsageError: a field is missing or not valid
    """
    names = set(Regulation.__slots__)
    unknown = sorted(set(given) - names)
    if unknown:
        known = ", ".join(sorted(names))
        raise _invalid(f"a rule has no field {unknown[0]!r}", f"Fields: {known}.")
    values: dict[str, Any] = {"sim": "any", "window_days": 0, "registered": False, "enabled": True,
                              **given}  # fmt: skip
    missing = sorted(names - set(values))
    if missing:
        raise _invalid(f"the rule has no {missing[0]}", "See docs/deadlines.md for an example.")
    if isinstance(values["as_of"], date):
        values["as_of"] = values["as_of"].isoformat()
    for name in ("id", "country", "text", "source", "as_of", *_WORDS):
        text = values[name]
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_TEXT:
            raise _invalid(f"{name} must be a text of 1 to {LONGEST_TEXT} characters")
        if _CONTROL.search(text):
            raise _invalid(f"{name} contains a control character")
    for name, words in _WORDS.items():
        if values[name] not in words:
            raise _invalid(f"{name} is unknown", f"Use one of: {', '.join(words)}.")
    for name in ("limit_days", "window_days"):
        days = values[name]
        if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= MOST_DAYS:
            raise _invalid(f"{name} must be a number of days from 0 to {MOST_DAYS}")
    for name in ("registered", "enabled"):
        if not isinstance(values[name], bool):
            raise _invalid(f"{name} must be true or false")
    found = Regulation(**values)
    _check(found)
    return found


def _check(one: Regulation) -> None:
    if not _ID.fullmatch(one.id):
        raise _invalid("the id is not valid", "Use letters a to z, digits and hyphens.")
    if not _COUNTRY.fullmatch(one.country) or not one.mccs:
        raise _invalid("the country is unknown", "Use an ISO 3166 code such as TR.")
    try:
        date.fromisoformat(one.as_of)
    except ValueError:
        raise _invalid("as_of is not a date", "Example: 2026-11-30") from None
    if (one.window == "rolling") != (one.window_days > 0):
        raise _invalid("window_days belongs to a rolling window", "Example: window_days = 120")
    if one.window == "first_use" and one.kind == "days":
        raise _invalid("days since the first use are a duty", "Use kind registration.")
    if one.kind == "days" and one.limit_days == 0:
        raise _invalid("a limit of days is at least 1")
    if one.window == "rolling" and one.limit_days > one.window_days:
        raise _invalid("the limit is longer than the window")


def _invalid(message: str, hint: str = "") -> UsageError:
    return UsageError(message, hint=hint)


def read_regulations(content: str) -> list[Regulation]:
    """Return the rules of a TOML file, each a table ``[[rule]]``.

    :raises UsageError: the file or a rule in it is not valid
    """
    try:
        document = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise _invalid(f"the file is not TOML: {error}") from None
    found = document.get("rule")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found) or not found:
        raise _invalid("the file has no rule", "Begin each rule with a line [[rule]].")
    return [parse_regulation(one) for one in found]


@lru_cache(maxsize=1)
def shipped() -> tuple[Regulation, ...]:
    """Return the rules that come with the program."""
    content = resources.files(__package__).joinpath("rules.toml").read_text(encoding="utf-8")
    return tuple(read_regulations(content))
