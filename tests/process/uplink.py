"""TCP relay to the registry that counts bytes and cuts connections on request."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading


class Uplink:
    """TCP relay on a free port.

    ``cut()`` ends every connection and refuses new ones until ``mend()``. ``cut_after(n)`` does so
    after n more bytes from the registry, so that a response is lost half way.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.up = self.down = self.connections = 0
        self._left: int | None = None
        self._broken = False
        self._ends: set[socket.socket] = set()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._broken = True
        for end in list(self._ends):
            _hang_up(end)

    def cut_after(self, count: int) -> None:
        self._left = count

    def mend(self) -> None:
        self._left = None
        self._broken = False

    def close(self) -> None:
        self._closed = True
        self.cut()
        _hang_up(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(near,), daemon=True).start()

    def _relay(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError):
            if self._broken:
                return
            self.connections += 1
            with socket.create_connection(self._target, 5) as far:
                ends = {near, far}
                self._ends |= ends
                try:
                    self._carry(near, far)
                finally:
                    self._ends -= ends

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in ready.select():
                    source, other = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is near:
                        self.up += len(data)
                    else:
                        self.down += len(data)
                        if self._left is not None:
                            data, self._left = data[: self._left], self._left - len(data)
                            other.sendall(data)
                            if self._left < 0:
                                self.cut()
                                return
                            continue
                    other.sendall(data)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
