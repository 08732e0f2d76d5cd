"""Names of columns in files of other systems, mapped to the columns of an order.

A map is a TOML file; nothing in it computes::

    "IMEI-Nr." = "imei"
    model = {value = "EG25-G"}
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from modemagent.errors import UsageError
from modemagent.identity.csv_table import Columns, CsvTable, UnreadableFile, bare_name, decoded
from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.identifier import Identifier
from modemagent.identity.imei import Imei
from modemagent.identity.imsi import Imsi
from modemagent.identity.order_fields import ORDER_COLUMNS

#: Those that the registry reads as well, and what the bench alone needs.
_COLUMNS = {**ORDER_COLUMNS, "second_person": ("secondperson",)}
_FREE = "x_"
_DELIMITERS = ",;\t|"
#: Lines that are read to propose a map, and the share of values that must have a shape.
_SAMPLE_LINES, _MOSTLY = 60, 0.8
_SHAPES: tuple[type[Identifier], ...] = (Eid, Iccid, Imei, Imsi)


class ColumnMap(NamedTuple):
    """What a file calls the columns, and the values that are the same in all its rows.

    :param names: name in the file, bare, and the column that it means
    :param constants: column and value
    """

    names: Mapping[str, str] = {}
    constants: Mapping[str, str] = {}

    def columns(self) -> Columns:
        """Return the names to look for: those of the map replace the usual ones."""
        found = {
            column: names for column, names in _COLUMNS.items() if column not in self.constants
        }
        for name, column in self.names.items():
            found[column] = (name,)
        return found


def read_map(file: Path) -> ColumnMap:
    """Return the map in a file.

    :raises UsageError: the file cannot be read, or a line of it has no meaning
    """
    try:
        table = tomllib.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the column map {file} cannot be read: {error}",
            hint='Write lines such as "IMEI-Nr." = "imei".',
        ) from error
    names, constants = {}, {}
    for key, value in table.items():
        if isinstance(value, str):
            names[bare_name(key)] = _column(value)
        elif isinstance(value, dict) and value.keys() == {"value"}:
            constants[_column(key)] = str(value["value"])
        else:
            raise UsageError(
                f"{key!r} in the column map has no meaning",
                hint='A line is "NAME" = "column", or column = {value = "TEXT"}.',
            )
    return ColumnMap(names, constants)


def _column(name: str) -> str:
    if name not in _COLUMNS and not name.startswith(_FREE):
        known = ", ".join(_COLUMNS)
        raise UsageError(f"orders have no column {name!r}", hint=f"Columns: {known}, x_NAME.")
    return name


def propose_map(content: bytes) -> list[str]:
    """Return the lines of a map for a file, by the names of its columns and their values."""
    lines = decoded(content).splitlines()[:_SAMPLE_LINES]
    if not lines:
        return []
    delimiter = max(_DELIMITERS, key=lambda one: max(line.count(one) for line in lines))
    rows = list(csv.reader(lines, delimiter=delimiter))
    width = max(map(len, rows))
    start = next(at for at, row in enumerate(rows) if len(row) == width)
    header, values = rows[start], [row for row in rows[start + 1 :] if len(row) == width]
    found: dict[str, str] = {}
    for at, name in enumerate(header):
        known = (column for column, names in _COLUMNS.items() if bare_name(name) in names)
        column = next(known, None)
        if column in (None, "sim"):  # a column named SIM may have ICCIDs
            column = _shape([row[at] for row in values]) or column
        if name.strip() and column is not None and column not in found.values():
            found[name.strip()] = column
    return [f'"{_escaped(name)}" = "{column}"' for name, column in found.items()]


def _shape(values: Sequence[str]) -> str | None:
    filled = [value.strip(" '=\"") for value in values if value.strip()]
    for kind in _SHAPES:
        fitting = sum(kind.check(value).valid for value in filled)
        if filled and fitting >= _MOSTLY * len(filled):
            return kind.kind
    return None


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def json_table(content: bytes) -> CsvTable:
    """Return the objects of JSON lines as a table."""
    objects: list[tuple[int, dict[str, object]]] = []
    for number, line in enumerate(decoded(content).splitlines(), 1):
        try:
            document = json.loads(line) if line.strip() else None
        except ValueError as error:
            raise UnreadableFile("json", f"line {number} is not JSON: {error}",
                                 "Write one object per line.") from None  # fmt: skip
        if isinstance(document, dict):
            objects.append((number, document))
    header = tuple(dict.fromkeys(key for _, each in objects for key in each))
    columns = {name: header.index(name) for name in _COLUMNS if name in header}
    unknown = tuple(at for at, name in enumerate(header, 1) if name not in columns)
    rows = [(number, [_text(each.get(name)) for name in header]) for number, each in objects]
    return CsvTable(columns, rows, unknown, header)


def _text(value: object) -> str:
    if isinstance(value, list):
        return "|".join(map(str, value))
    return "" if value is None else str(value)
