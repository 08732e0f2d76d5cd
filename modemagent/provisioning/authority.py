"""Who may decide: role, sign-in with a PIN, and a second person if the order requires one."""

from __future__ import annotations

from modemagent.provisioning.events import PersonActed
from modemagent.provisioning.order import requires_second
from modemagent.provisioning.people import StationPerson, StationRole, pin_fits, role_of
from modemagent.provisioning.state import LineState

#: How long a lead or engineer stays signed in; wrong PINs, and the pause after them.
SIGNED_IN_S = 600.0
_WRONG_PINS, _PAUSE_S = 5, 60.0


def sign_in(line: LineState, event: PersonActed) -> None:
    """Sign a lead or engineer in for some time; five wrong PINs close this for a minute."""
    person = line.settings.people.get(event.person)
    if person is None or not person.role.may(StationRole.LEAD):
        line.message = f"{event.person or '?'} is not a lead or engineer of this station"
    elif not person.pin:
        line.message = f"{person.name} has no PIN: modemagent provision station --pin"
    elif _fits(line, person, event.pin):
        line.lead = person.name, line.now + SIGNED_IN_S
        line.record("note", text="signed in", person=person.name)


def _fits(line: LineState, person: StationPerson, pin: str) -> bool:
    """Return True if a PIN is right; else set the message that says why not."""
    count, closed_until = line.wrong_pins
    if line.now < closed_until:
        line.message = "too many wrong PINs: wait for a minute"
        return False
    if not pin_fits(person, pin):
        count = (count + 1) % _WRONG_PINS
        line.wrong_pins = count, line.now + _PAUSE_S if count == 0 else 0.0
        line.message = "the PIN is wrong"
        return False
    line.wrong_pins = 0, 0.0
    return True


def may(line: LineState, event: PersonActed, least: str, refusal: str) -> bool:
    """Return True if a person may decide; else set the message that says why not."""
    if line.may(event.person, least):
        return True
    name = event.person or line.person
    may_later = role_of(line.settings.people, name).may(least)
    line.message = f"{name} has to sign in with a PIN: F10" if may_later else refusal
    return False


def has_second(line: LineState, event: PersonActed, lot: str | None = None) -> bool:
    """Return True if a second lead or engineer agrees, or the order does not require one.

    Else the message says what is missing.

    :param lot: what the decision is about; None: the unit in the bay of the event
    """
    if not needs_second(line, event.bay, lot):
        return True
    known, name = line.settings.people, event.second
    person = known.get(name)
    if not name:
        line.message = "the order requires a second person for this decision"
    elif name == (event.person or line.person):
        line.message = "the second person has to be another one"
    elif not role_of(known, name).may(StationRole.LEAD):
        line.message = f"{name} is not a lead or engineer of this station"
    else:
        return person is None or not person.pin or _fits(line, person, event.second_pin)
    return False


def needs_second(line: LineState, bay: str, lot: str | None = None) -> bool:
    """Return True if the order requires a second person for a lot, or for the unit in a bay.

    A unit that fits no row counts as one of the row that requires it.
    """
    if lot is not None:
        return lot in line.second_lots
    found = line.bays.get(bay)
    row = found.run.row if found is not None and found.run is not None else None
    return bool(line.second_lots) and (row is None or requires_second(row))
