"""Reading of values from one modem: attempts, repeated while a value is uncertain, and evidence."""

from collections.abc import Generator, Mapping
from typing import NamedTuple

from modemagent.at.steps import Outcome, Response, Step
from modemagent.dialects.table_types import VALUE_TIMEOUTS_S, Attempt
from modemagent.identity.evidence import Evidence, as_text
from modemagent.modem.conversation import IMPATIENT_S, Conversation
from modemagent.modem.interpret import BLOCK_PARSERS, Interpretation, interpret, parts_of
from modemagent.modem.start_up import Age

#: Readings of one value until two of them agree.
_READINGS = 4
#: Values that are often in a response that another value has already brought.
_COMPANIONS = frozenset(("eid", "serial_number", "imeisv"))


class _Source(NamedTuple):
    """The response that a field was last read from."""

    line: str
    raw: bytes
    parser: str
    at_ms: int


class AtClient(Conversation):
    """A conversation in which values are read."""

    def __init__(self, port: str, age: Age = lambda: None) -> None:
        super().__init__(port, age)
        self._sources: dict[str, _Source] = {}
        self._joins = True
        self._responses: dict[str, Response] = {}
        self._silences = 0
        self._repeated: dict[str, Response] = {}

    def forget_responses(self) -> None:
        """Send every command again that is read again."""
        self._responses.clear()

    def reset(self) -> None:
        """Discard everything read so far."""
        self.forget_responses()
        self._sources.clear()

    # -- reading --------------------------------------------------------------------------

    def read(
        self, field: str, attempt: Attempt
    ) -> Generator[Step, Outcome, tuple[Interpretation, Response]]:
        """Make one attempt: send its command, repeatedly while the value is uncertain.

        :raises Desynchronized: the response belongs to another command
        """
        known = self._responses.get(attempt.command)
        reusable = field in _COMPANIONS or attempt.parser.startswith("ati_")
        if attempt.only_if_cached or (reusable and known is not None):
            response = known or Response(attempt.command, (), None)
            found = interpret(attempt, response)
        else:
            found, response = yield from self._read(field, attempt)
        if response.line in self.answered_s:
            self.record_evidence(field, response, attempt.parser)
        return found, response

    def cached(self, attempt: Attempt) -> Interpretation:
        """Return what a response that has already been received says for an attempt."""
        known = self._responses.get(attempt.command)
        return interpret(attempt, known) if known is not None else Interpretation()

    def _read(
        self, field: str, attempt: Attempt
    ) -> Generator[Step, Outcome, tuple[Interpretation, Response]]:
        timeout_s = attempt.timeout_s or VALUE_TIMEOUTS_S[field]
        if self._silences:
            timeout_s = min(timeout_s, IMPATIENT_S)
        tally: dict[str, int] = {}
        for _ in range(_READINGS):
            response = yield from self.send(attempt.command, timeout_s)
            found = interpret(attempt, response)
            is_odd = found.astray and self.sync.is_lost_after(response, found)
            if is_odd and (yield from self.repeats(response, timeout_s)):
                found = found._replace(astray=False)
            self.sync.observe(response, found)
            if response.timed_out:
                self._silences += not response.lines
                yield from self.resync()
                if len(found.values) == 1 and (found.labelled or response.echoed):
                    # Some modems send no final result here (wavecom-multiband, neoway-m590).
                    found = found._replace(certain=True)
            if attempt.parser in BLOCK_PARSERS:
                is_doubtful = self.background.is_noisy and not found.labelled
            else:
                is_doubtful = self.background.makes_doubtful(response, labelled=found.labelled)
                if self.background.has_unsolicited(response):
                    found = found._replace(certain=False)
            if is_doubtful:
                found = found._replace(certain=False)
            if found.certain or not found.values:
                self._responses[attempt.command] = response
                return found, response
            if is_doubtful:
                continue
            for value in found.values:
                tally[value] = tally.get(value, 0) + 1
            most = max(tally.values())
            leading = [value for value, times in tally.items() if times == most]
            if most >= 2 and len(leading) == 1:
                return found._replace(values=(leading[0],), certain=True), response
        return found._replace(certain=False), response

    def repeats(self, response: Response, timeout_s: float) -> Generator[Step, Outcome, bool]:
        """Return True if a response about something else is the modem's own response nevertheless.

        Then the modem repeats it after a resynchronization. The late response to an earlier
        command comes only once.
        """
        known = self._repeated.get(response.line)
        if known is None and not response.strays:
            yield from self.resync()
            known = self._repeated[response.line] = yield from self.send(response.line, timeout_s)
        return known is not None and self.background.is_same(known, response)

    def read_joined(
        self, attempts: Mapping[str, Attempt]
    ) -> Generator[Step, Outcome, dict[str, str]]:
        """Send several commands in one line; return all their values, or none.

        Bare values are identified by their order alone, so one line must fit each command and
        nothing else may be received; otherwise the caller reads the values one by one. After a
        refused line no other is sent to this modem.

        :param attempts: value to its attempt, in the order of the line
        """
        if not self._joins or self.background.is_known:
            return {}
        first, *rest = commands = [attempt.command for attempt in attempts.values()]
        line = ";".join((first, *(command[2:] for command in rest)))
        timeout_s = max(
            attempt.timeout_s or VALUE_TIMEOUTS_S[field] for field, attempt in attempts.items()
        )
        response = yield from self.send(line, timeout_s)
        self.sync.observe(response, Interpretation())
        parts = parts_of(response, commands)
        found = [interpret(*pair) for pair in zip(attempts.values(), parts, strict=False)]
        if not parts or not all(each.certain for each in found):
            self._joins = response.foreign != ()
            doubtful = self.sync.had_anomaly or not response.echoed
            if response.timed_out or (response.ok and doubtful):
                yield from self.resync()
            return {}
        values: dict[str, str] = {}
        for (field, attempt), part, each in zip(attempts.items(), parts, found, strict=True):
            self.sync.observe(part, each)
            self._responses[attempt.command] = part._replace(line=line)
            self.record_evidence(field, response, attempt.parser)
            values[field] = each.values[0]
        return values

    # -- evidence -------------------------------------------------------------------------

    def record_evidence(self, field: str, response: Response, parser: str) -> None:
        """Keep the response that a field was read from; the last one counts."""
        at_ms = round(self.answered_s[response.line] * 1000)
        self._sources[field] = _Source(response.line, response.raw, parser, at_ms)

    def evidence(self) -> tuple[Evidence, ...]:
        """Return the evidence of every field; fields of one response share its text."""
        texts = {source.raw: as_text(source.raw) for source in self._sources.values()}
        return tuple(
            Evidence(field, source.line, texts[source.raw], source.parser, source.at_ms)
            for field, source in self._sources.items()
        )
