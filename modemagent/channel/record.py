"""The wire trace: who wants to see the bytes of a port gets them here, both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Direction = Literal["<", ">"]

#: Called with ``>`` and bytes written to the modem, ``<`` and bytes read from it. Whoever logs
#: them masks them first (:func:`modemagent.identity.masking.scrub`).
Trace = Callable[[Direction, bytes], None]
