"""People at a station: operators, leads and engineers, and what each may decide or has decided."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from modemagent.errors import SettingsError

#: Parameters of scrypt for PINs (RFC 7914): 16 MiB, some 50 ms.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


class StationRole(StrEnum):
    """What a person may decide; each role may decide what the ones before it may."""

    OPERATOR = "operator"
    LEAD = "lead"
    ENGINEER = "engineer"

    def may(self, least: str) -> bool:
        """Return True if this role is at least another one."""
        order = list(StationRole)
        return least in order and order.index(self) >= order.index(StationRole(least))


class StationPerson(NamedTuple):
    """A person of ``[people]``.

    :param pin: salt and hash, from ``provision station --pin``; "" for none
    """

    name: str
    role: StationRole = StationRole.OPERATOR
    pin: str = ""


class StandingWaiver(NamedTuple):
    """One standing waiver.

    :param lot: lot of the order that it is about, "" for every lot
    :param until: last day on which it holds
    :param most: number of units for which it holds
    """

    step: str
    person: str
    reason: str
    until: datetime.date
    most: int
    lot: str = ""

    @property
    def key(self) -> str:
        """What the journal counts its units by."""
        return f"{self.step} {self.lot or '-'} {self.until}"


def people_in(table: Any, file: Path) -> dict[str, StationPerson]:
    """Return the people of a settings file.

    :raises SettingsError: an entry is wrong
    """
    people = {}
    for name, entry in table.items() if isinstance(table, dict) else ():
        role = entry.get("role", "operator") if isinstance(entry, dict) else None
        if role not in list(StationRole):
            raise SettingsError(
                f"{file}: the role of {name} is not known",
                hint=f"Use one of: {', '.join(StationRole)}.",
            )
        pin = str(entry.get("pin", ""))
        if pin and "$" not in pin:
            raise SettingsError(
                f"{file}: the pin of {name} is not a hash",
                hint="Print one with: modemagent provision station --pin",
            )
        people[name] = StationPerson(name, StationRole(role), pin)
    return people


def hashed_pin(pin: str, salt: bytes | None = None) -> str:
    """Return a PIN as it is stored: salt and hash."""
    salt = os.urandom(16) if salt is None else salt
    return f"{salt.hex()}${hashlib.scrypt(pin.encode(), salt=salt, **_SCRYPT).hex()}"


def pin_fits(person: StationPerson, pin: str) -> bool:
    """Return True if a PIN is that of a person."""
    salt, _, _ = person.pin.partition("$")
    return bool(salt) and hmac.compare_digest(person.pin, hashed_pin(pin, bytes.fromhex(salt)))


def role_of(people: Mapping[str, StationPerson], name: str) -> StationRole:
    """Return the role of a person; without a list of people, anyone may decide everything."""
    if not people:
        return StationRole.ENGINEER
    person = people.get(name)
    return person.role if person is not None else StationRole.OPERATOR
