"""Parser of ``+CREG``, ``+CGREG``, ``+CEREG`` and ``+C5GREG`` lines.

All four have one form; <n> is present only in the response to the read command:
``[<n>,]<stat>[,<area>,<cell>,<AcT>][,<rac or NSSAI>][,<cause_type>,<reject_cause>][,<timers>]``.
Clauses of 3GPP TS 27.007: 7.2, 10.1.20, 10.1.22, 10.1.47. Firmware leaves fields out and adds some
of its own, so cause and timers are found by their form: a cause is two short numbers, a timer
eight bits.
"""

import re
from typing import NamedTuple

from modemagent.at.fields import InformationLine, parse_hex_integer, parse_integer
from modemagent.at.urcs import response_prefixes

PREFIXES = frozenset(("+CREG", "+CGREG", "+CEREG", "+C5GREG"))
#: <stat> of a modem that the network refuses.
DENIED = 3
#: <stat> of a registered modem: home, roaming, each also for SMS only and without CS fallback.
REGISTERED = frozenset((1, 5, 6, 7, 9, 10))
#: Every <stat> of the standard, and Nordic's 90.
_STATUSES = frozenset((*range(12), 90))
#: Index of the field after area, cell and <AcT>, counted from the area.
_AFTER_CELL = 3
#: Units of a power saving timer in seconds, by its first three bits; five bits count the unit.
#: 3GPP TS 24.008 clause 10.5.7.4 (GPRS timer 2: active time T3324) and 10.5.7.4a (GPRS timer 3:
#: extended periodic update T3412).
_TIMER_2: dict[int, int] = {0: 2, 1: 60, 2: 360}
_TIMER_3: dict[int, int] = {0: 600, 1: 3600, 2: 36000, 3: 2, 4: 30, 5: 60, 6: 320 * 3600}
_DEACTIVATED = 7
_MINUTE = 60


class Registration(NamedTuple):
    """One registration report.

    :param status: <stat>
    :param mode: <n>, None in a URC
    :param area: location, tracking or routing area code as sent, ``""`` if missing
    :param cell: cell identity as sent, ``""`` if missing
    :param technology: <AcT>
    :param cause_type: 0 for a cause of the standard, otherwise the maker's own
    :param reject_cause: None if the report has none, or 0
    :param has_timers: the report contains power saving timers, which may be deactivated
    """

    status: int
    mode: int | None = None
    area: str | None = None
    cell: str | None = None
    technology: int | None = None
    routing_area: str = ""
    nssai_length: int | None = None
    nssai: str = ""
    cause_type: int | None = None
    reject_cause: int | None = None
    has_timers: bool = False
    active_time_s: int | None = None
    periodic_tau_s: int | None = None

    @property
    def is_registered(self) -> bool:
        return self.status in REGISTERED

    @property
    def area_code(self) -> int | None:
        return _code(self.area)

    @property
    def cell_id(self) -> int | None:
        return _code(self.cell)


def parse_registration(line: InformationLine) -> Registration | None:
    """Return the report in a line, None if the line contains no status.

    Several modules send the URC's form in response to the read command, so the form of the line
    decides; the command that was sent decides only if both forms fit.

    >>> from modemagent.at.fields import parse_information
    >>> found = parse_registration(parse_information("+CEREG: 6,3,,,,0,15,0"))
    >>> (found.mode, found.status, found.reject_cause)
    (6, 3, 15)
    """
    if line.name not in PREFIXES:
        return None
    has_mode = _has_mode(line)
    status = line.integer(has_mode)
    if status is None or not 0 <= status <= 999:
        return None
    found = Registration(status, line.integer(0) if has_mode else None)
    tail = [field.strip() for field in line.fields[1 + has_mode :]]
    if len(tail) < 2:
        return found
    # Novatel, and TS 27.007 before release 11: a routing area code between area and cell
    if line.name == "+CEREG" and len(tail) > 2 and 1 <= len(tail[1]) <= 2 < len(tail[2]):
        found = found._replace(routing_area=tail.pop(1))
    tail += [""] * (_AFTER_CELL - len(tail))
    found = found._replace(area=tail[0], cell=tail[1], technology=parse_integer(tail[2]))
    if line.name == "+C5GREG":
        found, tail = _without_nssai(found, tail)
    return _with_cause_and_timers(found, tail, has_rac=line.name == "+CGREG")


def _without_nssai(found: Registration, tail: list[str]) -> tuple[Registration, list[str]]:
    """Take length and value of the allowed NSSAI; a modem that was refused has none."""
    if len(tail) < _AFTER_CELL + 2:
        return found, tail
    length, nssai, *rest = tail[_AFTER_CELL:]
    if not nssai or (found.status == DENIED and not any(rest)):
        return found, tail
    found = found._replace(nssai_length=parse_integer(length), nssai=nssai)
    return found, [*tail[:_AFTER_CELL], *rest]


