"""Times and numbers as pages show them: UTC with its age, identifiers in groups of digits."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class ShownTime(NamedTuple):
    """A time in UTC.

    :param iso: RFC 3339, for ``<time datetime>``
    :param text: with the word UTC
    :param age: relative to the time of the page
    """

    iso: str
    text: str
    age: str


def moment(iso: str | None, now: datetime) -> ShownTime | None:
    """Return an RFC 3339 time as shown.

    >>> moment("2026-03-01T12:00:05.000Z", datetime(2026, 3, 1, 14, 0, tzinfo=UTC))[1:]
    ('1 Mar 2026 12:00:05 UTC', '1 h ago')
    """
    if iso is None:
        return None
    at = datetime.fromisoformat(iso).astimezone(UTC)
    seconds = (now - at).total_seconds()
    passed = duration(abs(seconds))
    age = f"{passed} ago" if seconds >= 0 else f"in {passed}"
    return ShownTime(iso, f"{at.day} {at:%b %Y %H:%M:%S} UTC", age)


def as_utc(text: str) -> str:
    """Return a time that was typed as the API takes it: without a zone it is UTC.

    >>> as_utc("2026-12-01 22:00"), as_utc("2026-12-01"), as_utc("soon")
    ('2026-12-01T22:00:00+00:00', '2026-12-01', 'soon')
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    is_date = len(text) <= len("2026-12-01")
    return text if is_date else (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def day(iso: str) -> str:
    """Return a date as shown.

    >>> day("2026-03-01")
    '1 Mar 2026'
    """
    at = date.fromisoformat(iso)
    return f"{at.day} {at:%b %Y}"


def days_from(at: date, today: date) -> str:
    """Return how far a date is from today.

    >>> days_from(date(2026, 12, 2), date(2026, 12, 1))
    'in 1 day'
    >>> days_from(date(2026, 1, 1), date(2026, 1, 31))
    '30 days ago'
    """
    days = (at - today).days
    words = f"{abs(days)} day{'' if abs(days) == 1 else 's'}"
    return "today" if days == 0 else f"in {words}" if days > 0 else f"{words} ago"


def duration(seconds: float) -> str:
    """Return a duration with at most two units, rounded down.

    >>> duration(45), duration(600), duration(9000), duration(2 * 86_400 + 4 * 3600)
    ('45 s', '10 min', '2 h 30 min', '2 d 4 h')
    """
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        hours, minutes = divmod(whole // _MINUTE, 60)
        return f"{hours} h {minutes} min" if minutes and hours < 12 else f"{hours} h"
    days, hours = divmod(whole // _HOUR, 24)
    return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"


def count(number: int, most: int | None = None) -> str:
    """Return a number with separators; one above the limit of a count as "more than".

    >>> count(12_345), count(10_001, 10_000)
    ('12,345', 'more than 10,000')
    """
    return f"more than {most:,}" if most is not None and number > most else f"{number:,}"


def byte_count(size: float) -> str:
    """Return a number of bytes with a unit.

    >>> byte_count(800), byte_count(2_400_000), byte_count(1_850_000_000)
    ('800 bytes', '2.4 MB', '1.9 GB')
    """
    for unit, bytes_ in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}"
    return f"{int(size)} bytes"


def groups(number: str, label: str) -> tuple[str, ...]:
    """Return an identifier in groups, which pages separate by margins, never by spaces.

    An IMEI: TAC, serial number, check digit; any other: fours.

    >>> groups("867698040000013", "IMEI"), groups("8988303000000000010", "ICCID")
    (('86769804', '000001', '3'), ('8988', '3030', '0000', '0000', '010'))
    """
    if label == "IMEI" and len(number) == 15:
        return number[:8], number[8:14], number[14:]
    return tuple(number[at : at + 4] for at in range(0, len(number), 4))


def short(number: str | None) -> str:
    """Return the end of an identifier, enough to tell two apart: in full it stands elsewhere.

    >>> short("8988303000000000010"), short(None)
    ('..0010', '-')
    """
    return f"..{number[-4:]}" if number else "-"
