"""Attribution of received lines to the pending command, an earlier one, or none (URC).

One :class:`Attribution` sorts the lines received while one command is pending. Its rules:

* The command's own complete echo, even if a URC splits it, proves that everything before it is
  foreign and everything after it belongs to the command.
* The echo of another command claims the lines after it up to the next final result, inclusive.
  Booting modules respond one command late (Quectel EG25-G), and other programs may use the port.
* On a port that echoes, a final result before the command's echo is *held*. If the echo follows,
  the result was foreign. If not, the echo was lost or disabled, and :meth:`release` returns it.
* A known URC is foreign unless it has a prefix that the command may return: only the caller can
  distinguish ``+CEREG: 2`` from ``+CEREG: 1,2``.
* ``NO CARRIER`` and the like are results of calls. For another command they are foreign (a call
  ended meanwhile), unless no other final result is received before the deadline.
"""

from __future__ import annotations

from collections.abc import Sequence

from modemagent.at.commands import is_basic, is_truncated_echo, looks_like_command, setting_value
from modemagent.at.line_splitter import ANSWER_LIMIT, LineEvent
from modemagent.at.results import NUMERIC, parse_final
from modemagent.at.steps import FinalResult
from modemagent.at.urcs import is_urc, prefix_of, response_prefixes

_CALLING = ("ATD", "ATA", "ATH", "ATO", "AT+CHUP", "AT+CGDATA")


class _Entry:
    __slots__ = ("mine", "text")

    def __init__(self, text: str, mine: bool) -> None:
        self.text = text
        self.mine = mine


