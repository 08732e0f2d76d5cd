"""The last touch to an answer: this modem's own numbers, the lies it tells, noise before it."""

from __future__ import annotations

import random

from modemagent.simulator import lies
from modemagent.simulator.faults import Faults
from modemagent.simulator.identities import SyntheticIdentities
from modemagent.simulator.script import Script


def tamper(
    recorded: bytes, key: str, *, script: Script, identities: SyntheticIdentities, faults: Faults
) -> bytes:
    """Return the bytes that are sent in place of the recorded ones.

    :param key: the command's :func:`~modemagent.simulator.script.line_key`
    """
    if not recorded:
        return recorded
    text = identities.rewrite(recorded.decode("latin-1"))
    for lie in faults.texts("lie"):
        text = lies.tell(lie, script, key, text)
    noise = bytes(random.randrange(0x80, 0x100) for _ in range(int(faults.number("garbage"))))
    return b"\0" * int(faults.number("nul")) + noise + text.encode("latin-1", "replace")
