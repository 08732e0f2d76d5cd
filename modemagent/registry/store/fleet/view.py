"""Names of rows: what is stored as surrogate keys, as it is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table

from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.database.refs import format_ref
from modemagent.registry.store.intake.boots import BOOT_COLUMNS, Boot, boot_of
from modemagent.registry.store.intake.places import PLACE_COLUMNS, Place, place_of
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.policy_tables import link

_STREAMS = (
    "SELECT s.id, g.gateway_id, s.stream_id FROM stream AS s"
    " JOIN gateway AS g ON g.id = s.gateway WHERE s.id IN {keys}"
)
_OF_PLACES = "(SELECT {column} FROM place WHERE id IN {{keys}})"
_LAST_STREAMS = _STREAMS.format(keys=_OF_PLACES.format(column="last_stream"))
_LAST_BOOTS = (
    f"SELECT {', '.join(BOOT_COLUMNS)} FROM boot"  # noqa: S608
    f" WHERE id IN {_OF_PLACES.format(column='last_boot')}"
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


class _Kind(NamedTuple):
    """Rows of one kind.

    :param read: returns the query for the rows with some keys, which are in their first column
    :param made: returns what is kept of a row
    :param is_list: there may be several rows with one key
    """

    read: Callable[[Connection, Iterable[int]], Read | None]
    made: Callable[[tuple[Any, ...]], Any]
    is_list: bool = False


def _of(table: Table, names: tuple[str, ...], key: str = "id") -> Callable[..., Read | None]:
    return lambda connection, keys: dialect.rows_of(
        connection, table, (key,), names, [(one,) for one in sorted(keys)]
    )


def _by(statement: str) -> Callable[..., Read | None]:
    return lambda connection, keys: dialect.rows_by(connection, statement, keys)


_KINDS = {
    "units": _Kind(
        _of(schema.unit, ("id", "kind", "key", "number", "ref")),
        lambda row: UnitName(row[0], row[1], row[2], row[3], format_ref(row[4])),
    ),
    "streams": _Kind(_by(_STREAMS), lambda row: (row[1], row[2])),
    "places": _Kind(_by(_PLACES), lambda row: PlaceName(*row[1:])),
    "place_rows": _Kind(_of(schema.place, PLACE_COLUMNS), place_of),
    "boots": _Kind(_of(schema.boot, BOOT_COLUMNS), boot_of),
    "numbers": _Kind(_of(schema.identifier, ("id", "value")), lambda row: str(row[1])),
    "makes": _Kind(
        _of(schema.make, ("id", "manufacturer", "model", "firmware")), lambda row: row[1:]
    ),
    "links": _Kind(
        _of(link, ("modem", "slot", "state"), "modem"),
        lambda row: (row[1], LinkState(row[2])),
        is_list=True,
    ),
    "holdings": _Kind(
        _of(schema.place_sim, ("sim", "slot", "place"), "sim"), lambda row: row[1:], is_list=True
    ),
}
#: What is read with the rows of places: the boots and streams of their newest readings.
_WITH_PLACES = {"boots": _by(_LAST_BOOTS), "streams": _by(_LAST_STREAMS)}


class View:
    """Rows of one consistent state of the database by key, each kind read at most once."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._known: defaultdict[str, dict[int, Any]] = defaultdict(dict)

    def load(self, *others: Read | None, **keys: Iterable[int | None]) -> list[Rows]:
        """Read rows of several kinds, which takes one round trip to PostgreSQL.

        :param others: queries that are made together with these; their rows are returned
        :param keys: those of each kind; the kinds are called as the methods that return them
        """
        kinds: list[str] = []
        reads: list[Read | None] = []
        for kind, some in keys.items():
            known = self._known[kind]
            missing = {key for key in some if key and key not in known}
            if missing and _KINDS[kind].is_list:
                known.update({key: [] for key in missing})
            kinds.append(kind)
            reads.append(_KINDS[kind].read(self.connection, missing))
            if kind == "place_rows":
                kinds += _WITH_PLACES
                reads += [read(self.connection, missing) for read in _WITH_PLACES.values()]
        found = dialect.read_together(self.connection, [*reads, *others])
        for kind, rows in zip(kinds, found, strict=False):
            known, made = self._known[kind], _KINDS[kind].made
            if _KINDS[kind].is_list:
                for row in rows:
                    known[row[0]].append(made(row))
            else:
                known.update({row[0]: made(row) for row in rows})
        return found[len(kinds) :]

    def _get(self, kind: str, keys: Iterable[int | None]) -> dict[int, Any]:
        known = self._known[kind]
        if missing := [key for key in keys if key and key not in known]:
            self.load(**{kind: missing})
        return known

    def units(self, keys: Iterable[int | None]) -> dict[int, UnitName]:
        """Return the names of units."""
        return self._get("units", keys)

    def streams(self, keys: Iterable[int | None]) -> dict[int, tuple[str, str]]:
        """Return the gateway and the id of streams."""
        return self._get("streams", keys)

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
        return self._get("places", keys)

    def place_rows(self, keys: Iterable[int]) -> dict[int, Place]:
        """Return places with their newest reading, whose boot and stream are then known too."""
        return self._get("place_rows", keys)

    def holdings(self, sims: Iterable[int]) -> dict[int, list[tuple[int, int]]]:
        """Return the slots, each with its place, that SIMs are in by the newest readings."""
        return self._get("holdings", sims)

    def numbers(self, keys: Iterable[int | None]) -> dict[int, str]:
        """Return the values of identifiers."""
        return self._get("numbers", keys)

    def makes(self, keys: Iterable[int | None]) -> dict[int, tuple[str, str, str]]:
        """Return manufacturer, model and firmware."""
        return self._get("makes", keys)

    def boots(self, keys: Iterable[int | None]) -> dict[int, Boot]:
        """Return boots with their dates."""
        return self._get("boots", keys)

    def link_state(self, modem: int | None, slot: int | None = None) -> str:
        """Return the link state of a modem, or of one of its slots."""
        # slot 0: none was read yet
        states: dict[int, LinkState] = dict(self._get("links", [modem])[modem]) if modem else {}
        if not states:
            return UNLINKED
        found = max(states.values()) if slot is None else states.get(slot, LinkState.ARMED)
        return found.shown
