"""Modems that are not where they were: away for a moment, or taken out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Set

from modemagent.report import origin
from modemagent.report.message import PortPlace
from modemagent.watching.selection import is_remote, is_there, place_of, seat_of

#: A USB modem that is reset comes back within this; then nothing has been removed.
_COMES_BACK_S = 2.5
#: A modem that starts shows its ports one after the other; while some are there it is.
_COMPLETES_S = 30.0
#: USB devices take their time after a boot; before this a missing one is not called removed.
_COMING_UP_MS = 120_000


class RemovalTimers:
    """Since when nothing has been seen in which seat; true while somebody is waited for."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        #: seat -> a modem known there, and whether it was read since the agent was started
        self._displaced: dict[str, tuple[PortPlace, bool]] = {}

    def __bool__(self) -> bool:
        return bool(self._since)

    def expected(self, named: Iterable[str], known: Iterable[PortPlace]) -> list[PortPlace]:
        """Return the ports to watch from the start, each once.

        Those that are named, and those of modems that an earlier run has reported and that are
        gone: their removal is still to be reported.

        :param known: where modems were
        """
        places = {port: PortPlace(path=port) for port in named}
        for place in known:
            if is_remote(place.path):
                continue
            if not is_there(place.path) and places.get(place.path, place).id in (None, place.id):
                places[place.path] = place
            elif seat_of(place_of(place.path)) != seat_of(place):
                self.displace(place, was_read=False)
        return list(places.values())

    def is_gone(self, place: PortPlace, *, was_read: bool, in_part: bool) -> bool:
        """Tell whether a modem has been away for so long that it has been taken out.

        :param was_read: it has answered since the agent was started
        :param in_part: other ports of it are there
        """
        now, seat = time.monotonic(), seat_of(place)
        away_s = now - self._since.setdefault(seat, now)
        if seat != place.path and away_s < (_COMPLETES_S if in_part else _COMES_BACK_S):
            return False
        return was_read or origin.uptime_ms() > _COMING_UP_MS

    def end(self, seat: str) -> None:
        """Wait no longer: it has come back, or been seen off."""
        self._since.pop(seat, None)
        self._displaced.pop(seat, None)

    def displace(self, place: PortPlace, *, was_read: bool) -> None:
        """Another modem has got the name of this one's port: nobody watches for it any more."""
        self._displaced[seat_of(place)] = place, was_read

    def displaced(self, there: Set[str]) -> list[tuple[PortPlace, bool]]:
        """Return those whose seat is not among the ones that are there."""
        return [each for seat, each in self._displaced.items() if seat not in there]
