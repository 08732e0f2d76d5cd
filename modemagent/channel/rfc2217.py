"""A bridge to a remote serial port (RFC 2217): pyserial in threads, a socket pair for the rest.

pyserial's client has no file descriptor to wait on, so two threads carry the bytes to and from
one end of a socket pair and everybody else sees the other end. When the connection is lost the
pair is closed, which reads as a port that has vanished.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Any

from modemagent.channel.link import Link, host_and_port
from modemagent.errors import PortNotFound

_POLL_S = 0.05


def open_bridge(port: str, *, baud: int, timeout_s: float) -> Link:
    """Connect to ``rfc2217://HOST:PORT`` and return the near end.

    :raises PortNotFound: no connection, or the other end does not speak RFC 2217
    """
    import serial

    host_and_port(port, port.partition("://")[2])
    try:
        remote = serial.serial_for_url(
            f"{port}?timeout={timeout_s:g}", baudrate=baud, timeout=_POLL_S, write_timeout=timeout_s
        )
    except (serial.SerialException, OSError, ValueError) as error:
        raise PortNotFound(
            f"no connection to {port}: {error}",
            port=port,
            hint="check the address, and that the other end speaks RFC 2217 (ser2net: telnet)",
        ) from error
    near, far = socket.socketpair()
    near.setblocking(False)
    ending = threading.Event()
    threads = (
        threading.Thread(target=_carry_in, args=(remote, far, ending), daemon=True),
        threading.Thread(target=_carry_out, args=(remote, far, ending), daemon=True),
    )
    for thread in threads:
        thread.start()
    fd = near.detach()

    def close() -> None:
        ending.set()
        os.close(fd)
        with contextlib.suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)
        far.close()
        with contextlib.suppress(serial.SerialException, OSError):
            remote.close()

    return Link(port, fd, close)


def _carry_in(remote: Any, far: socket.socket, ending: threading.Event) -> None:
    """Carry what the modem says until either side ends."""
    with contextlib.suppress(Exception):  # whatever ends the connection ends the port
        while not ending.is_set():
            data = remote.read(max(1, min(4096, remote.in_waiting)))
            if data:
                far.sendall(data)
    with contextlib.suppress(OSError):
        far.shutdown(socket.SHUT_RDWR)


def _carry_out(remote: Any, far: socket.socket, ending: threading.Event) -> None:
    """Carry what we say until either side ends."""
    with contextlib.suppress(Exception):  # as above
        while not ending.is_set() and (data := far.recv(4096)):
            remote.write(data)
