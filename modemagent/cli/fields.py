"""The short names of a snapshot's fields, as ``--field`` and ``--expect`` take them."""

from __future__ import annotations

from modemagent.identity.snapshot import Snapshot

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


def value_of(snapshot: Snapshot, name: str) -> str | None:
    """Return one field as text; None when it was not read. SIM fields are the active slot's."""
    if name in _OF_MODEM:
        value: object = getattr(snapshot.modem, name)
    elif name in _OF_SIM:
        sim = snapshot.active_sim or next(iter(snapshot.sims), None)
        value = getattr(sim, name) if sim is not None else None
    else:
        value = getattr(snapshot, name)
    return None if value is None else str(value)
