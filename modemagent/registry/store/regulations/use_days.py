"""Days on which modems were used in countries, with local and with foreign SIMs.

A SIM is local in the country of its IMSI, or else in that of its ICCID; with several IMSIs, in the
country of each of them, and foreign too if one of them is. Numbers that belong to no country are
foreign everywhere. A day on which no SIM was read counts only for rules about any SIM.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from modemagent.identity.numbering import country_of_iccid, country_of_mcc
from modemagent.registry.regulations.regulation import Regulation
from modemagent.registry.rules.inputs import ReportMoment
from modemagent.registry.store.database import dialect
from modemagent.registry.store.intake.presence import days_in

#: Years of which days are read, this one included.
YEARS = 3
_PRESENCE = (
    "SELECT modem, gateway, sim, mcc, year, days FROM presence"
    " WHERE mcc IN ({mccs}) AND year IN ({years}) AND modem IN {{keys}}"
)
_IMSIS = (
    "SELECT s.unit, i.value FROM stay s JOIN identifier i ON i.id = s.imsi"
    " WHERE s.unit IN {keys} AND s.recorded_to IS NULL"
)
_ICCIDS = "SELECT id, number FROM unit WHERE id IN {keys}"
_HERE = "SELECT unit, mcc FROM place WHERE unit IN {keys}"
_STAYS = (
    "SELECT s.unit, p.gateway, s.opened_stream, s.opened_sequence, s.from_lo, s.from_hi"
    " FROM stay s JOIN place p ON p.id = s.place"
    " WHERE s.unit IN {keys} AND s.recorded_to IS NULL AND s.holder IS NULL"
)


class UseDays(NamedTuple):
    """Days of a modem with a SIM at a gateway, in the networks of one country.

    :param sim: unit of the SIM; 0: none was read
    """

    gateway: int
    sim: int
    mcc: str
    days: frozenset[int]


class CountryUse:
    """What is known about the use of some modems in countries.

    :param mccs: of the countries
    """

    def __init__(
        self, connection: Connection, modems: Iterable[int], mccs: Collection[str], year: int
    ) -> None:
        self._use: dict[int, list[UseDays]] = defaultdict(list)
        self._here: dict[int, set[str]] = defaultdict(set)
        self._stays: dict[int, list[tuple[int, ReportMoment]]] = defaultdict(list)
        if not mccs:
            return
        listed = ", ".join(f"'{int(one):03d}'" for one in sorted(mccs))
        years = ", ".join(str(one) for one in range(year - YEARS + 1, year + 2))
        query = _PRESENCE.format(mccs=listed, years=years)
        for modem, gateway, sim, mcc, found, mask in dialect.query_keys(connection, query, modems):
            days = frozenset(days_in(found, bytes(mask)))
            self._use[modem].append(UseDays(gateway, sim, mcc, days))
        sims = {one.sim for some in self._use.values() for one in some if one.sim}
        self._homes = _homes(connection, sims)
        for modem, mcc in dialect.query_keys(connection, _HERE, self._use):
            self._here[modem].add(mcc)
        for modem, gateway, *at in dialect.query_keys(connection, _STAYS, self._use):
            self._stays[modem].append((gateway, ReportMoment(*at)))

    def of_rule(self, modem: int, rule: Regulation) -> list[UseDays]:
        """Return the days of a modem that a rule is about."""
        mccs = rule.mccs
        return [
            one
            for one in self._use.get(modem, ())
            if one.mcc in mccs and self._fits(one.sim, rule.country, rule.sim)
        ]

    def is_present(self, modem: int, rule: Regulation) -> bool:
        """Return True if a modem is in the country of a rule, with a SIM that the rule is about.

        By the last reading of its places, and by the last day on which it was read in the country.
        """
        mccs = rule.mccs
        if self._here[modem].isdisjoint(mccs):
            return False
        last = max((max(one.days) for one in self._use[modem] if one.mcc in mccs), default=0)
        return any(last in one.days for one in self.of_rule(modem, rule))

    def first_reports(self, modem: int, gateways: Collection[int]) -> list[ReportMoment]:
        """Return the first reports of the stays of a modem at some gateways, by date."""
        found = {at for gateway, at in self._stays[modem] if gateway in gateways}
        return sorted(found, key=lambda at: (at.hi_ms, at.lo_ms, at.stream, at.sequence))

    def _fits(self, sim: int, country: str, wanted: str) -> bool:
        if wanted == "any":
            return True
        homes = self._homes.get(sim)
        if not homes:
            return False
        if wanted == "local":
            return country in homes
        return any(home != country for home in homes)


def _homes(connection: Connection, sims: Collection[int]) -> dict[int, set[str]]:
    """Return the home countries of SIMs; empty text: a number that belongs to no country."""
    found: dict[int, set[str]] = defaultdict(set)
    for sim, imsi in dialect.query_keys(connection, _IMSIS, sims):
        country = country_of_mcc(imsi[:3])
        found[sim].add(country.codes[0] if country is not None and country.codes else "")
    others: list[Any] = dialect.query_keys(connection, _ICCIDS, set(sims) - set(found))
    for sim, iccid in others:
        if not iccid.startswith("89"):  # erased: nothing is known of its home
            continue
        country = country_of_iccid(iccid)
        found[sim].add(country.codes[0] if country is not None and country.codes else "")
    return found
