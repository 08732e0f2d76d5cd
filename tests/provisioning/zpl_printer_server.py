"""A ZPL printer on TCP that behaves like one: labels, paper, head, and ``~HS``."""

from __future__ import annotations

import re
import socket
import threading
from types import TracebackType
from typing import Self


class ZplPrinterServer:
    """Prints what it receives.

    :ivar labels: the formats that were printed
    :ivar paper: labels until the paper ends
    :ivar status: ``full``, ``none`` (no response to ~HS ever), ``unless_error`` (none while
        something is wrong, as some models), ``garbled``
    """

    def __init__(self, *, paper: int = 1000, status: str = "full") -> None:
        self.labels: list[bytes] = []
        self.pending: list[bytes] = []
        self.paper = paper
        self.is_head_open = False
        self.status = status
        self.queries = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        host, port = self._socket.getsockname()
        return f"tcp://{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        buffer = b""
        while data := connection.recv(65536):
            buffer += data
            while found := re.search(rb"~HS|\^XA.*?\^XZ\n?", buffer, re.DOTALL):
                buffer = buffer[: found.start()] + buffer[found.end() :]
                if found[0] == b"~HS":
                    self.queries += 1
                    connection.sendall(self._response())
                else:
                    self.pending.append(found[0])
                    self.work()

    def work(self) -> None:
        """Print what waits, as far as paper and head allow."""
        while self.pending and self.paper and not self.is_head_open:
            self.labels.append(self.pending.pop(0))
            self.paper -= 1

    def _response(self) -> bytes:
        is_wrong = not self.paper or self.is_head_open
        if self.status == "none" or (self.status == "unless_error" and is_wrong):
            return b""
        if self.status == "garbled":
            return b"\x02\xff\xfe,,,\x03\r\n\x02\x03\x02\x03" * 3
        first = f"030,{int(not self.paper)},0,0232,{len(self.pending):03d},0,0,0,000,0,0,0"
        second = f"000,0,{int(self.is_head_open)},0,1,2,6,0,00000000,1,000"
        return "".join(f"\x02{each}\x03\r\n" for each in (first, second, "0000,0")).encode()
