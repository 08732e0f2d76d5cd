"""Parsers of SIM slot lines, which differ from maker to maker.

All return the same text, which :func:`modemagent.modem.slots.slots_of` splits: the slots in
order, separated by commas, each ``unknown``, ``present`` or ``absent``, with ``*`` after the one
in use. A slot count is a decimal number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from modemagent.at.fields import InformationLine
from modemagent.dialects.table_types import Extracted, Parser

_MOST_SLOTS = 8


def _slots(active: int, count: int = 0) -> Extracted:
    states = ["unknown"] * max(active, count)
    states[active - 1] += "*"
    return ",".join(states), True


def _slot_number(line: InformationLine) -> Extracted | None:
    """Parse ``1``: the slot in use, counted from 1."""
    number = line.integer(0)
    return _slots(number) if number is not None and 1 <= number <= _MOST_SLOTS else None


def _slot_index_of_two(line: InformationLine) -> Extracted | None:
    """Parse ``0``: the first of two slots is in use; ``"SUB1","LTE"`` may follow and agrees."""
    if line.text(0) not in ("0", "1"):
        return None
    active = int(line.text(0)) + 1
    named = re.fullmatch("SUB([12])", line.text(1))
    return None if named and int(named[1]) != active else _slots(active, 2)


def _slot_uims(line: InformationLine) -> Extracted | None:
    """Parse ``0``, or ``3,1``: 3 is automatic selection, followed by the selected slot."""
    used = line.text(1) if line.text(0) == "3" and len(line.fields) > 1 else line.text(0)
    return _slots(int(used) + 1, 2) if used in ("0", "1") else None


def _slot_second_field(line: InformationLine) -> Extracted | None:
    """Parse ``1,2``; the meaning of a third field (one line per slot) is not documented."""
    if len(line.fields) != 2 or line.text(1) not in ("1", "2"):
        return None
    return _slots(int(line.text(1)), 2)


def _slot_third_index(line: InformationLine) -> Extracted | None:
    return _slots(int(line.text(2)) + 1, 2) if line.text(2) in ("0", "1") else None


def _slot_enabled(line: InformationLine) -> Extracted | None:
    """Parse ``SIM1 ENABLE``."""
    match = re.fullmatch(r"SIM([12])\s+ENABLE", line.body.strip(), re.IGNORECASE)
    return _slots(int(match[1]), 2) if match else None


def _slot_pairs(line: InformationLine) -> Extracted | None:
    """Parse ``1,1,1,0``: for each slot, whether it holds a SIM and whether it is in use.

    "No SIM" is not accepted for a slot that is not in use: some firmware does not power it.
    """
    flags = line.fields
    pairs = list(zip(flags[::2], flags[1::2], strict=False))
    if len(flags) not in (4, 6) or not set(flags) <= {"0", "1"}:
        return None
    if [used for _, used in pairs].count("1") != 1:
        return None
    states = {("1", "1"): "present*", ("0", "1"): "absent*", ("1", "0"): "present"}
    return ",".join(states.get(pair, "unknown") for pair in pairs), True


def _slot_count(line: InformationLine) -> Extracted | None:
    """Parse ``(1,2)`` or ``(1-2)``: the slots in the response to a test command."""
    match = re.match(r"\(([0-9,\s-]+)\)", line.text(0))
    if match is None:
        return None
    slots: set[int] = set()
    for part in match[1].replace(" ", "").split(","):
        low, _, high = part.partition("-")
        if not low.isdigit() or (high and not high.isdigit()):
            return None
        slots.update(range(int(low), min(int(high or low), int(low) + _MOST_SLOTS) + 1))
    return (str(len(slots)), True) if 1 <= len(slots) <= _MOST_SLOTS else None


SLOT_PARSERS: Mapping[str, Parser] = {
    "slot_number": Parser("QUI?MSLOT|QUSIMSLOT|SIMCROSS", _slot_number),
    "slot_index_of_two": Parser("GTDUALSIM|QDSIM|SIMCROSS", _slot_index_of_two),
    "slot_uims": Parser("UIMS", _slot_uims),
    "slot_second_field": Parser("SMSIMCFG", _slot_second_field),
    "slot_third_index": Parser("QSS", _slot_third_index),
    "slot_enabled": Parser("SWITCH_SLOT", _slot_enabled),
    "slot_pairs": Parser("SIMSLOT", _slot_pairs),
    "slot_count": Parser("QUI?MSLOT|QUSIMSLOT", _slot_count),
}
