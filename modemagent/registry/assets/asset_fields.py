"""Fields of an asset, what each may hold, and the lifecycle with its allowed next steps.

>>> NEXT_STEPS["in_repair"]
('in_stock', 'installed', 'lost', 'retired')
>>> parse_field("imei", "867698040000013")
'86769804000001'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from modemagent.errors import UsageError
from modemagent.identity.csv_cells import LONGEST, clean_text
from modemagent.identity.imei import Imei

LONGEST_NOTE = 1000
IMEI_DIGITS = 14
FIRST_STATE = "in_stock"

#: The states of a lifecycle, and those that can follow.
NEXT_STEPS: dict[str, tuple[str, ...]] = {
    "ordered": ("in_stock", "installed", "retired"),
    "in_stock": ("installed", "in_repair", "lost", "retired"),
    "installed": ("in_stock", "in_repair", "lost", "retired"),
    "in_repair": ("in_stock", "installed", "lost", "retired"),
    "lost": ("in_stock", "installed", "retired"),
    "retired": ("in_stock",),
}


def parse_field(name: str, text: str) -> str | None:
    """Return a value as it is stored, None if the field is empty.

    :raises IdentityError: an IMEI is not valid
    :raises UsageError: another value is not valid
    """
    value = clean_text(name, text, LONGEST_NOTE if name == "note" else LONGEST)
    return _PARSERS.get(name, _any_text)(value) if value else None


def shown_imei(digits: str | None) -> str | None:
    """Return 14 digits of an IMEI with the check digit."""
    return None if digits is None else str(Imei.from_digits(digits))


def check_step(before: str, after: str) -> None:
    """Check that a state may follow another.

    :raises UsageError: it may not
    """
    if after not in NEXT_STEPS[before]:
        raise UsageError(
            f"{after} cannot follow {before}", hint=f"Allowed: {', '.join(NEXT_STEPS[before])}."
        )


def _any_text(text: str) -> str:
    return text


def _imei(text: str) -> str:
    return str(Imei.parse(text))[:IMEI_DIGITS]


def parse_date(text: str) -> str:
    """Return a date as it is stored, ``2026-11-30``.

    :raises UsageError: it is not a date
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if found.year < 1970 or found.isoformat() != text:
        raise UsageError("a date must have the form YYYY-MM-DD", hint="Example: 2026-11-30.")
    return text


def _state(text: str) -> str:
    found = text.casefold().replace(" ", "_").replace("-", "_")
    if found not in NEXT_STEPS:
        raise UsageError(
            "the state of the lifecycle is unknown", hint=f"Use one of: {', '.join(NEXT_STEPS)}."
        )
    return found


_PARSERS: Mapping[str, Callable[[str], str]] = {
    "imei": _imei,
    "label_imei": _imei,
    "purchased": parse_date,
    "warranty_end": parse_date,
    "lifecycle": _state,
}

#: The fields in the order in which they are shown.
FIELDS = (
    "tag", "serial_number", "category", "manufacturer", "model", "imei", "label_imei", "owner",
    "site", "lifecycle", "supplier", "order_number", "purchased", "warranty_end", "repair", "note",
)  # fmt: skip
IMEIS = frozenset({"imei", "label_imei"})
#: One of these identifies an asset for people.
NAMES = ("tag", "serial_number", "imei")
