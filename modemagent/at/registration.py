"""Parser of ``+CREG``, ``+CGREG``, ``+CEREG`` and ``+C5GREG`` lines.

All four have one form; <n> is present only in the response to the read command:
``[<n>,]<stat>[,<area>,<cell>,<AcT>][,<rac or NSSAI>][,<cause_type>,<reject_cause>][,<timers>]``.
Clauses of 3GPP TS 27.007: 7.2, 10.1.20, 10.1.22, 10.1.47.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from modemagent.at.fields import InformationLine, hex_integer, parse_integer
from modemagent.at.timers import active_time, periodic_update

PREFIXES = frozenset(("+CREG", "+CGREG", "+CEREG", "+C5GREG"))
#: <stat> of a modem that the network refuses.
DENIED = 3
#: <stat> of a registered modem: home, roaming, each also for SMS only and without CS fallback.
REGISTERED = frozenset((1, 5, 6, 7, 9, 10))
#: <AcT> of TS 27.007 clause 7.3 and the radio access technology in a reading's network.
RATS: Mapping[int, str] = {
    0: "gsm",
    1: "gsm",
    2: "umts",
    3: "gsm",
    4: "umts",
    5: "umts",
    6: "umts",
    7: "lte",
    8: "gsm",
    9: "nbiot",
    10: "lte",
    11: "nr",
    12: "nr",
    13: "endc",
}


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

    The command that was sent does not matter: several modules send the URC's form in response
    to the read command.

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
    if line.name == "+CEREG" and len(tail) > 2 and len(tail[1]) in (1, 2) and tail[2]:
        found = found._replace(routing_area=tail.pop(1))
    found = found._replace(
        area=tail[0], cell=tail[1], technology=parse_integer(tail[2]) if len(tail) > 2 else None
    )
    tail = tail[3:]
    if line.name == "+C5GREG" and tail:
        nssai = tail[1] if len(tail) > 1 else ""
        found = found._replace(nssai_length=parse_integer(tail[0]), nssai=nssai)
        tail = tail[2:]
    elif line.name == "+CGREG" and tail and len(tail[0]) != 1:
        found = found._replace(routing_area=tail[0])
        tail = tail[1:]
    tail += [""] * (4 - len(tail))
    cause_type, cause = parse_integer(tail[0]), parse_integer(tail[1])
    if cause_type is not None and cause:
        found = found._replace(cause_type=cause_type, reject_cause=cause)
    if tail[2] or tail[3]:
        found = found._replace(
            has_timers=True,
            active_time_s=active_time(tail[2]),
            periodic_tau_s=periodic_update(tail[3]),
        )
    return found


def _has_mode(line: InformationLine) -> bool:
    """Distinguish ``<n>,<stat>`` from ``<stat>,<area>``: an area is quoted or longer."""
    mode, second = line.integer(0), line.text(1)
    # One digit: 5 is the highest mode of the standard so far.
    if mode is None or not 0 <= mode <= 9 or not second.isdecimal():
        return False
    if line.body.partition(",")[2].lstrip().startswith('"'):
        return False
    if len(line.fields) == 3 and len(second) > 1 and not second.strip("0"):
        return False  # an area of zeros: 0,00,0
    # Iridium pads <stat> to three digits; areas have four.
    return len(second) <= 2 or (len(second) == 3 and second.startswith("00"))


def _code(digits: str | None) -> int | None:
    return hex_integer(digits) if digits and len(digits) <= 16 else None
