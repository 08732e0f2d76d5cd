"""A modem played from a transcript: bytes in, bytes out, and a clock that is told, not read.

It opens nothing. :mod:`modemagent.simulator.server` carries its bytes over PTYs and TCP; a test
may also drive it by hand with any clock it likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from modemagent.simulator import lies
from modemagent.simulator.conditions import Card, boot_urcs, card_urcs
from modemagent.simulator.disguise import tamper
from modemagent.simulator.faults import FAULTS, Faults, Given
from modemagent.simulator.floods import Floods
from modemagent.simulator.identities import SyntheticIdentities
from modemagent.simulator.responder import Responder
from modemagent.simulator.script import Reply, Script, ScriptedUrc, line_key
from modemagent.simulator.transmit_queue import TransmitQueue

_LINE_LIMIT = 4096
_CARD_FAULTS = {
    "sim-out": Card.ABSENT,
    "sim-pin": Card.PIN,
    "sim-puk": Card.PUK,
    "sim-failure": Card.FAILURE,
}
_DEAF = ("mute", "nmea", "binary")


class HostLine(NamedTuple):
    """One command line the modem was sent.

    :param at: seconds on the clock the modem is driven with
    """

    at: float
    line: str


class SimulatedModem:
    """One modem with one card.

    :param clone: 0 plays the transcript's own numbers, n a modem and card that differ
    :param state: a condition of the transcript, as ``no sim``; "" for card present and ready
    :param faults: as ``["latency-ms=5", "echo-stays"]``, see :data:`~.faults.FAULTS`
    :param now: the clock at power-up, seconds
    :raises UsageError: unknown state or fault
    :ivar received: every command line in the order it came, also those nobody answers
    """

    def __init__(
        self,
        script: Script,
        *,
        clone: int = 0,
        imei: str | None = None,
        iccid: str | None = None,
        imsi: str | None = None,
        eid: str | None = None,
        state: str = "",
        faults: Sequence[str] = (),
        now: float = 0.0,
    ) -> None:
        self.script = script
        self.faults = Faults(faults)
        for lie in self.faults.texts("lie"):
            lies.check(lie)
        self.identities = SyntheticIdentities(script.imsis, clone, 0, imei, iccid, imsi, eid)
        self.repertoire = Responder(script, state)
        self.outbox = TransmitQueue(self.faults)
        self.floods = Floods(self.faults, script)
        self.received: list[HostLine] = []
        self.power_on(now)

    def power_on(self, now: float) -> None:
        """Start anew: echo, error format and faults of the start are as after plugging in."""
        self._since = dict.fromkeys(FAULTS, now)
        self._input = bytearray()
        self._lost = int(self.faults.number("lose"))
        self._count = 0
        self._held: list[tuple[bytes, bool]] = []
        self._busy_until = now
        self._urc_once_said = False
        self.outbox.clear()
        self.repertoire.power_on()
        self._apply_faults()
        self.floods.start(now)
        self._boot(now)

    def add_fault(self, text: str, now: float) -> None:
        """Give the modem one more fault from now on; ``none`` takes all of them away."""
        if text == "none":
            self.faults.clear()
        else:
            fault = self.faults.add(text)
            self._check(fault)
            self._since[fault.name] = now
        self._apply_faults()
        self.floods.start(now)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the wire."""
        if self._lost:
            data, self._lost = data[self._lost :], max(0, self._lost - len(data))
        for byte in data:
            if byte == 0x0D:
                line = bytes(self._input).decode("latin-1").strip("\r\n")
                self._input.clear()
                self._line(line, now)
            elif len(self._input) < _LINE_LIMIT and (self._input or byte != 0x0A):
                self._input.append(byte)

    def take(self, now: float) -> bytes:
        """Return what is to be sent by now."""
        self.floods.pour(self.outbox, now)
        if self._held and self._left("boot-lag", now) <= 0 and "boot-lag" in self.faults:
            self._release(now, after=False)
        return self.outbox.take(now)

    @property
    def wake_at(self) -> float | None:
        """When :meth:`acquire` has something again, None if only input can change that."""
        times = [t for t in (self.outbox.wake_at, self.floods.wake_at) if t is not None]
        if self._held and "boot-lag" in self.faults:
            times.append(self._since["boot-lag"] + self.faults.number("boot-lag"))
        return min(times, default=None)

    def vanished(self, now: float) -> bool:
        """Say whether the modem is gone by itself (faults ``vanish`` and ``vanish-byte``)."""
        return self.outbox.vanish_at is not None and self.outbox.vanish_at <= now

    def say(self, line: str, now: float) -> None:
        """Send one unsolicited line."""
        self.outbox.send(self._unasked(line), now)

    def remove_sim(self, now: float, *, silent: bool = False) -> None:
        """Pull the card."""
        self._card(Card.ABSENT, now, silent=silent)

    def insert_sim(self, now: float, *, silent: bool = False) -> None:
        """Put the card (back) in; it needs no PIN."""
        self._card(Card.READY, now, silent=silent)

    def swap_sim(
        self,
        now: float,
        *,
        iccid: str | None = None,
        imsi: str | None = None,
        eid: str | None = None,
        silent: bool = False,
    ) -> None:
        """Exchange the card between two commands; numbers not named differ from the old ones."""
        if not silent and self.repertoire.card is not Card.ABSENT:
            self._urcs(card_urcs(self.script.urcs, present=False), now)
        self.identities = self.identities.other_card(iccid=iccid, imsi=imsi, eid=eid)
        self._card(Card.READY, now, silent=silent)

    def _card(self, card: Card, now: float, *, silent: bool) -> None:
        for name in _CARD_FAULTS:
            self.faults.drop(name)
        self.repertoire.card_changed(card)
        if not silent:
            self._urcs(card_urcs(self.script.urcs, present=card is Card.READY), now)

    def _urcs(self, urcs: Sequence[ScriptedUrc], now: float) -> None:
        for urc in urcs:
            self.outbox.send(urc.raw, now)

    def _check(self, fault: Given) -> None:
        if fault.name == "lie":
            lies.check(fault.text)

    def _apply_faults(self) -> None:
        for name, card in _CARD_FAULTS.items():
            if name in self.faults:
                self.repertoire.card_changed(card)
        if "echo-off" in self.faults:
            self.repertoire.echo = False
        if "echo-on" in self.faults or "echo-stays" in self.faults:
            self.repertoire.echo = True
        if "cmee-fixed" in self.faults:
            self.repertoire.cmee_fixed = self.repertoire.cmee = int(
                min(2, self.faults.number("cmee-fixed"))
            )

    def _boot(self, now: float) -> None:
        if "stale" in self.faults:
            for text in self.faults.texts("stale"):
                self.outbox.send(text.encode("latin-1", "replace"), now)
        if "boot-urcs" in self.faults:
            lines = [urc.raw for urc in boot_urcs(self.script.urcs)] or [b"\r\nRDY\r\n"]
            step = self.faults.number("boot-urcs") / len(lines)
            for number, raw in enumerate(lines):
                self.outbox.later(raw, now + number * step)

    def _left(self, fault: str, now: float) -> float:
        """Seconds a fault of the start still lasts."""
        return self._since[fault] + self.faults.number(fault) - now if fault in self.faults else 0.0

    def _line(self, line: str, now: float) -> None:
        if not line.strip():
            return
        self._count += 1
        self.received.append(HostLine(now, line))
        if any(fault in self.faults for fault in _DEAF) or self._left("boot-silent", now) > 0:
            return
        start = line.upper().find("AT")
        echo = self.repertoire.echo
        if start < 0:  # the beginning was lost: the modem sees no command
            self._echo(line, echo, now)
            return
        command = line[start:]
        reply = self._reply(command, now)
        if "echo-stays" in self.faults:
            self.repertoire.echo = True
        body = tamper(
            reply.body if echo else reply.without_echo(),
            line_key(command),
            script=self.script,
            identities=self.identities,
            faults=self.faults,
        )
        if self._left("boot-lag", now) > 0:
            self._lag(line, body, echo and reply.echo, now)
            return
        self._echo(line, echo and reply.echo, now)
        self._answer(command, body, now)

    def _lag(self, line: str, body: bytes, echo: bool, now: float) -> None:
        self._release(now, after=False)
        head = line.encode("latin-1") + b"\r" if echo else b""
        self._held.append((head + body, False))

    def _answer(self, command: str, body: bytes, now: float) -> None:
        at = max(now, self._busy_until) + self.faults.number("latency-ms") / 1000
        self._busy_until = at
        for line in self._between(command):
            self.outbox.send(self._unasked(line), at)
        if self.faults.strikes("vanish", command, self._count):
            self.outbox.send(body[: len(body) // 2], at)
            self.outbox.vanish(at)
            return
        if self.faults.strikes("late", command, self._count):
            self._held.append((body, False))
            return
        if self.faults.strikes("late-after", command, self._count):
            self._held.append((body, True))
            return
        self._release(at, after=False)
        self.outbox.send(body, at)
        self._release(at, after=True)
        if "endless" in self.faults:
            self.floods.begin_endless(at)

    def _release(self, at: float, *, after: bool) -> None:
        for body, comes_after in self._held:
            if comes_after is after:
                self.outbox.send(body, at)
        self._held = [held for held in self._held if held[1] is not after]

    def _between(self, command: str) -> list[str]:
        lines = self.faults.texts("urc")
        if not self._urc_once_said:
            lines += self.faults.texts("urc-once")
            self._urc_once_said = True
        prefix = command.upper().removeprefix("AT").split("=")[0].split("?")[0].split(";")[0]
        if prefix[:1] in tuple("+^#%!$*"):
            lines += [f"{prefix}: {value}" for value in self.faults.texts("urc-prefix")]
        return lines

    def _reply(self, command: str, now: float) -> Reply:
        key = line_key(command)
        if self.faults.strikes("silent", command, -1):
            return Reply(b"", echo=True)
        if self.faults.strikes("refuse", command, -1) or self._left("boot-error", now) > 0:
            return Reply(b"\r\nERROR\r\n")
        if "cme-storm" in self.faults and key != "AT":
            error = f"\r\n+CME ERROR: {int(self.faults.number('cme-storm'))}\r\n"
            return Reply(error.encode() * 20)
        if "sim-busy" in self.faults:
            if self._left("sim-busy", now) > 0:
                self.repertoire.card = Card.BUSY
            elif self.repertoire.card is Card.BUSY:
                self.repertoire.card_changed(Card.READY)
        return self.repertoire.reply(command)

    def _echo(self, line: str, on: bool, now: float) -> None:
        if on:
            end = b"\r\n" if "echo-crlf" in self.faults else b"\r"
            self.outbox.send(line.encode("latin-1") + end, max(now, self._busy_until))

    def _unasked(self, line: str) -> bytes:
        for urc in self.script.urcs:
            if urc.text == line:
                return urc.raw
        return f"\r\n{line}\r\n".encode("latin-1", "replace")