class Attribution:
    """The lines received for one command.

    :param line: the command line as sent
    :param echoes: this port has echoed earlier commands
    :param late: upper-case lines of earlier commands without a response, oldest first; a command
        whose response is received here is removed from the list
    :param numeric: ATV0 is in force: ``0`` and ``4`` are final results
    :param begun: bytes of an incomplete line were received before the command was written
    """

    def __init__(
        self,
        line: str,
        *,
        echoes: bool = False,
        late: list[str] | None = None,
        numeric: bool = False,
        begun: bool = False,
    ) -> None:
        self.command = line.strip().upper()
        self.echoes = echoes
        self.late = [] if late is None else late
        self.echoed = False
        """The complete echo of the command was received."""
        self._prefixes = response_prefixes(self.command)
        # A lone digit in response to "AT" or "ATE0" is a result: they return no information.
        self._numeric = numeric or (is_basic(self.command) and "I" not in self.command)
        self._begun = begun
        self._entries: list[_Entry] = []
        self._size = 0
        self._ours = False
        self._other: str | None = None
        self._held: tuple[FinalResult, int] | None = None
        self._held_fits = False
        self._settled = 0
        self._call: tuple[FinalResult, _Entry] | None = None
        self._head_from: tuple[int, int] | None = None
        self._head: list[_Entry] = []
        self._reach = 0

    @property
    def holds(self) -> bool:
        """True while a final result without the command's echo is held."""
        return self._held is not None

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(entry.text for entry in self._entries if entry.mine)

    @property
    def foreign(self) -> tuple[str, ...]:
        return tuple(entry.text for entry in self._entries if not entry.mine)

    def take(self, event: LineEvent) -> FinalResult | None:
        """Attribute one line; return the final result if it ends the response."""
        text = event.line
        if not text:
            return None
        if event.kind == "nmea":
            self._add(text, mine=False)
            return None
        if self._is_own_echo(text):
            return None
        if event.kind == "noise":
            self._add(text, mine=False)
            return None
        final = event.final
        if final is None and self._numeric and text in NUMERIC:
            final = parse_final(text, numeric=True)
        if final is not None:
            return self._closing(final, text)
        if self._is_other_echo(text):
            return None
        self._add(text, mine=self._other is None and not self._is_other_urc(text))
        return None

    def take_unfinished(self, event: LineEvent) -> FinalResult | None:
        """Attribute an incomplete line at the deadline; return the final result if it is one.

        Any other incomplete line is foreign: it may be the first half of a number.
        """
        begin = len(self._entries)
        final = self.take(event)
        for entry in self._entries[begin:]:
            entry.mine = False
        return final

    def release(self) -> FinalResult | None:
        """Return the final result that is plausible at the deadline, or None."""
        if self._held is not None:
            final, index = self._held
            self._held = None
            entries = self._entries[:index]
            for entry in self._entries[index:]:
                entry.mine = False
            # An earlier command still has no response: accept only lines that fit this one.
            if not self.late or self.command in self.late or self._fits(entries):
                del self._entries[index]
                return final
            for entry in entries:
                entry.mine = False
            return None
        mine = [entry for entry in self._entries if entry.mine]
        if self._other is None and mine and mine[-1].text in NUMERIC:
            self._entries.remove(mine[-1])
            return parse_final(mine[-1].text, numeric=True)
        if self._call is not None:
            final, called = self._call
            self._entries = [entry for entry in self._entries if entry is not called]
            return final
        return None

    def _add(self, text: str, *, mine: bool) -> _Entry:
        entry = _Entry(text, mine)
        # Overhead of a line, so that many short lines are limited too.
        size = len(text) + 8
        if self._size + size <= ANSWER_LIMIT:
            self._size += size
            self._entries.append(entry)
        return entry

    def _fits(self, entries: Sequence[_Entry]) -> bool:
        return any(entry.mine and prefix_of(entry.text) in self._prefixes for entry in entries)

    def _is_other_urc(self, text: str) -> bool:
        return is_urc(text) and prefix_of(text) not in self._prefixes

    # echoes

    def _own(self, before: int, *, whole: bool) -> None:
        """Mark all entries before the echo, which begins at index ``before``, as foreign."""
        for entry in self._entries[:before]:
            entry.mine = False
        self._ours = True
        self.echoed = self.echoed or whole
        self._other = None
        self._held = None
        self._head_from = None
        # Modules respond in order, so no earlier command will get a response any more.
        self.late.clear()

    def _is_own_echo(self, text: str) -> bool:
        upper = text.upper()
        command = self.command
        if upper == command:
            self._own(0 if self.echoed else len(self._entries), whole=True)
            return True
        if self.echoed:
            return False
        if self._head_from is not None and self._is_continued(text, upper):
            return True
        if upper.endswith(command) and (len(command) > 3 or self._begun):
            self._add(text[: -len(command)].strip(), mine=False)
            self._own(len(self._entries), whole=True)
            return True
        if not self._ours and self._other is None and is_truncated_echo(upper, command):
            self._add(text, mine=False)
            self._own(len(self._entries), whole=False)
            return True
        return self._is_head(text, upper)

    def _is_continued(self, text: str, upper: str) -> bool:
        """Return True for the rest of an echo that a URC has split (``*EMRDY``, Ericsson)."""
        rest = self.command[self._reach :]
        if not rest.startswith(upper) or self._head_from is None:
            return False
        self._head.append(self._add(text, mine=True))
        self._reach += len(upper)
        if upper != rest:
            return True
        start, index = self._head_from
        if start == 0:
            self._entries = [entry for entry in self._entries if entry not in self._head]
        for entry in self._head:
            entry.mine = False
        for entry in self._entries[index:]:
            # What another echo seemed to claim was in the middle of this one.
            entry.mine = entry not in self._head and not self._is_other_urc(entry.text)
        self._own(min(index, len(self._entries)), whole=start == 0)
        return True

    def _is_head(self, text: str, upper: str) -> bool:
        """Return True for the beginning of the echo, even garbled or followed by a URC."""
        command = self.command
        if self._ours or self._head_from is not None:
            return False
        for start in (0, 1, 2):
            left = len(command) - start
            if len(upper) < left and command.startswith(upper, start):
                if start and len(upper) < 2:
                    continue
                self._head_from = (start, len(self._entries))
                self._reach = start + len(upper)
                if looks_like_command(text):
                    self._claim(text)
                    self._head = [self._entries[-1]] if self._entries else []
                else:
                    self._head = [self._add(text, mine=True)]
                return True
        if upper[0] != "A":
            return False
        size = 1
        while size < min(len(upper), len(command) - 1) and upper[size] == command[size]:
            size += 1
        while size > 0:
            if command.startswith(upper[:size]) and is_urc(text[size:]):
                self._head_from = (0, len(self._entries))
                self._reach = size
                self._head = [self._add(text[:size], mine=True)]
                self._add(text[size:], mine=not self._is_other_urc(text[size:]))
                return True
            size -= 1
        return False

    def _is_other_echo(self, text: str) -> bool:
        upper = text.upper()
        known = any(upper == line or is_truncated_echo(upper, line) for line in self.late)
        if not known and not looks_like_command(text):
            return False
        # The response to AT+CLAC lists commands, on some modules including their AT.
        if "+CLAC" in self.command and (self._ours or not self.echoes):
            return False
        self._claim(text)
        return True

    def _claim(self, text: str) -> None:
        """Attribute the following lines to the command with this echo."""
        self._add(text, mine=False)
        self._other = text.upper()
        if self._other in self.late:
            self.echoes = True
        if setting_value(self._other.removeprefix("T"), "E") is False:
            self.echoes = False

    # final results

    def _closing(self, final: FinalResult, text: str) -> FinalResult | None:
        self._head_from = None
        calls = final.kind == "call" and final.text != "ABORTED"
        if calls and not (self._other or self.command).startswith(_CALLING):
            self._call = final, self._add(text, mine=False)
            return None
        if self._other is not None:
            self._add(text, mine=False)
            if self._other in self.late:
                self.late.remove(self._other)
            self._other = None
            return None
        if self._ours or not self.echoes:
            return final
        # A flood of final results must not examine every line each time: the lines before the
        # held result have been examined already.
        begin = 0
        if self._held is not None:
            if self._held_fits:
                self._add(text, mine=False)
                return None
            begin = self._held[1]
            for entry in self._entries[self._settled : begin]:
                entry.mine = False
            self._settled = begin
        index = len(self._entries)
        self._add(text, mine=False)
        if index < len(self._entries):
            self._held = final, index
            self._held_fits = self._fits(self._entries[begin:index])
        return None
