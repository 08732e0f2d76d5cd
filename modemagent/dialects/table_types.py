"""Types of the dialect tables: which command reads which value, and for which modems."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from modemagent.at.fields import InformationLine

IDENTITY_TIMEOUT_S = 3.0
SIM_TIMEOUT_S = 10.0

#: The values a ladder can read, and the timeout of one attempt unless its row has another.
VALUE_TIMEOUTS_S: Mapping[str, float] = {
    **dict.fromkeys(("manufacturer", "model", "firmware"), IDENTITY_TIMEOUT_S),
    **dict.fromkeys(("imei", "imeisv", "serial_number"), IDENTITY_TIMEOUT_S),
    "sim_state": 5.0,  # The SIM is not accessed; some modules never send a final result.
    **dict.fromkeys(("iccid", "imsi", "mnc_length", "eid"), SIM_TIMEOUT_S),
    # the slot in use, perhaps the state of the others; the number of slots
    **dict.fromkeys(("slot", "slot_count"), IDENTITY_TIMEOUT_S),
}

#: A value and whether it has the expected form; one that has not is kept as evidence only.
Extracted = tuple[str, bool]


class Parser(NamedTuple):
    """How one kind of value is taken out of an information line.

    :param labels: pattern of the prefixes, without their sigil, that the value may follow
    :param extract: returns the value in a line, None if the line has none
    :param sigil_only: a prefix without a sigil belongs to the text itself
    """

    labels: str
    extract: Callable[[InformationLine], Extracted | None]
    sigil_only: bool = False


class Attempt(NamedTuple):
    """One attempt of a ladder: a command, the form of its response, and the source of both.

    :param command: the complete line, which must be on the allow-list
    :param parser: a name of :data:`modemagent.dialects.parsers.PARSERS`, or of an ``ATI`` block
        in :mod:`modemagent.modem.interpret`
    :param source: manual and section, or the trace that shows the response
    :param timeout_s: timeout of the command; None for that of its value in :data:`VALUE_TIMEOUTS_S`
    :param only_if_cached: use the response only if another attempt has already received it
    :param models: pattern searched in model and firmware, case ignored, if only some families of
        the maker have this command; ``""`` for all
    :param prefix: prefix that proves the response to belong to the command, if it is not the
        command's own name
    """

    command: str
    parser: str
    source: str
    timeout_s: float | None = None
    only_if_cached: bool = False
    models: str = ""
    prefix: str = ""

    def applies(self, model_and_firmware: str) -> bool:
        """Return True if this attempt is for the given modem.

        :param model_and_firmware: both separated by a space
        """
        if not self.models:
            return True
        return re.search(self.models, model_and_firmware, re.IGNORECASE) is not None


Ladder = tuple[Attempt, ...]


class Dialect(NamedTuple):
    """The commands of one family of modules.

    A value that is not in ``ladders`` is not read, nor is one whose ladder is empty. The table of a
    maker is made by :func:`modemagent.dialects.generic.maker`.

    :param sim_urcs: regular expressions of URCs, from their beginning, that require the SIM to be
        read again
    :param sim_wait_s: maximum time to wait for a starting SIM
    :param start_up_s: time after power-on within which refusals and bad states of the SIM may pass
    :param joined: manual and section, or the trace, that shows several commands in one line (ITU-T
        V.250 clause 5.2.1); ``""`` if this firmware is sent each in a line of its own
    """

    name: str
    ladders: Mapping[str, Ladder]
    sim_urcs: tuple[str, ...] = ()
    sim_wait_s: float = 20.0
    joined: str = ""
    start_up_s: float = 10.0

    def ladder(self, field: str, model_and_firmware: str | None = None) -> Ladder:
        """Return the attempts for a value, () if this dialect cannot read it.

        :param model_and_firmware: both separated by a space; None for all rows
        """
        ladder = self.ladders.get(field, ())
        if model_and_firmware is None:
            return ladder
        return tuple(row for row in ladder if row.applies(model_and_firmware))
