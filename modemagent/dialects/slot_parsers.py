"""What the answers about card slots look like, each maker's own way.

All give the same text (:func:`modemagent.modem.slots.slots_of` takes it apart): the slots in
order, joined by commas, each ``unknown``, ``present`` or ``absent``, a ``*`` behind the one in
use. A count is a decimal number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from modemagent.dialects.parsers import Parser, fields


def _slot_words(active: int, count: int = 0) -> tuple[str, bool]:
    words = ["unknown"] * max(active, count)
    words[active - 1] += "*"
    return ",".join(words), True


def _slot_number(body: str) -> tuple[str, bool] | None:
    """``1``: the number of the slot in use, counted from 1."""
    number = fields(body)[0]
    return _slot_words(int(number)) if re.fullmatch("[1-8]", number) else None


def _slot_index_of_two(body: str) -> tuple[str, bool] | None:
    """``0``: the first of two slots is in use; what follows (``"SUB1","LTE"``) says the same."""
    parts = fields(body)
    if parts[0] not in ("0", "1"):
        return None
    named = re.fullmatch("SUB([12])", parts[1]) if len(parts) > 1 else None
    if named and int(named[1]) != int(parts[0]) + 1:
        return None
    return _slot_words(int(parts[0]) + 1, 2)


def _slot_uims(body: str) -> tuple[str, bool] | None:
    """``0``; ``3,1``: 3 is the automatic choice, and the second field tells what it chose."""
    parts = fields(body)
    used = parts[1] if parts[0] == "3" and len(parts) > 1 else parts[0]
    return _slot_words(int(used) + 1, 2) if used in ("0", "1") else None


def _slot_second_field(body: str) -> tuple[str, bool] | None:
    """``1,2``; with a third field (one line a slot) nobody has told what it means."""
    parts = fields(body)
    if len(parts) != 2 or parts[1] not in ("1", "2"):
        return None
    return _slot_words(int(parts[1]), 2)


def _slot_third_index(body: str) -> tuple[str, bool] | None:
    parts = fields(body)
    return _slot_words(int(parts[2]) + 1, 2) if len(parts) > 2 and parts[2] in ("0", "1") else None


def _slot_enabled(body: str) -> tuple[str, bool] | None:
    """``SIM1 ENABLE``."""
    match = re.fullmatch(r"SIM([12])\s+ENABLE", body.strip(), re.IGNORECASE)
    return _slot_words(int(match[1]), 2) if match else None


def _slot_pairs(body: str) -> tuple[str, bool] | None:
    """``1,1,1,0``: of each slot, is there a card and is it in use.

    That a slot not in use holds no card is not believed: some firmware gives it no power.
    """
    flags = fields(body)
    pairs = list(zip(flags[::2], flags[1::2], strict=False))
    if len(flags) not in (4, 6) or not set(flags) <= {"0", "1"}:
        return None
    if [used for _, used in pairs].count("1") != 1:
        return None
    words = {("1", "1"): "present*", ("0", "1"): "absent*", ("1", "0"): "present"}
    return ",".join(words.get(pair, "unknown") for pair in pairs), True


def _slot_count(body: str) -> tuple[str, bool] | None:
    """``(1,2)`` or ``(1-2)``: the slots that a test form offers."""
    match = re.match(r"\s*\(([0-9,\s-]+)\)", body)
    if match is None:
        return None
    slots: set[int] = set()
    for part in match[1].replace(" ", "").split(","):
        low, _, high = part.partition("-")
        if not low.isdigit() or (high and not high.isdigit()):
            return None
        slots.update(range(int(low), min(int(high or low), int(low) + 8) + 1))
    return (str(len(slots)), True) if 1 <= len(slots) <= 8 else None


SLOT_SHAPES: Mapping[str, Parser] = {
    "slot_number": Parser("QUI?MSLOT|QUSIMSLOT|SIMCROSS", _slot_number),
    "slot_index_of_two": Parser("GTDUALSIM|QDSIM|SIMCROSS", _slot_index_of_two),
    "slot_uims": Parser("UIMS", _slot_uims),
    "slot_second_field": Parser("SMSIMCFG", _slot_second_field),
    "slot_third_index": Parser("QSS", _slot_third_index),
    "slot_enabled": Parser("SWITCH_SLOT", _slot_enabled),
    "slot_pairs": Parser("SIMSLOT", _slot_pairs),
    "slot_count": Parser("QUI?MSLOT|QUSIMSLOT", _slot_count),
}
