"""Explanations of cells in the makers' own lines: network, band, cell, measured values.

``data/cells.txt`` names the fields of each line. This module reads the fields; the lines that need
more than their fields' names are in :mod:`modemagent.explain.cell_lines`.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from modemagent.at.data_rows import data_rows
from modemagent.at.fields import InformationLine, parse_hex_integer, parse_integer
from modemagent.at.operator import split_plmn
from modemagent.at.signal import CESQ, Signal, scaled
from modemagent.explain.explanation import Decoder, Explanation
from modemagent.explain.meanings import meaning
from modemagent.explain.signal import measured


class CellRow(NamedTuple):
    """The fields of one kind of line.

    :param label: name of the technology, ``""`` if the line does not determine it
    :param names: of the fields, each with its mark
    """

    label: str
    about: str
    names: tuple[tuple[str, str], ...]
    source: str


@cache
def cell_rows() -> Mapping[str, Mapping[str, CellRow]]:
    """Return the layout of each line by its prefix, then by first field or another key."""
    table: dict[str, dict[str, CellRow]] = {}
    for prefix, keys, about, names, source in data_rows(__file__, "cells.txt"):
        for each in keys.split(", "):
            key, named, label = each.partition("=")
            label = label if named else key.removeprefix("NEIGHBOURCELL ")
            marked = tuple(map(_marked, names.split()))
            table.setdefault(prefix, {})[key] = CellRow(label, about, marked, source)
    return table


def _marked(text: str) -> tuple[str, str]:
    """Return the name of a field and its mark.

    >>> _marked("rsrp#"), _marked("sinr/2"), _marked("-")
    (('rsrp', '#'), ('sinr', '/2'), ('', '-'))
    """
    name = text.rstrip("#?~/-0123456789")
    return name, text[len(name) :]


_SCALES = {scale.name: scale for scale in CESQ}
# The lowest step of a scale is what a modem sends if it has measured nothing.
_RANGE = {
    "rsrp": (-156, -20),
    "ss_rsrp": (-156, -20),
    "rssi": (-125, -10),
    "rscp": (-125, -10),
    "rxlev": (-125, -10),
    "rsrq": (-43.5, 20),
    "ss_rsrq": (-43.5, 20),
    "sinr": (-23.5, 45),
    "ecno": (-45, 0),
}
_STRENGTHS = ("rsrp", "rssi", "rscp", "rxlev")
# Strengths below this are sent in tenths of a dB; the makers' fillers are far lower.
_TENTHS = range(-1600, -199)
_HEX = frozenset(("cell", "area"))
# Patterns are compiled at their first use, as most commands explain nothing.
# Fibocom L860 repeats the sign after the point: -9.-50 is -9.5
_NUMBER = r"(-?[0-9]{1,6})(?:\.-?([0-9]{1,3}))?"
_BAND = r"(?i)(?:BAND[ _]?|\bB|\bN)([0-9]{1,3})\b"


def parse_number(text: str) -> float | None:
    """Return a decimal number with or without a fraction, None for any other text.

    >>> parse_number("-10.9"), parse_number("-090.70"), parse_number("-9.-50"), parse_number("-")
    (-10.9, -90.7, -9.5, None)
    """
    found = re.fullmatch(_NUMBER, text.strip())
    return float(f"{found[1]}.{found[2] or 0}") if found else None


def band_of(text: str) -> object:
    """Return the number of a band, or its name if it has no number.

    >>> band_of("EUTRAN-BAND3"), band_of("NR5G_BAND78"), band_of("20"), band_of("WCDMA 900")
    (3, 78, 20, 'WCDMA 900')
    """
    found = re.search(_BAND, text)
    number = parse_integer(found[1] if found else text)
    return text if number is None else number


def plmn_of(text: str) -> tuple[str, str] | None:
    """Return MCC and MNC of ``460-00``, ``310 260`` or ``26201``, None for any other text."""
    mcc, dash, mnc = text.strip().replace(" ", "-").partition("-")
    if dash:
        return (mcc, mnc) if mcc.isdecimal() and mnc.isdecimal() else None
    return split_plmn(mcc)


def plausible(values: Mapping[str, float]) -> Signal:
    """Return measured values in dBm and dB, without those that stand for nothing measured."""
    if any(int(values.get(name, 0)) in _TENTHS for name in _STRENGTHS):
        values = {name: value / 10 for name, value in values.items()}
    rsrp, rsrq = values.get("rsrp"), values.get("rsrq")
    if rsrp is not None and rsrq is not None and rsrq < rsrp:
        # RSRP is -44 dBm or less, RSRQ -43 dB or more: firmware has them in either order.
        values = {**values, "rsrp": rsrq, "rsrq": rsrp}
    kept = {n: v for n, v in values.items() if _RANGE[n][0] <= v <= _RANGE[n][1]}
    return Signal(kept)


def explain_cell(
    layout: CellRow, fields: Sequence[str], parts: Sequence[str] = (), **known: object
) -> Explanation:
    """Explain the fields of a cell.

    :param parts: of the text, before the network
    :param known: fields that are known already
    """
    found: dict[str, object] = {**known}
    raw: dict[str, float] = {}
    converted: dict[str, float] = {}
    for (name, mark), field in zip(layout.names, fields, strict=False):
        text = field.strip()
        if not name or text in ("", "-"):
            continue
        if name in _RANGE:
            number = parse_number(text)
            if number is None:
                continue
            if mark == "#" or (mark == "?" and number >= 0):
                converted |= scaled((_SCALES[name],), (int(number),)).values
            elif mark[:1] == "/":
                converted[name] = number / int(mark[1:])
            elif mark[:1] == "-":
                converted[name] = max(number, 1) + int(mark)
            else:
                raw[name] = -abs(number) if mark == "~" else number
        else:
            found |= _identified(name, text, is_decimal=mark == "#")
    states = filter(None, (meaning("cell", field.strip().upper()) for field in fields))
    shown = [layout.label, *parts, *dict.fromkeys(states)]
    signal = plausible(raw)
    values = {**signal.values, **plausible(converted).values}
    return _explained(list(filter(None, shown)), found, Signal(values), layout)


def _identified(name: str, text: str, *, is_decimal: bool) -> dict[str, object]:
    """Return the fields of one that identifies the cell."""
    if name in _HEX:
        found: dict[str, object] = {name: text}
        parse = parse_integer if is_decimal else parse_hex_integer
        if len(text) <= 18 and (value := parse(text)) is not None:
            found["cell_id" if name == "cell" else "area_code"] = value
        return found
    if name in ("mcc", "mnc"):
        return {name: text} if text.isdecimal() and text != "000" else {}
    if name == "plmn":
        return dict(zip(("mcc", "mnc"), plmn_of(text) or (), strict=False))
    if name == "band":
        return {name: band_of(text)}
    number = parse_integer(text)
    return {name: text if number is None else number}


def _explained(
    parts: list[str], found: dict[str, object], signal: Signal, layout: CellRow
) -> Explanation:
    if "mcc" in found and "mnc" in found:
        parts.append(f"network {found['mcc']} {found['mnc']}")
    if "band" in found:
        parts.append(f"band {found['band']}")
    text, measures = measured(signal)
    if text:
        parts.append(text)
    if layout.label:
        found = {"technology": layout.label, **found}
    shown = ", ".join(parts) or f"{layout.about} without measured values"
    return Explanation(layout.about, shown, layout.source, found | measures)


def by_technology(line: InformationLine) -> Explanation | None:
    """Explain a line whose first field names the technology, or that has only one form."""
    layouts = cell_rows()[line.name]
    key = line.text(0).upper()
    if key == "NONE":
        return Explanation("cell", "no cell", next(iter(layouts.values())).source)
    if key in layouts:
        return explain_cell(layouts[key], line.fields[1:])
    if "" in layouts and parse_number(line.text(0)) is not None and len(line.fields) > 2:
        return explain_cell(layouts[""], line.fields)
    return None


DECODERS: Mapping[str, Decoder] = dict.fromkeys(
    ("^MONSC", "^MONNC", "^SMONI", "+XMCI", "+XCESQ", "+RSRP", "+RSRQ"), by_technology
)
