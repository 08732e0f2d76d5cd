"""Pseudonyms of erased numbers, and the keyed hashes by which late reports find them."""

from __future__ import annotations

import hmac

_PREFIX = "erased-"
#: Added to the kind of an identifier, so that it differs from the kinds of units.
OF_IDENTIFIERS = 10


def pseudonym_of(name: str) -> str:
    """Return what is stored instead of a number.

    >>> pseudonym_of("7K3M9Q2R5T8V"), is_pseudonym(pseudonym_of("7K3M9Q2R5T8V"))
    ('erased-7K3M9Q2R5T8V', True)
    """
    return f"{_PREFIX}{name}"


def is_pseudonym(text: str) -> bool:
    """Return True if a text is stored instead of a number that was erased."""
    return text.startswith(_PREFIX)


def number_hash(secret: bytes, kind: int, number: str) -> int:
    """Return the keyed hash of a number, 64 bits; it is the same whenever the number arrives."""
    text = f"erased\n{kind}\n{number}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hmac.digest(secret, text, "sha256")[:8], "big", signed=True)
