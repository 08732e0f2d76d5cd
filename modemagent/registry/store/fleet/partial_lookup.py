"""Candidates for the last digits of a number, as read over the phone or from a worn label."""

from __future__ import annotations

from sqlalchemy import Connection, text

from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.fleet.lookup import lookup
from modemagent.registry.store.fleet.unit_numbers import digits_of

#: Digits that find candidates. People who do not see numbers see the last four of each.
FEWEST, MOST_DIGITS = 4, 8
MOST = 20
#: The index ``unit_of_last_digits`` has the same expression.
_ENDING = text(
    "SELECT number FROM unit WHERE substr(number, length(number) - 3) = :last"
    " AND number LIKE :ending ORDER BY id DESC LIMIT :most"
)


def is_partial(typed: str, *, full_ids: bool) -> bool:
    """Return True if a text can be the last digits of a number.

    :param full_ids: who typed it may see numbers in full, and may search more than four digits

    >>> is_partial("0013", full_ids=False), is_partial("00013", full_ids=False)
    (True, False)
    """
    digits = digits_of(typed)
    most = MOST_DIGITS if full_ids else FEWEST
    return digits.isascii() and digits.isdecimal() and FEWEST <= len(digits) <= most


def lookup_partly(connection: Connection, typed: str, *, full_ids: bool) -> Document:
    """Return what a lookup does, and the modems and SIMs whose numbers end with the digits.

    ``candidates`` are the newest of them; ``more_candidates``: there are more.
    """
    found = lookup(connection, typed)
    candidates: list[Document] = []
    numbers: list[str] = []
    if is_partial(typed, full_ids=full_ids):
        digits = digits_of(typed)
        given = {"last": digits[-FEWEST:], "ending": f"%{digits}", "most": MOST + 1}
        numbers = list(connection.execute(_ENDING, given).scalars())
        for number in numbers[:MOST]:
            candidates += [
                one for one in lookup(connection, number)["matches"] if one["id"] == number
            ]
    return {**found, "candidates": candidates, "more_candidates": len(numbers) > MOST}
