"""Explanations of the makers' slot lines: which SIM slot is in use. Slots are counted from 1."""

from __future__ import annotations

import re
from collections.abc import Mapping

from modemagent.at.fields import InformationLine
from modemagent.explain.explanation import QUECTEL, QUECTEL_5G, SIMCOM, Decoder, Explanation
from modemagent.explain.meanings import meaning

#: Prefix of a line with the number of the slot, the first number that a slot may have, the source.
COUNTED: Mapping[str, tuple[int, str]] = {
    "+QUIMSLOT": (1, f"{QUECTEL_5G}, +QUIMSLOT"),
    "+QUSIMSLOT": (1, f"{QUECTEL_5G}, +QUSIMSLOT"),
    "+GTDUALSIM": (0, "Fibocom FM350 AT commands manual, +GTDUALSIM"),
    "+QDSIM": (0, f"{QUECTEL}, +QDSIM"),
    "!UIMS": (0, "Sierra EM9190 AT command reference, !UIMS"),
    "+SWITCH_SLOT": (0, "Cinterion MV31 AT command set, +SWITCH_SLOT"),
    "^SWITCH_SLOT": (0, "Foxconn T99W175 AT commands, ^SWITCH_SLOT"),
}
_MOST = 8


def _active(slot: int, source: str, more: str = "") -> Explanation:
    text = f"slot {slot} is active{more}"
    return Explanation("SIM slot", text, source, {"slot": slot})


def counted(line: InformationLine) -> Explanation | None:
    """Explain ``1``, ``0,"SUB1","LTE"``, ``SIM1 ENABLE``, and ``3,1``: selected automatically."""
    first, source = COUNTED[line.name]
    if line.text(0).startswith("("):
        text = f"the command accepts {line.text(0)}"
        return Explanation("SIM slot", text, source, {"values": line.text(0)})
    if named := re.fullmatch(r"SIM ?([1-8])\s+(EN|DIS)ABLED?", line.body.strip().upper()):
        slot = int(named[1])
        if named[2] == "DIS":
            return Explanation("SIM slot", f"slot {slot} is not in use", source, {"slot": None})
        return _active(slot, source)
    number = line.integer(0)
    if line.name == "!UIMS" and number == 3:
        chosen = line.integer(1)
        if chosen is None:
            return Explanation("SIM slot", "the slot is selected automatically", source)
        return _active(chosen + 1, source, ", selected automatically")
    if number is None or not first <= number <= _MOST:
        return None
    slot = number - first + 1
    name = re.fullmatch("SUB([1-8])", line.text(1).upper())
    if name and int(name[1]) != slot:
        text = f"the number means slot {slot}, the name {name[0]} slot {name[1]}"
        return Explanation("SIM slot", text, source)
    state = line.text(2 if name else 1)
    return _active(slot, source, f", {state.lower()}" if state and not state.isdecimal() else "")


def simcom(line: InformationLine) -> Explanation | None:
    """Explain ``+SMSIMCFG: 1,<slot>``; a third field makes it one line for each slot."""
    slot, source = line.integer(1), f"{SIMCOM}, +SMSIMCFG"
    if slot is None or not 1 <= slot <= _MOST:
        return None
    if len(line.fields) == 2:
        return _active(slot, source)
    state = line.integer(2)
    text = f"slot {slot}, state {state}"
    return Explanation("SIM slot", text, source, {"state": state})


def crossed(line: InformationLine) -> Explanation | None:
    """Explain ``+SIMCROSS``: Luat counts from 0, Neoway from 1."""
    text = meaning(line.name, line.integer(0))
    source = "Luat Air780E SIM application guide and Neoway manuals, +SIMCROSS"
    return Explanation("SIM slot", text, source, {"number": line.integer(0)}) if text else None


def meig(line: InformationLine) -> Explanation | None:
    """Explain ``^SIMSLOT: 1,1,1,0``: for each slot, whether it has a SIM and is in use."""
    flags = line.fields
    if len(flags) not in (4, 6) or not set(flags) <= {"0", "1"}:
        return None
    parts = []
    used = None
    for slot, (present, active) in enumerate(zip(flags[::2], flags[1::2], strict=True), 1):
        if active == "1":
            used = slot
            parts.append(f"slot {slot} is active, {'SIM inserted' if present == '1' else 'no SIM'}")
        elif present == "1":
            parts.append(f"SIM in slot {slot}")
        else:
            # Some firmware does not power a slot that is not in use.
            parts.append(f"slot {slot} not known")
    source = "MeiG SRM810 AT commands manual, ^SIMSLOT"
    return Explanation("SIM slot", "; ".join(parts), source, {"slot": used})


DECODERS: Mapping[str, Decoder] = {
    **dict.fromkeys(COUNTED, counted),
    "+SMSIMCFG": simcom,
    "+SIMCROSS": crossed,
    "^SIMSLOT": meig,
    "^SIMSLOTURC": meig,
}
