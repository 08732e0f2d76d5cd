"""Open ports as one non-blocking file descriptor: terminal, socket, or a socket pair.

:class:`AsyncChannel` and the blocking runner read and write the descriptor only here, so that a
vanished port is recognized in one place.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from typing import Final

from modemagent.channel.trace import Trace
from modemagent.errors import PortVanished

#: Bytes per read: the most a terminal returns, and few enough not to delay an event loop.
CHUNK: Final = 4096


class Port:
    """An open port.

    :param name: the port as the user named it
    :param descriptor: readable and writable, non-blocking; closed by :meth:`close`
    :param release: called once before the descriptor is closed, to restore settings and unlock
    """

    def __init__(
        self,
        name: str,
        descriptor: int,
        *,
        release: Callable[[int], None] | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.name = name
        self._descriptor = descriptor
        self._release = release
        self._trace = trace

    def fileno(self) -> int:
        """Return the descriptor, or -1 if the port is closed."""
        return self._descriptor

    def read(self) -> bytes:
        """Return the waiting bytes, b"" if there are none.

        :raises PortVanished: end of file or an I/O error
        """
        try:
            data = os.read(self._descriptor, CHUNK)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            raise port_vanished(self.name, error.strerror) from error
        if not data:
            if self._is_idle():
                return b""
            raise port_vanished(self.name, "end of file")
        if self._trace is not None:
            self._trace(self.name, "received", data)
        return data

    def write(self, data: bytes) -> int:
        """Write as much as the kernel accepts and return the number of bytes.

        :raises PortVanished: the port has disappeared
        """
        try:
            taken = os.write(self._descriptor, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise port_vanished(self.name, error.strerror) from error
        if self._trace is not None and taken:
            self._trace(self.name, "sent", data[:taken])
        return taken

    def close(self) -> None:
        """Discard unsent bytes, restore the settings, unlock and close; idempotent.

        A driver may block here for any time: :class:`AsyncChannel` calls this in a thread.
        """
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        try:
            if self._release is not None:
                self._release(descriptor)
        finally:
            os.close(descriptor)

    def _is_idle(self) -> bool:
        # An empty read means end of file, except on a terminal that another program has set to
        # VMIN 0 meanwhile. There it means "nothing yet", and poll reports no event either.
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return not poll.poll(0)


def port_vanished(port: str, reason: str | None = None) -> PortVanished:
    """Return the error for a port that was open and has disappeared."""
    return PortVanished(
        f"{port} has disappeared" + (f" ({reason.lower()})" if reason else ""),
        port=port,
        hint="The modem was unplugged or has restarted, or the server closed the connection. "
        "Check power and cable, then try again.",
    )
