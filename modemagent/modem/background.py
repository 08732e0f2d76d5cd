"""Background of a port: lines that belong to no command.

Some modems send a status line between the echo and the response to each command, or at any time.
``AT`` has no information lines, so what comes with it each time is the background, which is
removed from the responses to all other commands, even if it looks like a number of the modem.
"""

from __future__ import annotations

from collections.abc import Iterable

from modemagent.at.steps import Response
from modemagent.at.urcs import is_urc, prefix_of

#: A command without information lines (ITU-T V.250 clause 5.2.1).
NOTHING = "AT"
#: Different lines kept of a port that is never quiet.
_MAX_UNSOLICITED = 256


class Background:
    """The background of one port, learned while no command with information lines was pending."""

    def __init__(self) -> None:
        self._lines: tuple[str, ...] = ()
        self._last: tuple[str, ...] = ()
        self._urcs: frozenset[str] = frozenset()
        self._unsolicited: set[str] = set()
        self._unclean = 0

    @property
    def is_noisy(self) -> bool:
        """True if lines have come with several ``AT``: the position of a line means nothing."""
        return self._unclean > 1

    @property
    def is_known(self) -> bool:
        """True if lines come with every response."""
        return bool(self._lines)

    def learn(self, response: Response) -> None:
        """Learn from one response to ``AT``: lines that come twice in a row are the background."""
        if not response.ok:
            return
        if response.lines == self._last:
            self._lines = response.lines
        self._last = response.lines
        self._unclean += bool(response.lines)
        self._urcs = frozenset(filter(is_urc, response.foreign))
        self.note_unsolicited(response.lines)

    def note_unsolicited(self, lines: Iterable[str]) -> None:
        """Note lines that were received without a command. A late response may be among them."""
        for line in lines:
            if len(self._unsolicited) < _MAX_UNSOLICITED:
                self._unsolicited.add(line)

    def removed_from(self, response: Response) -> Response:
        """Return a response with its background among the foreign lines."""
        lines, foreign = list(response.lines), []
        for line in self._lines:
            if line in lines:
                lines.remove(line)
                foreign.append(line)
        for line in self._urcs.intersection(lines):
            # A URC may have the prefix of the command. If it is alone, it is the response.
            if sum(prefix_of(each) == prefix_of(line) for each in lines) > 1:
                lines.remove(line)
                foreign.append(line)
        if not foreign:
            return response
        return response._replace(lines=tuple(lines), foreign=(*foreign, *response.foreign))

    def has_unsolicited(self, response: Response) -> bool:
        """Return True if a line of a response was also received without a command."""
        return not self._unsolicited.isdisjoint(response.lines)

    def makes_doubtful(self, response: Response, *, labelled: bool) -> bool:
        """Return True if the value in a response may be the background, however often it is read.

        :param labelled: the value has the prefix of its command, which the background may vary
        """
        may_be = self.has_unsolicited(response) or (self.is_known and labelled)
        return may_be and len(response.lines) > 1

    def is_same(self, one: Response, other: Response) -> bool:
        """Return True if two responses have the same lines, apart from unsolicited ones."""
        lines = [line for line in one.lines if line not in self._unsolicited]
        others = [line for line in other.lines if line not in self._unsolicited]
        return bool(lines) and lines == others and one.ok == other.ok
