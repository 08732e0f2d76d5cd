"""Masking of entries of the lists, for tokens without full-id scope."""

from __future__ import annotations

from typing import Any

from modemagent.privacy.masking import mask, mask_text
from modemagent.registry.store.tokens import Token

_MOST_NETWORK_DIGITS = 6  # of country and network, which are not personal


def shown_entry(entry: dict[str, Any], token: Token) -> dict[str, Any]:
    """Return an entry, masked unless the token has full-id scope; a TAC is not personal."""
    if token.full_ids:
        return entry
    is_public = entry["kind"] == "tac" or len(entry["value"]) <= _MOST_NETWORK_DIGITS
    numbers = {} if is_public else {name: _masked(entry[name]) for name in ("value", "last")}
    texts = {name: mask_text(entry[name]) for name in ("source", "reason")}
    return {**entry, **numbers, **texts}


def _masked(value: str | None) -> str | None:
    return None if value is None else mask(value)
