"""The second time zone of a person: times are shown in UTC, and beside it as the clock there."""

from __future__ import annotations

import zoneinfo
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache

_ZONE: ContextVar[str] = ContextVar("modemagent_zone", default="")


@lru_cache(1)
def names() -> list[str]:
    """Return the names of all zones of this machine; none: it has no time zone database."""
    return sorted(zoneinfo.available_timezones())


def show_in(zone: str) -> None:
    """Let the times of the page that is made now be shown in a zone too; empty: in none."""
    _ZONE.set(zone)


def local(iso: str) -> str:
    """Return an RFC 3339 time as the clock of the second zone shows it; empty: there is none.

    The date is left out if it is that of UTC.

    >>> show_in("Europe/Berlin")
    >>> local("2026-03-01T12:00:05.000Z"), local("2026-07-01T23:30:00Z")
    ('13:00:05 CET', '2 Jul 01:30:00 CEST')
    >>> show_in("America/Sao_Paulo")
    >>> local("2026-03-01T12:00:05.000Z")
    '09:00:05 UTC-03'
    >>> show_in("Etc/UTC")
    >>> local("2026-03-01T12:00:05.000Z")
    ''
    >>> show_in("")
    >>> local("2026-03-01T12:00:05.000Z")
    ''
    """
    zone = _zone(_ZONE.get())
    if zone is None:
        return ""
    utc = datetime.fromisoformat(iso).astimezone(UTC)
    there = utc.astimezone(zone)
    name = there.tzname() or ""
    if name == "UTC":
        return ""  # it stands there already
    name = f"UTC{name}" if name[:1] in "+-" else name
    date = "" if there.date() == utc.date() else f"{there.day} {there:%b} "
    return f"{date}{there:%H:%M:%S} {name}"


@lru_cache(64)
def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None  # the time zone database of this machine no longer has it
