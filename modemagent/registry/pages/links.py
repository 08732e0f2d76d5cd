"""Links to modems, SIMs, gateways and reports: addresses have references, never numbers."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection, select

from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.store import schema
from modemagent.registry.store.lookup import find_unit
from modemagent.registry.store.refs import format_ref
from modemagent.registry.store.units import UnitKind
from modemagent.registry.store.view import View


class Link(NamedTuple):
    """A text with the address of its page; without an address it is only text."""

    text: str
    url: str | None = None


class Links:
    """Links of one page; each name is looked up once."""

    def __init__(self, connection: Connection, viewer: Viewer) -> None:
        self._view = View(connection)
        self._viewer = viewer
        self._units: dict[tuple[UnitKind, str], str | None] = {}
        self._gateways: dict[str, str | None] = {}

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
            row = find_unit(self._view, kind, number)
            self._units[kind, number] = None if row is None else self._view.units([row])[row].ref
        ref = self._units[kind, number]
        return Link(self._viewer.digits(number), ref and f"{under}/{ref}")

    def _gateway_ref(self, gateway_id: str) -> str | None:
        if gateway_id not in self._gateways:
            c = schema.gateway.c
            query = select(c.ref).where(c.gateway_id == gateway_id)
            ref = self._view.connection.execute(query).scalar()
            self._gateways[gateway_id] = None if ref is None else format_ref(ref)
        return self._gateways[gateway_id]
