"""One thread that plays any number of simulated modems, and the controls to them.

A single poll loop reads the clock and moves bytes; every control takes the lock, so tests may
call them from their own thread at any moment.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from types import TracebackType

from modemagent.simulator.endpoints import Endpoint
from modemagent.simulator.modem import HostLine, SimulatedModem

_BACKLOG_LIMIT = 256 * 1024
#: What is kept for a client that has yet to connect, as in a UART driver's buffer.
_UNHEARD_LIMIT = 4096


class RunningModem:
    """A modem in its seat, and what can be done to it while it plays.

    :ivar name: as ``quectel-eg25-g`` or, for further ones of a kind, ``quectel-eg25-g-2``
    """

    def __init__(
        self, name: str, modem: SimulatedModem, seat: Endpoint, stage: SimulatorServer
    ) -> None:
        self.name = name
        self.modem = modem
        self.seat = seat
        self._stage = stage
        self.backlog = bytearray()
        self.wake_at: float | None = None

    @property
    def path(self) -> str:
        """What to open: a path or ``socket://HOST:PORT``; stays the same over a replug."""
        return self.seat.address

    @property
    def received(self) -> list[HostLine]:
        """Every command line so far with its time on the monotonic clock, in seconds."""
        with self._stage.lock:
            return list(self.modem.received)

    @property
    def lines_received(self) -> list[str]:
        """Every command line so far, as it was typed."""
        return [line for _, line in self.received]

    @property
    def plugged(self) -> bool:
        with self._stage.lock:
            return self.seat.open

    def urc(self, line: str) -> None:
        """Send one unsolicited line now."""
        with self._stage.changing():
            self.modem.say(line, time.monotonic())

    def remove_sim(self, *, silent: bool = False) -> None:
        """Pull the card; ``silent`` keeps the modem's own URCs back."""
        with self._stage.changing():
            self.modem.remove_sim(time.monotonic(), silent=silent)

    def insert_sim(self, *, silent: bool = False) -> None:
        """Put the card (back) in."""
        with self._stage.changing():
            self.modem.insert_sim(time.monotonic(), silent=silent)

    def swap_sim(
        self,
        iccid: str | None = None,
        imsi: str | None = None,
        eid: str | None = None,
        *,
        silent: bool = False,
    ) -> None:
        """Exchange the card; numbers not named are made up and differ from the old card's."""
        with self._stage.changing():
            self.modem.swap_sim(time.monotonic(), iccid=iccid, imsi=imsi, eid=eid, silent=silent)

    def fault(self, text: str) -> None:
        """Add a fault, as ``latency-ms=50``; ``none`` takes all away."""
        with self._stage.changing():
            self.modem.add_fault(text, time.monotonic())

    def unplug(self) -> None:
        """Take the modem away: its port hangs up and its link goes."""
        with self._stage.changing():
            self._stage.leave(self)

    def replug(self) -> None:
        """Plug the modem in again at the same address, freshly powered up."""
        with self._stage.changing():
            if not self.seat.open:
                self._stage.enter(self)


class _Changing:
    """The lock, and a nudge to the loop when it is given back."""

    def __init__(self, stage: SimulatorServer) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        self._stage.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._stage.lock.release()
        self._stage.nudge()


class SimulatorServer:
    """Plays modems from entering the ``with`` block to leaving it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._players: list[RunningModem] = []
        self._polled: dict[int, tuple[RunningModem, int]] = {}
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    def __enter__(self) -> SimulatorServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending = True
        self.nudge()
        self._thread.join()
        for player in self._players:
            self.leave(player)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def changing(self) -> _Changing:
        return _Changing(self)

    def add(self, name: str, modem: SimulatedModem, seat: Endpoint) -> RunningModem:
        """Plug a modem in and play it."""
        player = RunningModem(name, modem, seat, self)
        with self.changing():
            self._players.append(player)
            self.enter(player)
        return player

    def enter(self, player: RunningModem) -> None:
        player.seat.plug()
        player.backlog.clear()
        player.modem.power_on(time.monotonic())
        self._watch(player)

    def leave(self, player: RunningModem) -> None:
        for descriptor in [fd for fd, (whose, _) in self._polled.items() if whose is player]:
            self._selector.unregister(descriptor)
            del self._polled[descriptor]
        player.seat.unplug()

    def nudge(self) -> None:
        os.write(self._wake_write, b".")

    def _run(self) -> None:
        timeout: float | None = None
        while not self._ending:
            events = self._selector.select(timeout)
            with self.lock:
                # A visit costs little, 64 for each byte do not: only those with something to do.
                touched: set[RunningModem] = set()
                for key, mask in events:
                    if key.fd == self._wake_read:
                        os.read(self._wake_read, 4096)
                        touched.update(self._players)
                    elif key.fd in self._polled:
                        player, _ = self._polled[key.fd]
                        touched.add(player)
                        if mask & selectors.EVENT_READ:
                            self._read(player, key.fd)
                now = time.monotonic()
                for player in self._players:
                    due = player.wake_at is not None and player.wake_at <= now
                    if due or player in touched:
                        self._write(player)
                timeout = self._pause()

    def _read(self, player: RunningModem, descriptor: int) -> None:
        data = player.seat.read(descriptor)
        if data:
            player.modem.receive(data, time.monotonic())
        else:
            self._watch(player)

    def _write(self, player: RunningModem) -> None:
        self._move(player)
        player.wake_at = player.modem.wake_at if player.seat.open else None

    def _move(self, player: RunningModem) -> None:
        if not player.seat.open:
            return
        now = time.monotonic()
        wake_at = player.modem.wake_at
        if wake_at is not None and wake_at <= now:
            data = player.modem.take(now)
            heard = player.seat.output() is not None
            if len(player.backlog) < (_BACKLOG_LIMIT if heard else _UNHEARD_LIMIT):
                player.backlog += data
        had = bool(player.backlog)
        if had:
            del player.backlog[: player.seat.write(bytes(player.backlog))]
        if player.modem.vanished(now):
            self.leave(player)
        elif had:
            self._watch(player)

    def _watch(self, player: RunningModem) -> None:
        """Poll a seat for reading, and for writing while something could not be written."""
        output = player.seat.output() if player.backlog else None
        wanted = {
            fd: selectors.EVENT_READ | (selectors.EVENT_WRITE if fd == output else 0)
            for fd in player.seat.descriptors()
        }
        for fd in [fd for fd, (whose, _) in self._polled.items() if whose is player]:
            if fd not in wanted:
                self._forget(fd)
        for fd, mask in wanted.items():
            if fd not in self._polled:
                self._selector.register(fd, mask)
            elif self._polled[fd][1] != mask:
                self._selector.modify(fd, mask)
            self._polled[fd] = (player, mask)

    def _forget(self, descriptor: int) -> None:
        del self._polled[descriptor]
        try:
            self._selector.unregister(descriptor)
        except (KeyError, OSError, ValueError):
            return

    def _pause(self) -> float | None:
        times = [player.wake_at for player in self._players if player.wake_at is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None
