"""Response lookup: the recorded response for the present condition, else the default one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from modemagent.errors import UsageError
from modemagent.simulator.script import Reply, Script, ScriptedExchange, line_key
from modemagent.simulator.slot_states import (
    BOOTING,
    FOR_ALL_COMMANDS,
    PASSING,
    SlotState,
    sim_response,
    slot_state_of,
)

_BASIC = re.compile(r"AT((?:E[01]?|Q0?|V1?|X[0-4]?|&[CDK][0-3]?)+)")
_ECHO = re.compile(r"E([01]?)")
_SET_CMEE = re.compile(r"AT\+CMEE=([012])")
_OK = re.compile(r"(?:^|\r\n)OK\s*$")
_FINAL = re.compile(r"(?:^|\r\n)(OK|ERROR|\+CM[ES] ERROR:[^\r\n]*|COMMAND NOT SUPPORT)\s*$")
#: Conditions available with every transcript, recorded or not.
COMMON_STATES = ("no sim", "pin", "puk", "sim busy", "sim failure", "after AT+CFUN=0")


class Responder:
    """The responses of one simulated modem, without a clock and without wire faults.

    :param state: a recorded condition, one of :data:`COMMON_STATES`, or "" for ready
    :raises UsageError: the transcript has no such condition
    :ivar slot: the state of the SIM slot; may be changed from outside at any time
    :ivar echo: True if the modem echoes what it receives
    """

    def __init__(self, script: Script, state: str = "") -> None:
        if state and state not in script.states and state not in COMMON_STATES:
            known = dict.fromkeys((*script.states, *COMMON_STATES))
            raise UsageError(
                f"{script.name} has no state {state!r}",
                hint=f"Known: {', '.join(map(repr, known))}",
            )
        self.script = script
        self._initial_state = state
        self.slot = slot_state_of(state)
        self.cmee_fixed: int | None = script.fixed_cmee
        self.power_on()

    def power_on(self) -> None:
        """Return to the condition after power-up; the SIM slot stays as it is."""
        self.state = self._initial_state
        self.echo = self.script.echo_default
        recorded = [e.cmee for e in self.script.exchanges if e.state == self.state]
        self.cmee = next((n for n in recorded if n is not None), self.script.default_cmee)
        self._given: Counter[tuple[str, str]] = Counter()

    def set_slot(self, slot: SlotState) -> None:
        """Change the state of the slot; a condition that describes a SIM ends with it."""
        if slot_state_of(self.state) is not SlotState.READY:
            self.state = self._initial_state = ""
        self.slot = slot

    def reply(self, line: str) -> Reply:
        """Return the response to one command line and apply its effect."""
        key = line_key(line)
        reply = self._recorded(key) or self._default(key) or self._joined(line)
        if reply is None:
            reply = _lines(self.script.refusal)
        if _OK.search(reply.body.decode("latin-1")):
            self._apply(key)
        return reply

    def _apply(self, key: str) -> None:
        if _BASIC.fullmatch(key):
            for switch in _ECHO.findall(key):
                self.echo = switch == "1"
        if (match := _SET_CMEE.fullmatch(key)) and self.cmee_fixed is None:
            self.cmee = int(match[1])

    def _recorded(self, key: str) -> Reply | None:
        if self.state in FOR_ALL_COMMANDS:
            only = next(e for e in self.script.exchanges if e.state == self.state)
            if self._applies(only, "any"):
                return only.reply
        entries = self.script.by_line.get(key, ())
        for state in self._conditions():
            for exchange in entries:
                if (
                    exchange.state == state
                    and self._has_cmee(exchange)
                    and self._applies(exchange, key)
                ):
                    return exchange.reply
        if (blocked := self._blocked_by_sim(key, entries)) is not None:
            return blocked
        ready = [e for e in entries if not e.state]
        if not ready:
            return None
        turn = self._given[(key, "")]
        self._given[(key, "")] += 1
        return ready[turn % len(ready)].reply

    def _blocked_by_sim(self, key: str, entries: Sequence[ScriptedExchange]) -> Reply | None:
        if self.slot is SlotState.READY:
            return None
        if slot_state_of(self.state) is not self.slot:  # changed at run time: any record of it fits
            for exchange in entries:
                if (
                    exchange.state
                    and slot_state_of(exchange.state) is self.slot
                    and self._has_cmee(exchange)
                ):
                    return exchange.reply
        response = sim_response(key, self.slot, self.cmee)
        if response is None or (self.state in PASSING and self._has_passed(key)):
            return None
        return _lines(response)

    def _conditions(self) -> list[str]:
        """Return the chosen condition, then recorded ones named by some of its words."""
        if not self.state:
            return []
        words = set(self.state.replace(",", " ").split())
        part = [
            state
            for state in self.script.states
            if state != self.state and set(state.replace(",", " ").split()) < words
        ]
        return [self.state, *sorted(part, key=len, reverse=True)]

    def _has_cmee(self, exchange: ScriptedExchange) -> bool:
        return exchange.cmee is None or exchange.cmee == self.cmee

    def _applies(self, exchange: ScriptedExchange, key: str) -> bool:
        """Return True if a passing condition still gives this response, and count it."""
        if exchange.state == BOOTING:
            mark = (str(id(exchange)), BOOTING)
            self._given[mark] += 1
            return self._given[mark] == 1
        return exchange.state not in PASSING or not self._has_passed(key)

    def _has_passed(self, key: str) -> bool:
        """Count one more response of a passing condition; the first command after it ends it."""
        mark = (key, self.state)
        self._given[mark] += 1
        if self._given[mark] <= PASSING[self.state]:
            return False
        self.state, self.slot = "", SlotState.READY
        return True

    def _default(self, key: str) -> Reply | None:
        if key == "AT" or _BASIC.fullmatch(key) or _SET_CMEE.fullmatch(key):
            return _lines("OK")
        if key == "AT+CMEE?":
            return _lines(f"+CMEE: {self.cmee}", "", "OK")
        if key == "AT+CFUN?":
            return _lines(f"+CFUN: {0 if self.slot is SlotState.OFF else 1}", "", "OK")
        return None

    def _joined(self, line: str) -> Reply | None:
        """Answer ``AT+A;+B`` part by part: all information lines, then one final result."""
        parts = split_parts(line)
        if len(parts) < 2:
            return None
        lines: list[str] = []
        for part in parts:
            text = self.reply(part).body.decode("latin-1")
            final = _FINAL.search(text)
            information = text[: final.start()] if final else text
            lines += [row for row in information.replace("\r", "\n").split("\n") if row]
            if final and final[1] != "OK":
                return _lines(*lines, final[1])
        return _lines(*lines, "", "OK") if lines else _lines("OK")


def split_parts(line: str) -> list[str]:
    """Split a joined command line at the semicolons outside quotes.

    >>> split_parts("AT+CGMI;+CPIN?"), split_parts('AT+X="a;b"')
    (['AT+CGMI', 'AT+CPIN?'], ['AT+X="a;b"'])
    """
    parts = re.findall(r'(?:[^;"]|"[^"]*(?:"|$))+', line.strip())
    rows = [text.strip() for text in parts if text.strip()]
    return [
        text if n == 0 or text.upper().startswith("AT") else "AT" + text
        for n, text in enumerate(rows)
    ]


def _lines(*rows: str) -> Reply:
    return Reply(("\r\n" + "\r\n".join(rows) + "\r\n").encode("latin-1", "replace"))
