"""Who requests a page, and which identifiers that person may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from modemagent.privacy.masking import mask, mask_text
from modemagent.registry.pages.figures import groups
from modemagent.registry.store.people.people import Person
from modemagent.registry.store.people.tokens import Scope
from modemagent.registry.store.privacy import acts


class Number(NamedTuple):
    """An identifier as shown.

    :param text: in full or masked
    :param groups: parts that are separated by margins
    :param label: name of its kind
    :param can_copy: it is in full
    """

    text: str
    groups: tuple[str, ...]
    label: str
    can_copy: bool


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person.

    :param errors: how many errors were undecided when the request arrived, for the main bar
    """

    person: Person
    errors: int = 0

    @property
    def full_ids(self) -> bool:
        """Return True if identifiers are shown in full."""
        return self.person.full_ids

    @property
    def actor(self) -> str:
        """Name under which decisions are recorded."""
        return f"person:{self.person.name}"

    @property
    def may_operate(self) -> bool:
        """Return True if the person may make decisions."""
        return self.person.may(Scope.OPERATE)

    def number(self, value: str, label: str) -> Number:
        """Return an identifier as this person may see it."""
        if self.full_ids:
            acts.show_in_full({"number": value})
            return Number(value, groups(value, label), label, can_copy=True)
        hidden = mask(value)
        return Number(hidden, (hidden,), label, can_copy=False)

    def digits(self, value: str) -> str:
        """Return an identifier as text, in full or masked."""
        if not self.full_ids:
            return mask(value)
        return acts.show_in_full({"number": value})["number"]

    def text(self, value: str) -> str:
        """Return a text with identifiers masked if this person may not see them."""
        return value if self.full_ids else mask_text(value)
