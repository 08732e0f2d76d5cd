"""The settings in effect for people and as JSON, with passwords masked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from modemagent.settings.precedence import Effective


def settings_document(found: Effective) -> dict[str, object]:
    """Return the settings in effect with their origins as a JSON object, passwords masked."""
    entries = {
        key: {
            "value": printable(getattr(found.settings, key)),
            "from": origin.kind,
            "where": origin.where or None,
        }
        for key, origin in found.origins.items()
    }
    return {"schema": 1, "settings": entries}


def printable(value: Any) -> Any:
    """Return a value for JSON, with passwords in URLs masked."""
    if isinstance(value, tuple):
        return [printable(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str):
        return re.sub(r"(://[^/@:\s]*):[^/@\s]*@", r"\1:***@", value)
    return value


def as_toml(value: Any) -> str:
    """Return a value as in the file; a dash if it is not set."""
    if value in (None, []):
        return "-"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
