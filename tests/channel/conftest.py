"""Peers of a port at the byte level: real PTYs and sockets, each served by its own thread."""

import asyncio
import os
import pty
import select
import socket
import threading
import time
import tty
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from modemagent.at.steps import Plan
from modemagent.channel.channel import open_channel
from modemagent.channel.runner import run_plans
from modemagent.errors import ModemAgentError

LIMIT_S = 5.0

Reply = Callable[[bytes], bytes | None]


def ok(line: bytes) -> bytes:
    """Answer OK to every line."""
    return b"\r\nOK\r\n"


class Peer:
    """The other end of a port: records the bytes it receives and answers each line.

    :ivar address: what a client opens
    :ivar reply: line -> the bytes to response with, None to hang up
    :ivar received: every byte that came
    """

    address: str

    def __init__(self) -> None:
        self.reply: Reply = ok
        self.received = bytearray()
        self.connected = threading.Event()
        self.reading = threading.Event()
        self.reading.set()
        self._arrived = threading.Condition()
        self._line = bytearray()
        self._ended = False
        self._hangs_up = False
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def send(self, data: bytes) -> None:
        """Send unsolicited bytes."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Close this end, in its own thread: a descriptor in a select call stays open."""
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            self._close()
            return
        self._hangs_up = True
        os.write(self._waker, b"x")

    def _close(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self._ended = True
        os.write(self._waker, b"x")
        self._thread.join(LIMIT_S)
        self._close()
        os.close(self._wake)
        os.close(self._waker)

    def wait_for(self, data: bytes) -> None:
        """Wait until these bytes have been received."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: data in self.received, LIMIT_S), self.received

    def stall(self) -> None:
        """Stop reading."""
        self.reading.clear()
        os.write(self._waker, b"x")

    def _take(self, data: bytes) -> None:
        with self._arrived:
            self.received += data
            self._arrived.notify_all()
        self._line += data
        while b"\r" in self._line:
            line, _, rest = bytes(self._line).partition(b"\r")
            self._line[:] = rest
            response = self.reply(line)
            if response is None:
                self.hang_up()
                return
            self.send(response)

    def _descriptors(self) -> list[int]:
        raise NotImplementedError

    def _readable(self, descriptor: int) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        while not self._ended:
            watched = self._descriptors() if self.reading.is_set() else []
            ready, _, _ = select.select([self._wake, *watched], [], [], LIMIT_S)
            for descriptor in ready:
                if descriptor == self._wake:
                    os.read(self._wake, 100)
                    if self._hangs_up:
                        self._close()
                        break
                else:
                    self._readable(descriptor)


class PtyPeer(Peer):
    """A PTY whose terminal is also kept open here, as the simulator does."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.terminal = pty.openpty()
        tty.setraw(self.terminal)
        os.set_blocking(self.near, False)
        self.address = os.ttyname(self.terminal)
        self.connected.set()

    def send(self, data: bytes) -> None:
        while data:
            select.select([], [self.near], [], LIMIT_S)
            data = data[os.write(self.near, data) :]

    def _close(self) -> None:
        near, self.near = self.near, -1
        if near >= 0:
            os.close(self.terminal)
            os.close(near)

    def fill(self) -> None:
        """Write until the terminal's buffer is full, as if the peer had stopped reading."""
        descriptor = os.open(self.address, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            while os.write(descriptor, bytes(4096)):
                pass
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)

    def _descriptors(self) -> list[int]:
        return [self.near] if self.near >= 0 else []

    def _readable(self, descriptor: int) -> None:
        self._take(os.read(descriptor, 4096))


class SocketPeer(Peer):
    """A TCP port for one client at a time."""

    scheme = "socket"

    def __init__(self) -> None:
        super().__init__()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._client: socket.socket | None = None
        self.address = f"{self.scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def send(self, data: bytes) -> None:
        assert self.connected.wait(LIMIT_S)
        if self._client is not None:
            self._client.sendall(data)

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def stop(self) -> None:
        super().stop()
        self._listener.close()

    def _descriptors(self) -> list[int]:
        return [self._listener.fileno(), *([self._client.fileno()] if self._client else [])]

    def _readable(self, descriptor: int) -> None:
        if descriptor == self._listener.fileno():
            self.hang_up()
            self._client, _ = self._listener.accept()
            self._welcome()
            return
        client = self._client
        if client is None or client.fileno() != descriptor:
            return
        try:
            data = client.recv(4096)
        except OSError:
            data = b""
        if data:
            self._take(self._decoded(data))
        else:
            self.hang_up()

    def _welcome(self) -> None:
        self.connected.set()

    def _decoded(self, data: bytes) -> bytes:
        return data


class Rfc2217Peer(SocketPeer):
    """A serial server: pyserial's server over a TCP port."""

    scheme = "rfc2217"

    def _welcome(self) -> None:
        import serial
        import serial.rfc2217

        peer = self

        class Wire:
            def write(self, data: bytes) -> None:
                if peer._client is not None:
                    peer._client.sendall(data)

        self._manager = serial.rfc2217.PortManager(serial.serial_for_url("loop://"), Wire())
        self.connected.set()

    def _decoded(self, data: bytes) -> bytes:
        return b"".join(self._manager.filter(data))

    def send(self, data: bytes) -> None:
        assert self.connected.wait(LIMIT_S)
        super().send(b"".join(self._manager.escape(data)))


KINDS: dict[str, type[Peer]] = {"pty": PtyPeer, "socket": SocketPeer, "rfc2217": Rfc2217Peer}


@pytest.fixture(autouse=True)
def _pyserial_is_old() -> Iterator[None]:
    """Allow pyserial 3.5 to name and detach its threads by deprecated calls."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "set(Daemon|Name)", DeprecationWarning)
        yield


@pytest.fixture(params=list(KINDS))
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    """The peer of each transport in turn."""
    yield from _served(KINDS[request.param]())


@pytest.fixture
def pty_peer() -> Iterator[Peer]:
    yield from _served(PtyPeer())


@pytest.fixture
def socket_peer() -> Iterator[Peer]:
    yield from _served(SocketPeer())


@pytest.fixture
def make_peer() -> Iterator[Callable[[], Peer]]:
    """Make further PTYs."""
    made: list[Peer] = []

    def make() -> Peer:
        made.append(PtyPeer())
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop()


def _served(peer: Peer) -> Iterator[Peer]:
    peer.start()
    yield peer
    peer.stop()


class RunPlan(Protocol):
    """Runs one plan on one port and returns its result or raises its error."""

    def __call__(self, port: str, plan: Plan[Any], *, timeout_s: float = LIMIT_S) -> Any: ...


def _blocking(port: str, plan: Plan[Any], *, timeout_s: float = LIMIT_S) -> Any:
    result = run_plans({port: plan}, timeout_s=timeout_s)[port]
    if isinstance(result, ModemAgentError):
        raise result
    return result


def _asynchronous(port: str, plan: Plan[Any], *, timeout_s: float = LIMIT_S) -> Any:
    async def main() -> Any:
        deadline = asyncio.get_running_loop().time() + timeout_s
        channel = await open_channel(port)
        try:
            return await channel.run(plan, deadline=deadline)
        finally:
            await channel.close()

    return asyncio.run(main())


RUNNERS: dict[str, RunPlan] = {"async": _asynchronous, "blocking": _blocking}


@pytest.fixture(params=list(RUNNERS))
def run_plan(request: pytest.FixtureRequest) -> RunPlan:
    """The asynchronous and the blocking runner in turn."""
    return RUNNERS[request.param]


class Stall:
    """The longest time an event loop was blocked, in seconds.

    The time for which its thread waited for a processor does not count.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        last = self._now()
        while True:
            await asyncio.sleep(0.002)
            now = self._now()
            self.longest_s = max(self.longest_s, now - last - 0.002)
            last = now

    def _now(self) -> float:
        while True:  # until the thread was not interrupted in between
            waited_ns, now = self._waited_ns(), time.monotonic()
            if self._waited_ns() == waited_ns:
                return now - waited_ns / 1e9

    @staticmethod
    def _waited_ns() -> int:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1])


@pytest.fixture
def stall() -> Stall:
    return Stall()
