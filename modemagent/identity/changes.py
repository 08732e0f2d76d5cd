"""Changes between two readings of one port.

A field that was not read is not changed: only fields that both readings have in state OK are
compared, so a busy or locked SIM, or a modem that does not respond, never looks like a swap.
After a PIN is entered the same ICCID is read, which is not a change either.
"""

from typing import Any, NamedTuple

from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot, read_value

_MODEM_FIELDS = (
    "manufacturer", "model", "firmware", "imei", "imeisv", "meid", "serial_number",
)  # fmt: skip
_SIM_FIELDS = ("iccid", "imsi", "eid")


class Change(NamedTuple):
    """One event.

    :param kind: ``modem.first_seen``, ``modem.swapped``, ``sim.first_seen``, ``sim.swapped``,
        ``sim.profile_switched``, ``sim.imsi_switched`` or ``sim.removed``
    :param field: the field in which the change shows
    :param slot: the SIM slot, None for a change of the modem
    """

    kind: str
    field: str
    before: str | None
    after: str | None
    slot: int | None = None


class SimNumbers(NamedTuple):
    """The numbers read from one SIM, None for each number that was not read."""

    iccid: str | None
    imsi: str | None
    eid: str | None


def compare_sims(before: SimNumbers, after: SimNumbers) -> str | None:
    """Return the event between two readings of one slot.

    Another ICCID is another SIM, or another profile if both readings have the same EID. If a
    module cannot read the ICCID, the IMSI identifies the SIM. The registry applies the same rule to
    the keys of its rows (``registry/history/pairings.py``).

    :returns: ``sim.swapped``, ``sim.profile_switched``, ``sim.imsi_switched`` or None

    >>> iccid, longer, other = "8988303000000000010", "89883030000000000107", "8949210000000001111"
    >>> compare_sims(SimNumbers(iccid, None, None), SimNumbers(longer, None, None)) is None
    True
    >>> compare_sims(SimNumbers(iccid, None, None), SimNumbers(other, None, None))
    'sim.swapped'
    """
    if before.iccid and after.iccid and not Iccid(before.iccid).same_sim(after.iccid):
        same_euicc = before.eid is not None and before.eid == after.eid
        return "sim.profile_switched" if same_euicc else "sim.swapped"
    one_sided = (before.iccid is None) is not (after.iccid is None)
    if one_sided or not before.imsi or not after.imsi or before.imsi == after.imsi:
        return None
    return "sim.imsi_switched" if after.iccid else "sim.swapped"


def changes(before: Snapshot | None, after: Snapshot) -> tuple[Change, ...]:
    """Return the events between one reading and the next, the modem's first.

    :param before: the baseline as :func:`remember` returns it; None for the first reading
    """
    found: list[Change] = []
    old = read_value(before.modem if before else None, "imei")
    new = read_value(after.modem, "imei")
    if new is not None:
        if old is None:
            found.append(Change("modem.first_seen", "imei", None, new))
        elif not Imei(old).same_equipment(new):
            found.append(Change("modem.swapped", "imei", old, new))
    known = {sim.slot: sim for sim in before.sims} if before else {}
    events = (_sim_change(known.get(sim.slot), sim) for sim in after.sims)
    return (*found, *filter(None, events))


def _numbers(sim: Sim | None) -> SimNumbers:
    return SimNumbers(*(read_value(sim, name) for name in _SIM_FIELDS))


def _sim_change(before: Sim | None, after: Sim) -> Change | None:
    old, new = _numbers(before), _numbers(after)
    if after.state is SimState.ABSENT:
        if before is None or before.state is SimState.ABSENT:
            return None
        if before.state is not SimState.READY and old.iccid is None and old.imsi is None:
            return None  # the slot never had a SIM that could be read
        return Change("sim.removed", "iccid", old.iccid, None, after.slot)
    kind = compare_sims(old, new)
    field = "imsi" if kind == "sim.imsi_switched" or new.iccid is None else "iccid"
    if kind is None and old.iccid is None and getattr(old, field) is None:
        kind = "sim.first_seen" if getattr(new, field) is not None else None
    if kind is None:
        return None
    return Change(kind, field, getattr(old, field), getattr(new, field), after.slot)


def remember(known: Snapshot | None, after: Snapshot) -> Snapshot:
    """Return the baseline for the next comparison.

    A field that was not read this time keeps its last value, so that a SIM that was removed and
    inserted again, or locked in between, is compared with the earlier one. States are those of
    the new reading. A baseline mixes readings: it is never reported as one.
    """
    if known is None:
        return after
    modem = after.modem
    old, new = read_value(known.modem, "imei"), read_value(modem, "imei")
    if old is None or new is None or Imei(old).same_equipment(new):
        modem = modem._replace(**_unread(modem, known.modem, _MODEM_FIELDS))
    sims = {sim.slot: sim for sim in known.sims}
    merged = [_remember_sim(sims.pop(sim.slot, None), sim) for sim in after.sims]
    return after._replace(modem=modem, sims=(*merged, *sims.values()))


def _remember_sim(known: Sim | None, sim: Sim) -> Sim:
    if known is None:
        return sim
    old, new = read_value(known, "iccid"), read_value(sim, "iccid")
    if old is not None and new is not None and not Iccid(old).same_sim(new):
        return sim  # another SIM: the numbers of the old one do not apply
    return sim._replace(**_unread(sim, known, _SIM_FIELDS))


def _unread(reading: Modem | Sim, known: Modem | Sim, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields that only ``known`` has read, with their read states."""
    kept: dict[str, Any] = {
        name: value
        for name in names
        if read_value(reading, name) is None and (value := read_value(known, name)) is not None
    }
    if kept:
        kept["read"] = {**reading.read, **dict.fromkeys(kept, ReadState.OK)}
    return kept
