"""Masking of entries of the lists and of checks, for tokens without full-id scope."""

from __future__ import annotations

from typing import Any

from modemagent.privacy.masking import mask, mask_text
from modemagent.registry.api.asset_documents import shown_register
from modemagent.registry.store.people.tokens import Beholder
from modemagent.registry.store.privacy import acts

_MOST_NETWORK_DIGITS = 6  # of country and network, which are not personal


def shown_entry(entry: dict[str, Any], token: Beholder) -> dict[str, Any]:
    """Return an entry, masked unless the token has full-id scope; a TAC is not personal."""
    if token.full_ids:
        return acts.show_in_full(entry)
    is_public = entry["kind"] == "tac" or len(entry["value"]) <= _MOST_NETWORK_DIGITS
    numbers = {} if is_public else {name: _masked(entry[name]) for name in ("value", "last")}
    texts = {name: mask_text(entry[name]) for name in ("source", "reason")}
    return {**entry, **numbers, **texts}


def shown_check(check: dict[str, Any], token: Beholder) -> dict[str, Any]:
    """Return a check with its results, masked unless the token has full-id scope."""
    if token.full_ids:
        return acts.show_in_full(check)
    results = [_result(one, token) for one in check["results"]]
    changes = check["changes"]
    shown = None if changes is None else [_number(one) for one in changes]
    return {**check, "results": results, "changes": shown}


def _result(result: dict[str, Any], token: Beholder) -> dict[str, Any]:
    place = result["last_place"]
    return {
        **_number(result),
        "hits": [shown_entry(one, token) for one in result["hits"]],
        "last_place": place and {**place, "imei": _masked(place["imei"])},
        "asset": shown_register(result.get("asset"), token),
    }


def _number(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "input": mask(one["input"]), "normalized": _masked(one["normalized"])}


def _masked(value: str | None) -> str | None:
    return None if value is None else mask(value)
