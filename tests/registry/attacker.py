"""Raw connections to a registry, for requests that no HTTP client sends."""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self


class RawResponse(NamedTuple):
    status: int
    head: bytes
    body: bytes


class RawClient:
    """A TCP connection; everything sent and received is bytes."""

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def flood(self, data: bytes, most: int) -> int:
        """Send data until the server closes the connection or ``most`` bytes are sent."""
        sent = 0
        with contextlib.suppress(OSError):
            while sent < most:
                self.socket.sendall(data)
                sent += len(data)
        return sent

    def response(self) -> RawResponse:
        """Return the next response, which must have a Content-Length."""
        while b"\r\n\r\n" not in self.received:
            self._receive()
        head, _, rest = self.received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        wanted = int(length[1]) if length else 0
        self.received = rest
        while len(self.received) < wanted:
            self._receive()
        body, self.received = self.received[:wanted], self.received[wanted:]
        return RawResponse(int(head.split(b" ", 2)[1]), head, body)

    def rest(self) -> bytes:
        """Return everything until the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            while data := self.socket.recv(65536):
                self.received += data
        return self.received

    def is_closed(self) -> bool:
        """Return True if the server has closed the connection, now and without a response."""
        self.socket.setblocking(False)
        try:
            return self.socket.recv(65536) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(30)

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed by the server")
        self.received += data


def head(method: str, path: str, token: str | None = None, *lines: str) -> bytes:
    """Return the head of a request."""
    authorization = [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join(
        [f"{method} {path} HTTP/1.1", "Host: registry", *authorization, *lines, "", ""]
    ).encode()


def rss_kib(pid: int) -> int:
    """Return the resident memory of a process in KiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


def responses_to_wrong_tokens(port: int, *lines: str) -> list[RawResponse]:
    """Send requests with an invalid token until one is refused with status 429."""
    request = head("GET", "/api/v1/modems", "mma_" + "x" * 43, *lines)
    found: list[RawResponse] = []
    with RawClient(port) as client:
        while not found or found[-1].status == 401:
            client.send(request)
            found.append(client.response())
    return found
