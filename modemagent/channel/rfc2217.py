"""RFC 2217 client: pyserial's, behind one end of a socket pair.

pyserial's client has no descriptor to poll, blocks in open and close, purges the remote input when
it opens, does not wake a reader when the connection is lost, and discards the bytes received before
the loss. This module hides all of that: the end of the pair that it returns behaves as a TCP socket
does. Two threads copy the bytes.
"""

from __future__ import annotations

import contextlib
import socket
import threading

import serial
import serial.rfc2217


class _Client(serial.rfc2217.Serial):  # type: ignore[misc]
    """pyserial's client with the differences that this package needs."""

    def reset_input_buffer(self) -> None:
        """Keep the waiting bytes, which are evidence; ``open`` would discard them."""

    def reset_output_buffer(self) -> None:
        """Send no purge: some servers answer it late, and none needs it."""

    def rfc2217_set_control(self, value: bytes) -> None:
        """Request DTR, RTS and no flow control without waiting for the answer.

        ser2net 4.3 sends none if its device has no modem lines.
        """
        self._rfc2217_options["control"].set(value)

    def _telnet_read_loop(self) -> None:
        try:
            # a server that violates the protocol ends the connection as well
            with contextlib.suppress(Exception):
                super()._telnet_read_loop()
        finally:
            self._read_buffer.put(None)

    def close(self) -> None:
        """Close the socket also if the server has closed the connection first."""
        connection = self._socket
        super().close()
        if connection is not None:
            connection.close()

    def receive(self) -> bytes:
        """Wait for bytes and return all that have arrived, b"" at the end."""
        data = bytearray()
        while (byte := self._read_buffer.get()) is not None:
            data += byte
            if self._read_buffer.empty():
                return bytes(data)
        self._read_buffer.put(None)
        return bytes(data)


def connect(url: str, *, baud: int, timeout_s: float) -> socket.socket:
    """Connect, set 8N1 without flow control, and return a socket that carries the bytes.

    :param timeout_s: limit of the negotiation; pyserial gives the connection itself 5 s
    :raises OSError: the server cannot be reached or does not speak RFC 2217
    """
    client = _Client(None, baudrate=baud, timeout=None)
    client.port = f"{url}?timeout={min(timeout_s, 5.0):.1f}"
    try:
        client.open()
    except ValueError as error:  # an option the server refuses
        raise OSError(str(error)) from error
    outer, inner = socket.socketpair()
    outer.setblocking(False)
    for copy in (_copy_from_modem, _copy_to_modem):
        threading.Thread(
            target=copy, args=(client, inner), name=f"rfc2217 {url}", daemon=True
        ).start()
    return outer


def _copy_from_modem(client: _Client, inner: socket.socket) -> None:
    """Copy received bytes until the connection ends."""
    with contextlib.suppress(OSError):
        while data := client.receive():
            inner.sendall(data)
    with contextlib.suppress(OSError):
        inner.shutdown(socket.SHUT_RDWR)


def _copy_to_modem(client: _Client, inner: socket.socket) -> None:
    """Copy bytes to send until the port is closed or the connection ends."""
    with contextlib.suppress(OSError):
        while data := inner.recv(4096):
            client.write(data)
    with contextlib.suppress(OSError):
        inner.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(Exception):  # the port is closed: an error has no receiver
        client.close()
    inner.close()
