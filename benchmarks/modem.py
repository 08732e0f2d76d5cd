"""Byte-level modems on PTYs for the benchmarks, in a process of their own.

    python benchmarks/modem.py [--think-ms 5] [--trace] KIND ...

A KIND is ``eg25``, ``eg25*16``, ``mixed*64`` (units of all the recorded kinds in turn) or
``mixed*32@32`` (the next 32 of them, for a second process), optionally with a fault after a colon:
``eg25:urc`` (a URC between each command and its response), ``eg25:mute``. It prints one JSON
object a modem (``path``, ``name``, ``expected``), then ``ready``. On stdin it takes ``reset``
(reset counts, echo and pending responses; answers ``ok``) and ``counts`` (answers one JSON
object), and ends with its input.

Lines are parsed by V.250: several commands in one line, extended ones separated by semicolons;
all information responses, then one final result, or ERROR at the first that fails. A modem takes
``--think-ms`` per line, however many commands it holds. It counts what it receives and sends, and
how late it was itself. It shares no code with the package, and so no mistake.
"""

from __future__ import annotations

import argparse
import fcntl
import heapq
import json
import os
import selectors
import sys
import termios
import time
import tty
from typing import NamedTuple

from personalities import REFUSED, Personality, Reply, eg25, recorded, renumbered

URC = b"\r\n+QIND: PB DONE\r\n"
EXTENDED = "+#^!%$*@\\"


def commands(body: str) -> list[str]:
    """Return the commands of a line without its ``AT`` (V.250, clauses 5.2.1, 5.3.1, 5.4.1)."""
    found: list[str] = []
    start = at = 0
    while at < len(body):
        if body[at] in EXTENDED:
            quoted = False
            while at < len(body) and (quoted or body[at] != ";"):
                quoted ^= body[at] == '"'
                at += 1
        else:
            at += 2 if body[at] == "&" else 1
            while at < len(body) and body[at].isdigit():
                at += 1
        if body[start:at].strip("; "):
            found.append(body[start:at].strip())
        at += at < len(body) and body[at] == ";"
        start = at
    return found


class Modem:
    """One modem on a PTY.

    :ivar counts: ``lines``, ``received`` and ``sent`` (bytes) since the last reset
    :ivar first_at: monotonic time of the first byte since then; 0 for none yet
    """

    def __init__(self, personality: Personality, mood: str) -> None:
        self.personality = personality
        self._mood = mood
        self.master, self._slave = os.openpty()
        self.path = os.ttyname(self._slave)
        os.set_blocking(self.master, False)
        self.reset()

    def reset(self) -> None:
        """Reset to power-up, on an unused port."""
        tty.setraw(self._slave)
        fcntl.ioctl(self._slave, termios.TIOCNXCL)
        termios.tcflush(self._slave, termios.TCIOFLUSH)
        self.counts = {"lines": 0, "received": 0, "sent": 0}
        self.first_at = 0.0
        self._echo = self.personality.echo
        self._waiting = b""
        self._turns: dict[str, int] = {}

    def read(self) -> list[str]:
        """Return the complete command lines."""
        data = os.read(self.master, 4096)
        self.first_at = self.first_at or time.monotonic()
        self.counts["received"] += len(data)
        *lines, self._waiting = (self._waiting + data).split(b"\r")
        self.counts["lines"] += len(lines)
        return [line.decode("latin-1").lstrip("\n\x1a\x1b") for line in lines]

    def answer(self, line: str) -> bytes:
        """Return the bytes that the modem sends for a line, echo first."""
        sent = line.encode("latin-1") + b"\r" if self._echo else b""
        if self._mood == "mute" or line[:2].upper() != "AT":
            return b"" if self._mood == "mute" else sent
        between = URC if self._mood == "urc" else b""
        information = b""
        final = b"\r\nOK\r\n"
        # a recorded line may have any form: it is looked up before parsing
        whole = line.upper() in self.personality.replies
        for command in [line[2:]] if whole else commands(line[2:]):
            reply = self._reply("AT" + command.upper())
            information += reply.information
            final = reply.final
            if b"OK" not in final:
                break
        return sent + between + information + final

    def _reply(self, command: str) -> Reply:
        if command in ("ATE0", "ATE1"):
            self._echo = command == "ATE1"
        turns = self.personality.replies.get(command, [REFUSED])
        turn = self._turns.get(command, 0)
        self._turns[command] = turn + 1
        return turns[turn % len(turns)]

    def send(self, data: bytes) -> None:
        self.counts["sent"] += os.write(self.master, data)


