"""URCs about the SIM: which of them require the SIM to be read again."""

from __future__ import annotations

import re

from modemagent.dialects.table_types import Dialect

#: URCs of a SIM that has become ready: ``+CPIN: READY``, ``^SSIM READY``, ``SMS Ready``.
_READY_URC = re.compile(r"(?<!NOT )\bREADY\b", re.IGNORECASE)


def is_sim_event(line: str, dialect: Dialect) -> bool:
    """Return True if a URC requires the SIM to be read again."""
    return any(re.match(pattern, line, re.IGNORECASE) for pattern in dialect.sim_urcs)


def is_ready_urc(line: str) -> bool:
    """Return True if a line says that the SIM has become ready."""
    return _READY_URC.search(line) is not None
