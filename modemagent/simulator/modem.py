"""Simulated modem: bytes in, bytes out, played from a transcript by a clock the caller passes in.

It opens nothing: :mod:`modemagent.simulator.server` carries its bytes over PTYs and TCP, and a test
may drive it by hand with any clock.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from modemagent.simulator.faults import FAULTS, Faults
from modemagent.simulator.floods import Floods
from modemagent.simulator.identities import SyntheticIdentities
from modemagent.simulator.responder import Responder
from modemagent.simulator.script import Reply, Script, line_key, urc_text
from modemagent.simulator.slot_states import SlotState, boot_urcs, sim_urcs
from modemagent.simulator.tampering import tamper
from modemagent.simulator.transmit_queue import TransmitQueue

_LINE_LIMIT = 4096
_SIM_FAULTS = {
    "sim-out": SlotState.ABSENT,
    "sim-pin": SlotState.PIN,
    "sim-puk": SlotState.PUK,
    "sim-failure": SlotState.FAILURE,
}
_NO_COMMANDS = ("mute", "nmea", "binary")


class HostLine(NamedTuple):
    """One command line that the modem received.

    :param at: seconds on the modem's clock
    """

    at: float
    line: str


class SimulatedModem:
    """One modem with one SIM.

    :param clone: 0 for the transcript's own numbers, n for a modem and SIM that differ
    :param state: a condition of the transcript, such as ``no sim``; "" for SIM present and ready
    :param faults: as ``["latency-ms=5", "echo-stays"]``, see :data:`~.faults.FAULTS`
    :param now: the clock at power-up, in seconds
    :param numbers: ``imei``, ``iccid``, ``imsi`` or ``eid`` in place of the transcript's
    :raises UsageError: unknown state or fault
    :ivar received: every command line in order, including those without a response
    """

    def __init__(
        self,
        script: Script,
        *,
        clone: int = 0,
        state: str = "",
        faults: Sequence[str] = (),
        now: float = 0.0,
        **numbers: Any,
    ) -> None:
        self.script = script
        self.faults = Faults(faults)
        self.identities = SyntheticIdentities(script.imsis, clone, **numbers)
        self.responder = Responder(script, state)
        self.output = TransmitQueue(self.faults)
        self.floods = Floods(self.faults, script)
        self.received: list[HostLine] = []
        self.power_on(now)

    def power_on(self, now: float) -> None:
        """Reset to power-up: echo, error format and start-up faults begin again."""
        self._since = dict.fromkeys(FAULTS, now)
        self._input = bytearray()
        self._lost = int(self.faults.number("lose"))
        self._count = 0
        self._delayed: list[tuple[bytes, bool]] = []
        self._busy_until = now
        self._urc_once_sent = False
        self.output.clear()
        self.responder.power_on()
        self._apply_faults()
        self.floods.start(now)
        self._send_boot_lines(now)

    def add_fault(self, text: str, now: float) -> None:
        """Add a fault from now on; ``none`` removes all."""
        if text == "none":
            self.faults.clear()
        else:
            self._since[self.faults.add(text).name] = now
        self._apply_faults()
        self.floods.start(now)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the host."""
        if self._lost:
            data, self._lost = data[self._lost :], max(0, self._lost - len(data))
        for byte in data:
            if byte == 0x0D:
                line = bytes(self._input).decode("latin-1").strip("\r\n")
                self._input.clear()
                if line.strip():
                    self._on_line(line, now)
            elif len(self._input) < _LINE_LIMIT and (self._input or byte != 0x0A):
                self._input.append(byte)

    def take(self, now: float) -> bytes:
        """Return the bytes to send by now."""
        self.floods.queue_due(self.output, now)
        if self._delayed and "boot-lag" in self.faults and not self._is_starting("boot-lag", now):
            self._send_delayed(now, after=False)
        return self.output.take(now)

    @property
    def wake_at(self) -> float | None:
        """When :meth:`take` has bytes again; None if only input can change that."""
        times = [t for t in (self.output.wake_at, self.floods.wake_at) if t is not None]
        if self._delayed and "boot-lag" in self.faults:
            times.append(self._since["boot-lag"] + self.faults.number("boot-lag"))
        return min(times, default=None)

    def vanished(self, now: float) -> bool:
        """Return True if a fault (``vanish``, ``vanish-byte``) has removed the modem."""
        return self.output.vanish_at is not None and self.output.vanish_at <= now

    def send_urc(self, line: str, now: float) -> None:
        """Send one unsolicited line."""
        self.output.send(self._urc(line), now)

    def remove_sim(self, now: float, *, silent: bool = False) -> None:
        """Remove the SIM."""
        self._set_slot(SlotState.ABSENT, now, silent=silent)

    def insert_sim(self, now: float, *, silent: bool = False) -> None:
        """Insert the SIM again; it requires no PIN."""
        self._set_slot(SlotState.READY, now, silent=silent)

    def swap_sim(self, now: float, *numbers: str, silent: bool = False) -> None:
        """Swap the SIM between two commands.

        :param numbers: ICCID, IMSI and EID; those not given differ from the old ones
        """
        if not silent and self.responder.slot is not SlotState.ABSENT:
            self._send_sim_urcs(now, present=False)
        self.identities = self.identities.other_sim(*numbers)
        self._set_slot(SlotState.READY, now, silent=silent)

    def _set_slot(self, slot: SlotState, now: float, *, silent: bool) -> None:
        for name in _SIM_FAULTS:
            self.faults.drop(name)
        self.responder.set_slot(slot)
        if not silent:
            self._send_sim_urcs(now, present=slot is SlotState.READY)

    def _send_sim_urcs(self, now: float, *, present: bool) -> None:
        for urc in sim_urcs(self.script.urcs, present=present):
            self.output.send(urc.wire(), now)

    def _apply_faults(self) -> None:
        for name, slot in _SIM_FAULTS.items():
            if name in self.faults:
                self.responder.set_slot(slot)
        if "echo-off" in self.faults:
            self.responder.echo = False
        if "echo-on" in self.faults or "echo-stays" in self.faults:
            self.responder.echo = True
        if "cmee-fixed" in self.faults:
            fixed = int(min(2, self.faults.number("cmee-fixed")))
            self.responder.cmee_fixed = self.responder.cmee = fixed

    def _send_boot_lines(self, now: float) -> None:
        for text in self.faults.texts("stale"):
            self.output.send(text.encode("latin-1", "replace"), now)
        if "boot-urcs" in self.faults:
            lines = [urc.wire() for urc in boot_urcs(self.script.urcs)] or [b"\r\nRDY\r\n"]
            step = self.faults.number("boot-urcs") / len(lines)
            for number, raw in enumerate(lines):
                self.output.send_at(raw, now + number * step)

    def _is_starting(self, fault: str, now: float) -> bool:
        """Return True if a start-up fault is given and its time is not over."""
        return fault in self.faults and self._since[fault] + self.faults.number(fault) > now

    def _on_line(self, line: str, now: float) -> None:
        self._count += 1
        self.received.append(HostLine(now, line))
        if any(fault in self.faults for fault in _NO_COMMANDS) or self._is_starting(
            "boot-silent", now
        ):
            return
        start = line.upper().find("AT")
        echo = self.responder.echo
        if start < 0:  # the beginning was lost: the modem sees no command
            self._send_echo(line, now, enabled=echo)
            return
        command = line[start:]
        reply = self._reply(command, now)
        if "echo-stays" in self.faults:
            self.responder.echo = True
        body = tamper(
            reply.body if echo else reply.without_echo(),
            line_key(command),
            script=self.script,
            identities=self.identities,
            faults=self.faults,
        )
        if self._is_starting("boot-lag", now):
            self._send_delayed(now, after=False)
            head = line.encode("latin-1") + b"\r" if echo and reply.echo else b""
            self._delayed.append((head + body, False))
            return
        self._send_echo(line, now, enabled=echo and reply.echo)
        self._send_response(command, body, now)

    def _send_response(self, command: str, body: bytes, now: float) -> None:
        at = max(now, self._busy_until) + self.faults.number("latency-ms") / 1000
        self._busy_until = at
        for line in self._lines_before_response(command):
            self.output.send(self._urc(line), at)
        if self.faults.applies("vanish", command, self._count):
            self.output.send(body[: len(body) // 2], at)
            self.output.vanish(at)
            return
        for fault in ("late", "late-after"):
            if self.faults.applies(fault, command, self._count):
                self._delayed.append((body, fault == "late-after"))
                return
        self._send_delayed(at, after=False)
        self.output.send(body, at)
        self._send_delayed(at, after=True)
        if "endless" in self.faults:
            self.floods.start_endless_line(at)

    def _send_delayed(self, at: float, *, after: bool) -> None:
        """Send the delayed responses that come before, or after, the present one."""
        for body, comes_after in self._delayed:
            if comes_after is after:
                self.output.send(body, at)
        self._delayed = [delayed for delayed in self._delayed if delayed[1] is not after]

    def _lines_before_response(self, command: str) -> list[str]:
        lines = self.faults.texts("urc")
        if not self._urc_once_sent:
            lines += self.faults.texts("urc-once")
            self._urc_once_sent = True
        prefix = command.upper().removeprefix("AT").split("=")[0].split("?")[0].split(";")[0]
        if prefix[:1] in tuple("+^#%!$*"):
            lines += [f"{prefix}: {value}" for value in self.faults.texts("urc-prefix")]
        return lines

    def _reply(self, command: str, now: float) -> Reply:
        if self.faults.applies("silent", command):
            return Reply(b"", echo=True)
        if self.faults.applies("refuse", command) or self._is_starting("boot-error", now):
            return Reply(b"\r\nERROR\r\n")
        if "cme-storm" in self.faults and line_key(command) != "AT":
            error = f"\r\n+CME ERROR: {int(self.faults.number('cme-storm'))}\r\n"
            return Reply(error.encode() * 20)
        if "sim-busy" in self.faults:
            if self._is_starting("sim-busy", now):
                self.responder.slot = SlotState.BUSY
            elif self.responder.slot is SlotState.BUSY:
                self.responder.set_slot(SlotState.READY)
        return self.responder.reply(command)

    def _send_echo(self, line: str, now: float, *, enabled: bool) -> None:
        if enabled:
            end = b"\r\n" if "echo-crlf" in self.faults else b"\r"
            self.output.send(line.encode("latin-1") + end, max(now, self._busy_until))

    def _urc(self, line: str) -> bytes:
        for urc in self.script.urcs:
            if urc_text(urc) == line:
                return urc.wire()
        return f"\r\n{line}\r\n".encode("latin-1", "replace")
