"""Simulator server: one thread that runs any number of simulated modems, and their controls.

A single poll loop reads the clock and moves bytes. Every control takes the lock, so tests may call
the controls from their own thread at any time.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from modemagent.simulator.endpoints import Endpoint
from modemagent.simulator.modem import HostLine, SimulatedModem

_BACKLOG_LIMIT = 256 * 1024
#: Bytes kept for a client that has yet to connect, as in a UART driver's buffer.
_NO_CLIENT_LIMIT = 4096


@dataclass(eq=False)
class RunningModem:
    """A modem at its endpoint, and the controls of it while it runs.

    :param name: as ``quectel-eg25-g`` or, for further ones of a kind, ``quectel-eg25-g-2``
    """

    name: str
    modem: SimulatedModem
    endpoint: Endpoint
    server: SimulatorServer
    backlog: bytearray = field(default_factory=bytearray)
    wake_at: float | None = None

    @property
    def path(self) -> str:
        """The port to open, a path or ``socket://HOST:PORT``; it survives a replug."""
        return self.endpoint.address

    @property
    def received(self) -> list[HostLine]:
        """Every command line received, with its time on the monotonic clock in seconds."""
        with self.server.lock:
            return list(self.modem.received)

    @property
    def lines_received(self) -> list[str]:
        """Every command line received, as sent."""
        return [line for _, line in self.received]

    def urc(self, line: str) -> None:
        """Send one unsolicited line now."""
        with self.server.changing():
            self.modem.send_urc(line, time.monotonic())

    def remove_sim(self, *, silent: bool = False) -> None:
        """Remove the SIM; ``silent`` suppresses the modem's own URCs."""
        with self.server.changing():
            self.modem.remove_sim(time.monotonic(), silent=silent)

    def insert_sim(self, *, silent: bool = False) -> None:
        """Insert the SIM again."""
        with self.server.changing():
            self.modem.insert_sim(time.monotonic(), silent=silent)

    def swap_sim(self, *numbers: str, silent: bool = False) -> None:
        """Swap the SIM.

        :param numbers: ICCID, IMSI and EID; those not given differ from the old SIM's
        """
        with self.server.changing():
            self.modem.swap_sim(time.monotonic(), *numbers, silent=silent)

    def fault(self, text: str) -> None:
        """Add a fault, such as ``latency-ms=50``; ``none`` removes all."""
        with self.server.changing():
            self.modem.add_fault(text, time.monotonic())

    def unplug(self) -> None:
        """Unplug the modem: its port hangs up and its link is removed."""
        with self.server.changing():
            self.server.unplug(self)

    def replug(self) -> None:
        """Plug the modem in again at the same address, after a power-up."""
        with self.server.changing():
            if not self.endpoint.open:
                self.server.plug(self)


class SimulatorServer:
    """Runs modems from entering the ``with`` block to leaving it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._modems: list[RunningModem] = []
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    def __enter__(self) -> SimulatorServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._wake()
        self._thread.join()
        for modem in self._modems:
            self.unplug(modem)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock, and wake the loop when it is released."""
        with self.lock:
            yield
        self._wake()

    def add(self, name: str, modem: SimulatedModem, endpoint: Endpoint) -> RunningModem:
        """Plug a modem in and run it."""
        running = RunningModem(name, modem, endpoint, self)
        with self.changing():
            self._modems.append(running)
            self.plug(running)
        return running

    def remove(self, modem: RunningModem) -> None:
        """Unplug a modem that does not return."""
        with self.changing():
            self.unplug(modem)
            self._modems.remove(modem)

    def plug(self, modem: RunningModem) -> None:
        modem.endpoint.plug()
        modem.backlog.clear()
        modem.modem.power_on(time.monotonic())
        self._watch(modem)

    def unplug(self, modem: RunningModem) -> None:
        for descriptor in self._descriptors_of(modem):
            self._selector.unregister(descriptor)
        modem.endpoint.unplug()

    def _wake(self) -> None:
        os.write(self._wake_write, b".")

    def _run(self) -> None:
        timeout: float | None = None
        while not self._ending:
            events = self._selector.select(timeout)
            with self.lock:
                # serving one modem costs little, serving 64 for each byte does not: only those
                # with something to do are served
                active: set[RunningModem] = set()
                for key, mask in events:
                    if key.fd == self._wake_read:
                        os.read(self._wake_read, 4096)
                        active.update(self._modems)
                    elif key.fd in self._selector.get_map():
                        active.add(key.data)
                        if mask & selectors.EVENT_READ:
                            self._read(key.data, key.fd)
                now = time.monotonic()
                for modem in self._modems:
                    due = modem.wake_at is not None and modem.wake_at <= now
                    if due or modem in active:
                        self._write(modem)
                        modem.wake_at = modem.modem.wake_at if modem.endpoint.open else None
                times = [modem.wake_at for modem in self._modems if modem.wake_at is not None]
                timeout = max(0.0, min(times) - time.monotonic()) if times else None

    def _read(self, modem: RunningModem, descriptor: int) -> None:
        data = modem.endpoint.read(descriptor)
        if data:
            modem.modem.receive(data, time.monotonic())
        else:
            self._watch(modem)

    def _write(self, modem: RunningModem) -> None:
        if not modem.endpoint.open:
            return
        now = time.monotonic()
        wake_at = modem.modem.wake_at
        if wake_at is not None and wake_at <= now:
            data = modem.modem.take(now)
            has_client = modem.endpoint.output() is not None
            if len(modem.backlog) < (_BACKLOG_LIMIT if has_client else _NO_CLIENT_LIMIT):
                modem.backlog += data
        had_backlog = bool(modem.backlog)
        if had_backlog:
            del modem.backlog[: modem.endpoint.write(bytes(modem.backlog))]
        if modem.modem.vanished(now):
            self.unplug(modem)
        elif had_backlog:
            self._watch(modem)

    def _watch(self, modem: RunningModem) -> None:
        """Poll an endpoint for reading, and for writing while bytes are left to write."""
        output = modem.endpoint.output() if modem.backlog else None
        wanted = {
            fd: selectors.EVENT_READ | (selectors.EVENT_WRITE if fd == output else 0)
            for fd in modem.endpoint.descriptors()
        }
        for fd in self._descriptors_of(modem):
            if fd not in wanted:
                self._selector.unregister(fd)
        polled = self._selector.get_map()
        for fd, mask in wanted.items():
            if fd not in polled:
                self._selector.register(fd, mask, modem)
            elif polled[fd].events != mask:
                self._selector.modify(fd, mask, modem)

    def _descriptors_of(self, modem: RunningModem) -> list[int]:
        return [key.fd for key in self._selector.get_map().values() if key.data is modem]
