"""What changed between two readings of one port.

Missing is not changed: a field counts only where both readings got it (read state ok), so a
busy card, a locked card or a mute command never looks like a swap. A PIN unlock shows the
same ICCID as before and is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from modemagent.identity.iccid import same_card
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot

_MODEM_FIELDS = (
    "manufacturer", "model", "firmware", "imei", "imeisv", "meid", "serial_number",
)  # fmt: skip
_SIM_FIELDS = ("iccid", "imsi", "eid")


@dataclass(frozen=True, slots=True)
class Change:
    """One event.

    :param kind: ``modem.first_seen``, ``modem.swapped``, ``sim.first_seen``, ``sim.swapped``,
        ``sim.profile_switched``, ``sim.imsi_switched`` or ``sim.removed``
    :param field: the field that shows it
    :param slot: the card slot, None where the modem changed
    """

    kind: str
    field: str
    before: str | None
    after: str | None
    slot: int | None = None

    def to_json(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "field": self.field,
            "before": self.before,
            "after": self.after,
            "slot": self.slot,
        }


def _read(reading: Modem | Sim | None, name: str) -> str | None:
    """Return a field's value where it was read, else None."""
    if reading is None or reading.read.get(name) is not ReadState.OK:
        return None
    value: str | None = getattr(reading, name)
    return value


def changes(before: Snapshot | None, after: Snapshot) -> tuple[Change, ...]:
    """Return the events that lead from one reading to the next, the modem's first.

    :param before: the baseline, best made by :func:`remember`; None for a port never read
    """
    found: list[Change] = []
    old, new = _read(before.modem if before else None, "imei"), _read(after.modem, "imei")
    if new is not None:
        if old is None:
            found.append(Change("modem.first_seen", "imei", None, new))
        elif old[:14] != new[:14]:
            found.append(Change("modem.swapped", "imei", old, new))
    cards = {sim.slot: sim for sim in before.sims} if before else {}
    for sim in after.sims:
        change = _card_change(cards.get(sim.slot), sim)
        if change is not None:
            found.append(change)
    return tuple(found)


def _card_change(before: Sim | None, after: Sim) -> Change | None:
    old, new = _read(before, "iccid"), _read(after, "iccid")
    old_imsi, new_imsi = _read(before, "imsi"), _read(after, "imsi")
    if after.state is SimState.ABSENT:
        if before is None or before.state is SimState.ABSENT:
            return None
        if before.state is not SimState.READY and old is None and old_imsi is None:
            return None  # nothing was ever seen in the slot
        return Change("sim.removed", "iccid", old, None, after.slot)
    if old is not None and new is not None:
        if not same_card(old, new):
            old_eid, new_eid = _read(before, "eid"), _read(after, "eid")
            same_chip = old_eid is not None and old_eid == new_eid
            kind = "sim.profile_switched" if same_chip else "sim.swapped"
            return Change(kind, "iccid", old, new, after.slot)
        if old_imsi is not None and new_imsi is not None and old_imsi != new_imsi:
            return Change("sim.imsi_switched", "imsi", old_imsi, new_imsi, after.slot)
        return None
    if new is not None:
        return Change("sim.first_seen", "iccid", None, new, after.slot)
    if old is None and new_imsi is not None:
        # a module that can not tell the ICCID: the IMSI is all there is to go by
        if old_imsi is None:
            return Change("sim.first_seen", "imsi", None, new_imsi, after.slot)
        if old_imsi != new_imsi:
            return Change("sim.swapped", "imsi", old_imsi, new_imsi, after.slot)
    return None


def _kept(reading: Modem | Sim, known: Modem | Sim, names: tuple[str, ...]) -> dict[str, object]:
    """Return the fields of ``known`` that ``reading`` did not get, with their read states."""
    missing = [
        name for name in names if _read(reading, name) is None and _read(known, name) is not None
    ]
    kept: dict[str, object] = {name: getattr(known, name) for name in missing}
    if missing:
        kept["read"] = {**reading.read, **dict.fromkeys(missing, ReadState.OK)}
    return kept


def remember(known: Snapshot | None, after: Snapshot) -> Snapshot:
    """Return the baseline for the next comparison: what is known after this reading.

    Fields that were not read this time keep their last known value, so that a card which is
    pulled and replaced, or locked in between, is compared with the one that was there. States
    are those of the new reading. It is a memory, not a reading: never report it.
    """
    if known is None:
        return after
    modem = after.modem
    old, new = _read(known.modem, "imei"), _read(modem, "imei")
    if old is None or new is None or old[:14] == new[:14]:
        modem = replace(modem, **_kept(modem, known.modem, _MODEM_FIELDS))  # type: ignore[arg-type]
    cards = {sim.slot: sim for sim in known.sims}
    sims = [_remembered(cards.pop(sim.slot, None), sim) for sim in after.sims]
    return replace(after, modem=modem, sims=(*sims, *cards.values()))


def _remembered(known: Sim | None, sim: Sim) -> Sim:
    if known is None:
        return sim
    old, new = _read(known, "iccid"), _read(sim, "iccid")
    if old is not None and new is not None and not same_card(old, new):
        return sim  # another card: what the old one said is void
    return replace(sim, **_kept(sim, known, _SIM_FIELDS))  # type: ignore[arg-type]
