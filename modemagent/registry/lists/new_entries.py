"""An entry as it is given: by a request, on the command line, or in a line of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from modemagent.errors import UsageError
from modemagent.registry.lists.entries import EntryKind, EntryValue, ListName, parse_value

LONGEST_SOURCE = 200
LONGEST_REASON = 500
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
LISTS = {one.shown: one for one in ListName}
KINDS = {one.shown: one for one in EntryKind}


class NewEntry(NamedTuple):
    """An entry to be put on a list; the times are as in :class:`.ListEntry`."""

    value: EntryValue
    valid_from_ms: int | None = None
    valid_to_ms: int | None = None
    source: str = ""
    reason: str = ""


def list_of(name: str) -> ListName:
    """Return a list by its name.

    :raises UsageError: there is no such list
    """
    if name not in LISTS:
        raise UsageError(
            f"no list is called {name[:40]!r}", hint=f"Use one of: {', '.join(LISTS)}."
        )
    return LISTS[name]


def parse_entry(given: Mapping[str, str | None]) -> NewEntry:
    """Return an entry given by the fields kind, value, last, valid_from, valid_to, source, reason.

    :raises IdentityError: a number is not valid
    :raises UsageError: another field is not valid
    """
    kind = given.get("kind") or ""
    if kind not in KINDS:
        raise UsageError(
            "the kind of the entry is unknown", hint=f"Use one of: {', '.join(KINDS)}."
        )
    value = parse_value(KINDS[kind], given.get("value") or "", given.get("last") or "")
    begin, end = given.get("valid_from"), given.get("valid_to")
    valid_from_ms = parse_time(begin) if begin else None
    valid_to_ms = parse_time(end, end_of_day=True) if end else None
    if valid_from_ms is not None and valid_to_ms is not None and valid_to_ms <= valid_from_ms:
        raise UsageError("the validity ends before it begins", hint="Exchange the dates.")
    return NewEntry(
        value,
        valid_from_ms,
        valid_to_ms,
        _text("source", given.get("source"), LONGEST_SOURCE),
        _text("reason", given.get("reason"), LONGEST_REASON),
    )


def parse_time(text: str, *, end_of_day: bool = False) -> int:
    """Return a date or an RFC 3339 time as milliseconds since 1970 UTC.

    :param end_of_day: a date includes its day, so its end is meant
    :raises UsageError: the text is neither

    >>> parse_time("2026-03-01") - parse_time("2026-03-01T00:00:00Z")
    0
    """
    try:
        if _DATE.fullmatch(text):
            at = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            at += timedelta(days=1 if end_of_day else 0)
        else:
            at = datetime.fromisoformat(text)
        if at.tzinfo is None or not 1970 <= at.year < 9999:
            raise ValueError(text)
        return round(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise UsageError(
            "a time must be a date or an RFC 3339 time",
            hint="Examples: 2026-11-30, 2026-11-30T12:00:00Z.",
        ) from None


def _text(name: str, text: str | None, longest: int) -> str:
    found = " ".join((text or "").splitlines()).strip()
    if len(found) > longest or not found.isprintable():
        raise UsageError(
            f"{name} must have at most {longest} printable characters", hint="Shorten it."
        )
    return found
