"""Filters of modems and SIMs as conditions of SQL, each with an index that finds what matches.

A modem is at a site by the gateway that holds it, or by its asset, as for policies and deadlines;
a SIM is where the newest readings of places have it.
"""

from __future__ import annotations

from typing import NamedTuple

from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store.history.units import UnitKind

#: Most digits of a number in a filter: more would identify a modem or SIM.
MOST_DIGITS = 8
LISTS = ("tracked", "prohibited")
_LONGEST = 20  # digits of a number


class UnitFilter(NamedTuple):
    """What modems or SIMs are searched; None or empty: any.

    :param gateway: id or reference
    :param model: of modems, with or without the manufacturer, in any case
    :param digits: the first digits of the number: a TAC or an issuer, or a part of it
    :param listed: a finding states that it is on this list
    """

    gateway: str | None = None
    site: str | None = None
    model: str | None = None
    firmware: str | None = None
    digits: str | None = None
    link_state: str | None = None
    listed: str | None = None


class UnitTerm(NamedTuple):
    """A condition about the unit ``{unit}``, and the query for all units that fulfil it.

    The condition has scalar queries: an ``EXISTS`` may be answered by a scan on PostgreSQL.
    """

    where: str
    units: str


_DIGITS = UnitTerm(
    "(SELECT 1 FROM unit n WHERE n.id = {unit} AND n.key BETWEEN :low AND :high) = 1",
    "SELECT id FROM unit WHERE kind = :kind AND key BETWEEN :low AND :high",
)
_LISTED = UnitTerm(
    "(SELECT 1 FROM finding f WHERE f.unit = {unit} AND f.type = :listed"
    " AND f.recorded_to IS NULL LIMIT 1) = 1",
    "SELECT f.unit AS id FROM finding f WHERE f.severity IN ('error', 'warning')"
    " AND f.type = :listed AND f.recorded_to IS NULL",
)
_SITE_OF_ASSET = (
    "SELECT n.id FROM asset a JOIN unit n ON n.kind = 1 AND n.key = a.imei WHERE a.site = :site"
)
_IN_GATEWAYS = (
    "SELECT p.{} AS id FROM gateway g JOIN place p ON p.gateway = g.id WHERE g.site = :site"
)
_HAS_ASSET = (
    "(SELECT 1 FROM unit n JOIN asset a ON a.imei = n.key"
    " WHERE n.id = {} AND a.site = :site LIMIT 1)"
)
_STATED = {
    "model": "(lower(m.model) = :model OR lower(m.manufacturer || ' ' || m.model) = :model)",
    "firmware": "lower(m.firmware) = :firmware",
}
_OF_MODEMS = {
    "site": UnitTerm(
        "coalesce((SELECT 1 FROM place p JOIN gateway g ON g.id = p.gateway"  # noqa: S608
        f" WHERE p.unit = {{unit}} AND g.site = :site LIMIT 1), {_HAS_ASSET.format('{unit}')}) = 1",
        f"{_IN_GATEWAYS.format('unit')} AND p.unit IS NOT NULL UNION ALL {_SITE_OF_ASSET}",
    ),
    "link_state": UnitTerm(
        "(SELECT 1 FROM modem_type t WHERE t.unit = {unit} AND t.link_state = :link_state) = 1",
        "SELECT unit AS id FROM modem_type WHERE link_state = :link_state",
    ),
    **{
        name: UnitTerm(
            "(SELECT 1 FROM modem_type t JOIN make m ON m.id = t.make"  # noqa: S608
            f" WHERE t.unit = {{unit}} AND {stated}) = 1",
            "SELECT t.unit AS id FROM make m CROSS JOIN modem_type t"  # noqa: S608
            f" WHERE t.make = m.id AND {stated}",
        )
        for name, stated in _STATED.items()
    },
    "digits": _DIGITS,
    "listed": _LISTED,
}
_OF_SIMS = {
    "site": UnitTerm(
        "(SELECT 1 FROM place_sim h JOIN place p ON p.id = h.place"  # noqa: S608
        " JOIN gateway g ON g.id = p.gateway WHERE h.sim = {unit}"
        f" AND (g.site = :site OR {_HAS_ASSET.format('p.unit')} = 1) LIMIT 1) = 1",
        # places, whose SIMs follow
        f"{_IN_GATEWAYS.format('id')} UNION ALL SELECT p.id FROM ({_SITE_OF_ASSET}) o"  # noqa: S608
        " JOIN place p ON p.unit = o.id",
    ),
    "digits": _DIGITS,
    "listed": _LISTED,
}
_TERMS = {UnitKind.MODEM: _OF_MODEMS, UnitKind.SIM: _OF_SIMS}
#: The makes of a model or firmware, whose modems an index has in their order.
MAKES = "SELECT id FROM make m WHERE {} LIMIT :most"


def terms_of(kind: UnitKind, wanted: UnitFilter) -> dict[str, UnitTerm]:
    """Return the conditions that a filter has in SQL, by its field."""
    return {name: one for name, one in _TERMS[kind].items() if getattr(wanted, name)}


def makes_of(wanted: UnitFilter) -> str | None:
    """Return the query for the makes of a filter; None: it is not about makes."""
    stated = [one for name, one in _STATED.items() if getattr(wanted, name)]
    return MAKES.format(" AND ".join(stated)) if stated else None


def values_of(kind: UnitKind, wanted: UnitFilter) -> dict[str, object]:
    """Return the parameters of the conditions."""
    digits, state = wanted.digits or "", wanted.link_state
    prefix = "imei" if kind == UnitKind.MODEM else "sim"
    return {
        "kind": int(kind),
        "site": wanted.site,
        "model": (wanted.model or "").lower(),
        "firmware": (wanted.firmware or "").lower(),
        "low": digits,
        "high": digits.ljust(_LONGEST, "9"),
        "link_state": int(LinkState[state.upper()]) if state else None,
        "listed": f"{prefix}.{wanted.listed}",
    }
