"""Names of rows: what is stored as surrogate keys, as it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store import dialect, schema
from modemagent.registry.store.boots import BOOT_COLUMNS, Boot, boot_of
from modemagent.registry.store.places import Place, load_places
from modemagent.registry.store.policy_tables import link
from modemagent.registry.store.refs import format_ref

_STREAMS = (
    "SELECT s.id, g.gateway_id, s.stream_id FROM stream AS s"
    " JOIN gateway AS g ON g.id = s.gateway WHERE s.id IN {keys}"
)
_PLACES = (
    "SELECT p.id, g.gateway_id, p.device_id, p.gateway FROM place AS p"
    " JOIN gateway AS g ON g.id = p.gateway WHERE p.id IN {keys}"
)


UNLINKED = LinkState.UNLINKED.shown


class UnitName(NamedTuple):
    """A unit as it is shown.

    :param key: number under which its readings are collected
    :param number: its number in full, as last read
    """

    id: int
    kind: int
    key: str
    number: str
    ref: str


class PlaceName(NamedTuple):
    """A place as it is shown."""

    gateway_id: str
    device_id: str
    gateway: int


class View:
    """Rows of one consistent state of the database by key, each kind read at most once."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._units: dict[int, UnitName] = {}
        self._streams: dict[int, tuple[str, str]] = {}
        self._places: dict[int, PlaceName] = {}
        self._place_rows: dict[int, Place] = {}
        self._numbers: dict[int, str] = {}
        self._boots: dict[int, Boot] = {}
        self._makes: dict[int, tuple[str, str, str]] = {}
        self._links: dict[int, dict[int, LinkState]] = {}

    def units(self, keys: Iterable[int | None]) -> dict[int, UnitName]:
        """Return the names of units."""
        names = ("id", "kind", "key", "number", "ref")

        def made(row: tuple[Any, ...]) -> UnitName:
            return UnitName(row[0], row[1], row[2], row[3], format_ref(row[4]))

        return self._load(self._units, schema.unit, names, keys, made)

    def streams(self, keys: Iterable[int | None]) -> dict[int, tuple[str, str]]:
        """Return the gateway and the id of streams."""
        missing = _missing(self._streams, keys)
        for row, *names in dialect.query_keys(self.connection, _STREAMS, missing):
            self._streams[row] = names[0], names[1]
        return self._streams

    def gateways(self, keys: Iterable[int]) -> dict[int, str]:
        """Return the ids of gateways."""
        wanted = [(key,) for key in sorted(set(keys))]
        rows = dialect.select_rows(
            self.connection, schema.gateway, ("id",), ("id", "gateway_id"), wanted
        )
        return {row[0]: row[1] for row in rows}

    def report(self, stream: int | None, sequence: int | None) -> str | None:
        """Return the key of a report, ``GATEWAY/STREAM/SEQUENCE``."""
        if stream is None:
            return None
        gateway_id, stream_id = self.streams([stream])[stream]
        return f"{gateway_id}/{stream_id}/{sequence}"

    def places(self, keys: Iterable[int | None]) -> dict[int, PlaceName]:
        """Return the names of places."""
        missing = _missing(self._places, keys)
        for row, *names in dialect.query_keys(self.connection, _PLACES, missing):
            self._places[row] = PlaceName(*names)
        return self._places

    def place_rows(self, keys: Iterable[int]) -> dict[int, Place]:
        """Return places with their newest reading."""
        missing = [(key,) for key in sorted(_missing(self._place_rows, keys))]
        found = load_places(self.connection, ("id",), missing)
        self._place_rows.update({place.id: place for place in found})
        return self._place_rows

    def numbers(self, keys: Iterable[int | None]) -> dict[int, str]:
        """Return the values of identifiers."""
        return self._load(
            self._numbers, schema.identifier, ("id", "value"), keys, lambda row: str(row[1])
        )

    def makes(self, keys: Iterable[int | None]) -> dict[int, tuple[str, str, str]]:
        """Return manufacturer, model and firmware."""
        names = ("id", "manufacturer", "model", "firmware")
        return self._load(
            self._makes, schema.make, names, keys, lambda row: (row[1], row[2], row[3])
        )

    def boots(self, keys: Iterable[int | None]) -> dict[int, Boot]:
        """Return boots with their dates."""
        return self._load(self._boots, schema.boot, BOOT_COLUMNS, keys, boot_of)

    def links(self, modems: Iterable[int | None]) -> dict[int, dict[int, LinkState]]:
        """Return the link states of modems by slot; slot 0: none was read yet."""
        missing = _missing(self._links, modems)
        self._links.update({modem: {} for modem in missing})
        keys = [(modem,) for modem in sorted(missing)]
        for modem, slot, state in dialect.select_rows(
            self.connection, link, ("modem",), ("modem", "slot", "state"), keys
        ):
            self._links[modem][slot] = LinkState(state)
        return self._links

    def link_state(self, modem: int | None, slot: int | None = None) -> str:
        """Return the link state of a modem, or of one of its slots."""
        states = self.links([modem])[modem] if modem else {}
        if not states:
            return UNLINKED
        found = max(states.values()) if slot is None else states.get(slot, LinkState.ARMED)
        return found.shown

    def _load(
        self,
        known: dict[int, Any],
        table: Any,
        names: tuple[str, ...],
        keys: Iterable[int | None],
        made: Callable[[tuple[Any, ...]], Any],
    ) -> dict[int, Any]:
        missing = [(key,) for key in sorted(_missing(known, keys))]
        rows = dialect.select_rows(self.connection, table, ("id",), names, missing)
        known.update({row[0]: made(row) for row in rows})
        return known


def _missing(known: dict[int, Any], keys: Iterable[int | None]) -> set[int]:
    return {key for key in keys if key and key not in known}