class Due(NamedTuple):
    """A response and the time at which it is sent."""

    at: float
    order: int
    modem: Modem
    data: bytes


class Stage:
    """All modems of this process, and the dialogue with the process that started it."""

    def __init__(self, modems: list[Modem], think_s: float, *, trace: bool) -> None:
        self._modems = modems
        self._think_s = think_s
        self._trace = trace
        self._due: list[Due] = []
        self._order = 0
        self._late_s: list[float] = []
        self._cpu_s = time.process_time()
        self._chooser = selectors.DefaultSelector()
        self._chooser.register(sys.stdin.fileno(), selectors.EVENT_READ)
        for modem in modems:
            self._chooser.register(modem.master, selectors.EVENT_READ, modem)

    def serve(self) -> None:
        """Answer until the input ends."""
        while True:
            wait_s = max(0.0, self._due[0].at - time.monotonic()) if self._due else None
            for key, _ in self._chooser.select(wait_s):
                if key.data is None:
                    said = os.read(key.fd, 4096).decode()
                    if not said:
                        return
                    for order in said.split():
                        self._obey(order)
                else:
                    self._take(key.data)
            self._send()

    def _take(self, modem: Modem) -> None:
        for line in modem.read():
            if self._trace:
                print(modem.path, line, file=sys.stderr)
            data = modem.answer(line)
            if data:
                self._order += 1
                due = Due(time.monotonic() + self._think_s, self._order, modem, data)
                heapq.heappush(self._due, due)

    def _send(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0].at <= now:
            due = heapq.heappop(self._due)
            self._late_s.append(time.monotonic() - due.at)
            due.modem.send(due.data)

    def _obey(self, order: str) -> None:
        if order == "reset":
            self._due.clear()
            self._late_s.clear()
            self._cpu_s = time.process_time()
            for modem in self._modems:
                modem.reset()
            print("ok", flush=True)
        else:
            late = sorted(self._late_s) or [0.0]
            description = {
                "modems": {modem.path: modem.counts for modem in self._modems},
                "first_at": {modem.path: modem.first_at for modem in self._modems},
                "late_ms": late[len(late) // 2] * 1000,
                "late_ms_worst": late[-1] * 1000,
                "cpu_s": time.process_time() - self._cpu_s,
            }
            print(json.dumps(description), flush=True)


def cast(kinds: list[str]) -> list[Modem]:
    """Return the modems of the kinds on the command line."""
    modems: list[Modem] = []
    for kind in kinds:
        name, _, mood = kind.partition(":")
        name, _, first = name.partition("@")
        name, _, count = name.partition("*")
        species = recorded() if name == "mixed" else []
        for number in range(int(first or 0), int(first or 0) + int(count or 1)):
            if species:
                unit, place = divmod(number, len(species))
                modems.append(Modem(renumbered(species[place], unit), mood))
            else:
                modems.append(Modem(eg25(number), mood))
    return modems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="+", metavar="KIND")
    parser.add_argument("--think-ms", type=float, default=5.0)
    parser.add_argument("--trace", action="store_true", help="print each command line on stderr")
    options = parser.parse_args()
    modems = cast(options.kinds)
    for modem in modems:
        about = {"path": modem.path, "name": modem.personality.name}
        print(json.dumps({**about, "expected": modem.personality.expected}))
    print("ready", flush=True)
    Stage(modems, options.think_ms / 1000, trace=options.trace).serve()


if __name__ == "__main__":
    main()
