"""Synchronization between commands and responses.

A late response must never be taken for the response to the next command. What may be out of step
is resynchronized (:meth:`modemagent.modem.at_client.AtClient.resync`), and everything read since
the last proof is read again.
"""

from __future__ import annotations

from modemagent.at.results import parse_final
from modemagent.at.steps import Response
from modemagent.modem.interpret import Interpretation


class Desynchronized(Exception):
    """A response belongs to another command; everything read since the last proof is void."""


class Sync:
    """The synchronization of one port.

    :ivar unproven: bare responses have been used that no later response has proven
    :ivar doubtful: an anomaly has occurred on this port: late or unexpected bytes, foreign lines,
        or a timeout
    :ivar echoing: the port has echoed a command, so its responses can be attributed
    """

    def __init__(self) -> None:
        self.unproven = False
        self.doubtful = False
        self.echoing = False

    @property
    def needs_proof(self) -> bool:
        """True if the values used so far must be proven before they are reported."""
        return self.unproven and (self.doubtful or not self.echoing)

    def observe(self, response: Response, found: Interpretation) -> None:
        """Note what a response, or the lack of one, says about synchronization.

        :raises Desynchronized: the response belongs to another command
        """
        if not self.echoing and any(map(_ends_a_command, response.strays)):
            # This is the real response to an earlier command, which got another one's instead.
            self._lose(response)
        if found.labelled and found.values:
            self.unproven = False  # The prefix of the command proves it and all before it.
        elif response.ok and not response.echoed:
            self.unproven = True
        if found.astray and (self.doubtful or not response.echoed):
            self._lose(response)
        if response.timed_out or response.foreign:
            self.doubtful = True

    def _lose(self, response: Response) -> None:
        """Begin again: nothing read so far counts."""
        self.unproven, self.doubtful = False, True
        raise Desynchronized(response.line)


def _ends_a_command(line: str) -> bool:
    final = parse_final(line)
    return final is not None and final.kind != "call"
