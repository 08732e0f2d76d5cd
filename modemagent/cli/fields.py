"""The short names of a snapshot's fields, as ``--field`` and ``--expect`` take them."""

from __future__ import annotations

from modemagent.identity.snapshot import Modem, Sim, Snapshot

_OF_MODEM = (
    "imei",
    "imeisv",
    "meid",
    "tac",
    "manufacturer",
    "model",
    "firmware",
    "serial_number",
)
_OF_SIM = ("iccid", "imsi", "eid", "mcc", "mnc", "state", "slot")
_OF_READING = ("port", "port_id", "dialect", "verdict")
FIELDS = (*_OF_MODEM, *_OF_SIM, *_OF_READING)


#: Fields that come with another one, and are there when that is.
_PART_OF = {"tac": "imei", "mcc": "imsi", "mnc": "imsi"}


def holder_of(snapshot: Snapshot, name: str) -> Modem | Sim | None:
    """Return what was asked for a field: the modem, the card in use, None for neither."""
    if name in _OF_MODEM:
        return snapshot.modem
    if name in _OF_SIM:
        return snapshot.active_sim or next(iter(snapshot.sims), None)
    return None


def read_as(name: str) -> str:
    """Return the field that is read for this one: a TAC is a part of the IMEI.

    >>> read_as("mcc"), read_as("iccid")
    ('imsi', 'iccid')
    """
    return _PART_OF.get(name, name)


def value_of(snapshot: Snapshot, name: str) -> str | None:
    """Return one field as text; None when it was not read. SIM fields are the active slot's."""
    if name in _OF_READING:
        value: object = getattr(snapshot, name)
    else:
        holder = holder_of(snapshot, name)
        value = getattr(holder, name) if holder is not None else None
    return None if value is None else str(value)