def _with_cause_and_timers(found: Registration, tail: list[str], *, has_rac: bool) -> Registration:
    """Add the fields after <AcT>.

    Quectel's BC66 and BC95 send a routing area code in ``+CEREG`` too, perhaps an empty one.
    """
    rac = tail[_AFTER_CELL] if len(tail) > _AFTER_CELL else ""
    after_rac = _AFTER_CELL + 1
    at = _cause_index(found.status, tail, after_rac if has_rac and len(rac) != 1 else _AFTER_CELL)
    if at is None:
        is_longer = len(tail) == _AFTER_CELL + 5
        at = after_rac if has_rac or is_longer or len(rac) == 2 else _AFTER_CELL
    elif cause := parse_integer(tail[at + 1]):
        found = found._replace(cause_type=parse_integer(tail[at]), reject_cause=cause)
    if at < _AFTER_CELL:  # nothing but the cause
        found = found._replace(area="", cell="", technology=None)
    elif at == after_rac:
        found = found._replace(routing_area=rac or found.routing_area)
    timers = [index for index in range(_AFTER_CELL, len(tail)) if is_timer(tail[index])]
    if not timers:
        return found
    bits = [tail[index] for index in timers]
    if timers[0] > at + 2:
        bits.insert(0, "")  # the field of the active time, right after the cause, is empty
    active, periodic = (*bits, "")[:2]
    return found._replace(
        has_timers=True,
        active_time_s=active_time(active),
        periodic_tau_s=periodic_update(periodic),
    )


def _cause_index(status: int, tail: list[str], start: int) -> int | None:
    """Return the index of <cause_type>, None if no two numbers follow each other.

    The type is one digit, 0 or 1; other numbers are used by some firmware. A cause of 0 is none:
    a report of a refusal is searched further.
    """
    pairs = [at for at in range(start, len(tail) - 1) if _is_number(tail[at : at + 2])]
    if not pairs and status == DENIED:
        # Firmware that leaves out empty fields: only area, cell and <AcT> stand before the pair.
        pairs = [
            at
            for at in range(min(_AFTER_CELL, len(tail) - 1))
            if tail[at] in ("0", "1") and _is_number(tail[at : at + 2]) and not any(tail[:at])
        ]
    plain = [at for at in pairs if len(tail[at]) == 1]
    given = [at for at in pairs if parse_integer(tail[at + 1])]
    best = [at for at in plain if at in given] if status == DENIED else plain
    return next(iter((*best, *given, *plain)), None)


def _is_number(fields: list[str]) -> bool:
    """Return True if each field is a number of one to three digits."""
    return all(each.isascii() and each.isdecimal() and len(each) <= 3 for each in fields)


def _has_mode(line: InformationLine) -> bool:
    """Distinguish ``<n>,<stat>`` from ``<stat>,<area>``: an area is quoted or longer."""
    mode, second = line.integer(0), line.text(1)
    # One digit: 7 is the highest mode of the standard so far.
    if mode is None or not 0 <= mode <= 9 or not (second.isascii() and second.isdecimal()):
        return False
    # Iridium pads <stat> to three digits; an area has four, and is quoted if the cell is.
    is_padded = second.startswith("00") and (len(second) == 3 or _only_second_is_bare(line.body))
    if len(second) > 2 and not is_padded:
        return False
    count = len(line.fields)
    if count == 2:
        return True
    if int(second) not in _STATUSES:
        return False
    third = line.text(2)
    first_rest = line.body.partition(",")
    is_quoted = first_rest[2].lstrip().startswith('"') and not first_rest[0].startswith('"')
    if count == 3:
        # The standard has no such read form, but trailing fields may be missing.
        is_area = is_quoted or (len(second) > 1 and not second.strip("0"))  # an area of zeros
        return not third or not (is_area or _is_unsolicited(line))
    # In a URC the fourth field is <AcT>, in a response the cell.
    is_technology = 1 <= len(line.text(3)) <= 2
    return not (third and is_technology and (is_quoted or _is_unsolicited(line)))


def _only_second_is_bare(body: str) -> bool:
    """Return True if the second field is not quoted and the one after it is.

    >>> _only_second_is_bare('002,0011,"0f0d","14c3"'), _only_second_is_bare("1,0011,0f0d")
    (True, False)
    """
    return re.fullmatch(r'[^,"]*,[^,"]*,\s*".*', body) is not None


def _is_unsolicited(line: InformationLine) -> bool:
    return bool(line.command) and line.name not in response_prefixes(line.command)


def _code(digits: str | None) -> int | None:
    return parse_hex_integer(digits) if digits and len(digits) <= 16 else None


def is_timer(bits: str) -> bool:
    """Return True if a field has the form of a timer: eight bits."""
    return len(bits) == 8 and not bits.strip("01")


def active_time(bits: str) -> int | None:
    """Return T3324 in seconds, None if the timer is deactivated or not eight bits.

    >>> active_time("00100110"), active_time("11100000"), active_time("")
    (360, None, None)
    """
    # The clause counts every other unit in minutes.
    return _seconds(bits, _TIMER_2)


def periodic_update(bits: str) -> int | None:
    """Return T3412 extended in seconds, None if the timer is deactivated or not eight bits.

    >>> periodic_update("01011111"), periodic_update("00000110"), periodic_update("11111111")
    (1116000, 3600, None)
    """
    return _seconds(bits, _TIMER_3)


def _seconds(bits: str, units: dict[int, int]) -> int | None:
    if not is_timer(bits):
        return None
    unit = int(bits[:3], 2)
    return None if unit == _DEACTIVATED else units.get(unit, _MINUTE) * int(bits[3:], 2)
