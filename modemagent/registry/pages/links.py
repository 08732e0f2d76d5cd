"""Links to modems, SIMs, gateways and reports: addresses have references, never numbers."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection

from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.store.fleet.unit_numbers import refs_of
from modemagent.registry.store.history.units import UnitKind


class Link(NamedTuple):
    """A text with the address of its page; without an address it is only text."""

    text: str
    url: str | None = None


#: What a document states of modems, SIMs and gateways, and of the gateways of reports.
_KINDS = {"imei": UnitKind.MODEM, "iccid": UnitKind.SIM}
_REPORTS = frozenset({"report", "first_report", "last_report"})


class Links:
    """Links of one page; each name is looked up once.

    :param documents: what will be shown, whose names are looked up together
    """

    def __init__(self, connection: Connection, viewer: Viewer, documents: object = ()) -> None:
        self._connection = connection
        self._viewer = viewer
        self._units: dict[tuple[UnitKind, str], str | None] = {}
        self._gateways: dict[str, str | None] = {}
        self.load(documents)

    def load(self, *documents: object) -> None:
        """Look up the names in documents, in one round trip to PostgreSQL."""
        units: set[tuple[UnitKind, str]] = set()
        gateways: set[str] = set()
        waiting = list(documents)
        while waiting:
            one = waiting.pop()
            if isinstance(one, list | tuple):
                waiting += one
            elif isinstance(one, dict):
                for name, value in one.items():
                    if not isinstance(value, str):
                        waiting.append(value)
                    elif name in _KINDS:
                        units.add((_KINDS[name], value))
                    elif name == "gateway_id":
                        gateways.add(value)
                    elif name in _REPORTS:
                        gateways.add(value.rsplit("/", 2)[0])
        units -= self._units.keys()
        gateways -= self._gateways.keys()
        if units or gateways:
            self._read(units, gateways)

    def modem(self, imei: str | None) -> Link | None:
        """Return the link of a modem by its number."""
        return self._unit(UnitKind.MODEM, "/modems", imei)

    def sim(self, iccid: str | None) -> Link | None:
        """Return the link of a SIM by its number."""
        return self._unit(UnitKind.SIM, "/sims", iccid)

    def gateway(self, gateway_id: str | None) -> Link | None:
        """Return the link of a gateway by its id, which can look like a number."""
        if gateway_id is None:
            return None
        ref = self._gateway_ref(gateway_id)
        return Link(self._viewer.text(gateway_id), ref and f"/gateways/{ref}")

    def report(self, key: str | None) -> Link | None:
        """Return the link of a report by its key."""
        if key is None:
            return None
        gateway_id, stream, sequence = key.rsplit("/", 2)
        ref = self._gateway_ref(gateway_id)
        text = self._viewer.text(f"{gateway_id}/{stream[:8]}/{sequence}")
        return Link(text, ref and f"/reports/{ref}/{quote(stream, safe='')}/{sequence}")

    def text(self, value: str) -> str:
        """Return a text as the viewer may see it."""
        return self._viewer.text(value)

    def plain(self, number: str | None) -> Link | None:
        """Return a number that has no page."""
        return None if number is None else Link(self._viewer.digits(number))

    def gateway_of(self, key: str | None) -> Link | None:
        """Return the link of the gateway that has sent a report."""
        return None if key is None else self.gateway(key.rsplit("/", 2)[0])

    def _unit(self, kind: UnitKind, under: str, number: str | None) -> Link | None:
        if number is None:
            return None
        if (kind, number) not in self._units:
            self._read({(kind, number)}, set())
        ref = self._units[kind, number]
        return Link(self._viewer.digits(number), ref and f"{under}/{ref}")

    def _gateway_ref(self, gateway_id: str) -> str | None:
        if gateway_id not in self._gateways:
            self._read(set(), {gateway_id})
        return self._gateways[gateway_id]

    def _read(self, units: set[tuple[UnitKind, str]], gateways: set[str]) -> None:
        found, named = refs_of(self._connection, units, gateways)
        self._units.update({one: found.get(one) for one in units})
        self._gateways.update({one: named.get(one) for one in gateways})
