"""Public references of units and gateways, for URLs that must not show a number.

A reference is a keyed hash of the kind and the number, twelve characters of Crockford's base32. It
is the same in a registry that was rebuilt with the same secret, and reveals nothing.
"""

from __future__ import annotations

import hmac
import re
from functools import lru_cache

MODEM = 1
SIM = 2
GATEWAY = 3

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REF = re.compile(f"[{_LETTERS}]{{12}}")
_BITS = 60


def ref_of(secret: bytes, kind: int, key: str) -> int:
    """Return the reference of a unit or gateway as a number of 60 bits."""
    digest = keyed_hash(secret, f"{kind}\n{key}")
    return int.from_bytes(digest[:8], "big") >> (64 - _BITS)


def keyed_hash(secret: bytes, text: str) -> bytes:
    """Return the HMAC of a text with SHA-256."""
    found = _keyed(secret).copy()
    found.update(text.encode("utf-8", "surrogatepass"))
    return found.digest()


@lru_cache(maxsize=4)
def _keyed(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod="sha256")


def format_ref(ref: int) -> str:
    """Return a reference as it is shown.

    >>> format_ref(1)
    '000000000001'
    """
    return "".join(_LETTERS[ref >> shift & 31] for shift in range(_BITS - 5, -1, -5))


def parse_ref(text: str) -> int | None:
    """Return the number of a reference, or None if the text is not one.

    >>> parse_ref("00000000000z"), parse_ref("867698040000013")
    (31, None)
    """
    upper = text.upper()
    if not _REF.fullmatch(upper):
        return None
    number = 0
    for letter in upper:
        number = number << 5 | _LETTERS.index(letter)
    return number
