"""RFC 2217 by pyserial, turned into a descriptor: two threads behind a socket pair.

pyserial's client has no descriptor to wait for, its open and close block, it purges the far
input on opening, a reader of it is never told that the connection is lost, and what came before
the loss can not be read any more. All of that stays in this module: the one end of the pair that
leaves it behaves as a plain socket does.
"""

from __future__ import annotations

import contextlib
import socket
import threading

import serial
import serial.rfc2217


class _Client(serial.rfc2217.Serial):  # type: ignore[misc]
    """pyserial's client with its habits changed."""

    def reset_input_buffer(self) -> None:
        """Keep what is waiting: it is evidence, and ``open`` would throw it away."""

    def reset_output_buffer(self) -> None:
        """Send no purge: some servers answer it late, none needs it."""

    def rfc2217_set_control(self, value: bytes) -> None:
        """Ask for DTR, RTS and no flow control without waiting for the answer.

        ser2net 4.3 gives none when its device has no modem lines.
        """
        self._rfc2217_options["control"].set(value)

    def _telnet_read_loop(self) -> None:
        try:
            with contextlib.suppress(Exception):  # a server that breaks the protocol is gone too
                super()._telnet_read_loop()
        finally:
            self._read_buffer.put(None)

    def close(self) -> None:
        """Close the socket as well when the far side has hung up first."""
        link = self._socket
        super().close()
        if link is not None:
            link.close()

    def receive(self) -> bytes:
        """Wait for bytes and return all there are, b"" at the end."""
        data = bytearray()
        while (byte := self._read_buffer.get()) is not None:
            data += byte
            if self._read_buffer.empty():
                return bytes(data)
        self._read_buffer.put(None)
        return bytes(data)


def connect(url: str, *, baud: int, timeout_s: float) -> socket.socket:
    """Connect, set 8N1 without flow control, and return the descriptor's socket.

    :param timeout_s: for the negotiation; the connection itself may take 5 s (pyserial's own)
    :raises OSError: not reachable, or no RFC 2217 there
    """
    client = _Client(None, baudrate=baud, timeout=None)
    client.port = f"{url}?timeout={min(timeout_s, 5.0):.1f}"
    try:
        client.open()
    except ValueError as error:  # an option the server refuses
        raise OSError(str(error)) from error
    outside, inside = socket.socketpair()
    outside.setblocking(False)
    threading.Thread(
        target=_inwards, args=(client, inside), name=f"from {url}", daemon=True
    ).start()
    threading.Thread(target=_outwards, args=(client, inside), name=f"to {url}", daemon=True).start()
    return outside


def _inwards(client: _Client, inside: socket.socket) -> None:
    """Pass on what comes from the modem until the connection ends."""
    with contextlib.suppress(OSError):
        while data := client.receive():
            inside.sendall(data)
    with contextlib.suppress(OSError):
        inside.shutdown(socket.SHUT_RDWR)


def _outwards(client: _Client, inside: socket.socket) -> None:
    """Pass on what goes to the modem until the port is closed or the connection ends."""
    with contextlib.suppress(OSError):
        while data := inside.recv(4096):
            client.write(data)
    with contextlib.suppress(OSError):
        inside.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(Exception):  # it is being closed: nobody is left to be told
        client.close()
    inside.close()
